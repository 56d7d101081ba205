/*
 * bubblewrap.h - a program in a world of its own, by bwrap(1), where that
 * works.
 */
#ifndef VERIFY_BUBBLEWRAP_H
#define VERIFY_BUBBLEWRAP_H

#include <stdbool.h>

struct command;

/*
 * Tries whether a program that the compiler's name is found by, such as "gcc",
 * runs in it. From then on each command with a world is run so.
 */
void bubblewrap_try(const char *compiler);

/* Whether it is used. */
bool bubblewrap_works(void);

/* The level of protection, and why it is no higher: "" or in plain words. */
const char *sandbox_level(void);
const char *sandbox_reason(void);

/*
 * The command's arguments, and before them bwrap's own; the caller frees the
 * array. bwrap tells on the descriptor status what became of the program.
 */
char **bubblewrap_arguments(const struct command *command, int status);

/* Whether the program was begun, from what bwrap said on that descriptor, and
   that it was not killed. */
bool bubblewrap_began(const char *said);

#endif
