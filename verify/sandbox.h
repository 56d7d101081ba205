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
#include <sys/types.h>

/* The level of protection, for the report. */
const char *sandbox_level(void);

/* The judge itself: nobody may look into its memory, and processes that lose
   their parent become its children, so that it can end them. */
void sandbox_judge(void);

/* The user and group that submissions are compiled and run as. */
uid_t sandbox_uid(void);
gid_t sandbox_gid(void);

/*
 * In a child before exec: it becomes that user, gets no privileges any more,
 * and is killed when the judge dies. Returns 0 or a negative errno value.
 */
int sandbox_child(void);

/* At most so many processes may the child's user have; 0: not known. */
size_t sandbox_process_limit(void);

/* All descendants of the judge: writes up to n, returns how many there are. */
size_t sandbox_family(pid_t *pids, size_t n);

/* What a process uses; a process that is gone uses nothing. */
struct usage {
    bool known;
    bool waits;     /* sleeps in a system call */
    long cpu_ticks; /* CPU time, in the system's unit */
    size_t memory;  /* resident bytes */
};
struct usage sandbox_usage(pid_t pid);

#endif
