/*
 * sandbox.h - what only some systems can do to keep a program in its place.
 *
 * Everything else is POSIX and stands in process.c. On a system without these,
 * the functions do nothing, or say that they do not know.
 */
#ifndef VERIFY_SANDBOX_H
#define VERIFY_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The judge itself: nobody may look into its memory, and processes that lose
   their parent become its children, so that it can end them. */
void sandbox_judge(void);

/* A deputy, of the judge that is this process: the same for itself, and it does
   not outlive the judge. */
void sandbox_deputy(pid_t judge);

/* The user and group that submissions are compiled and run as, once that has
   been chosen. */
uid_t sandbox_uid(void);
gid_t sandbox_gid(void);

/* Whether a submission runs as the judge's own user, and sees its processes. */
bool sandbox_is_shared(void);

/* Whether programs of two deputies cannot meet: each has a world, or at least a
   user, of its own. */
bool sandbox_is_apart(void);

/*
 * In a child before exec: it becomes that user, gets no privileges any more,
 * and is killed when the judge dies. Returns 0 or a negative errno value.
 */
int sandbox_child(void);

/* At most so many processes may the child's user have, if it gets more of its
   own (0: the usual few); 0: not known. */
size_t sandbox_process_limit(size_t more);

/* What all descendants of the judge are at, at one moment. */
struct look {
    bool known;
    bool can_run;   /* one of them runs, or would if the machine let it */
    bool unfair;    /* one has another priority than the judge */
    bool stopped;   /* one was stopped by a signal */
    bool in_vfork;  /* one waits for its child to run another program */
    bool headless;  /* of one, the main thread has ended, and others not */
    long ticks;     /* CPU time of all, in the system's unit */
    size_t memory;  /* resident bytes of all */
    uint64_t who;   /* other processes, another number */
    int64_t waited; /* nanoseconds that the judge itself has waited for a
                       processor, since it began; 0 if that is not told */
};
struct look sandbox_look(void);

/* How many CPU ticks a second has. */
long sandbox_ticks_a_second(void);

/* Asks those of its descendants that are a submission's, by SIGQUIT, what they
   are at. */
void sandbox_ask(void);

/* Kills its children. Whom they leave behind becomes its child, and so it takes
   rounds, counted from 0, until it has none. */
void sandbox_kill(int round);

#endif
