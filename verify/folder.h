/*
 * folder.h - a private folder, removed whatever happens.
 */
#ifndef VERIFY_FOLDER_H
#define VERIFY_FOLDER_H

#include "text.h"

#include <stdbool.h>

/* A path as a value: path_in(a, b).chars lives as long as the expression. */
struct path {
    char chars[1024];
};

/* "FOLDER/NAME". */
struct path path_in(const char *folder, const char *name);

/*
 * All of these give up, EXIT_MACHINE, if they cannot be done.
 */
struct path folder_open(void);

/* Whether there is room on its disk for what a submission is compiled into. */
bool folder_has_room(const char *path);

void folder_make(struct path path);

/* The same, in place of whatever is there; returns false if somebody who may
   write there has made that impossible. */
bool folder_make_anew(struct path path);
void folder_write(struct path path, const char *bytes, size_t n);
void folder_copy(struct path from, struct path to);

/* Hands it over to the user that submissions run as, or takes it back: then
   that user may still read it. */
void folder_give_away(const char *path);
void folder_take_back(const char *path);

/* Removes it with all that is in it, however deep; folders from folder_open()
   also at exit. */
void folder_remove(struct path path);

/* Leaves those that are open to another process: at exit they stay. */
void folder_forget_all(void);

#endif
