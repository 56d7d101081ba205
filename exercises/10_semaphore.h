/*
 * The contract of exercise 10: what goes in, what comes out, who owns what.
 *
 * What is to be run is given, and comes in the job: the program at the end of
 * the skeleton brings one coroutine, the judge another.
 */
#ifndef SEMAPHORE_EXERCISE_H
#define SEMAPHORE_EXERCISE_H

#include "async/async.h"

/* A coroutine, and what it is to be run on. */
struct limited {
    async_fn *fn; /* in: the coroutine */
    void **jobs;  /* in: an array of n pointers, each of them a job for fn */
    size_t n;     /* in: how many; 0 is allowed */
    int limit;    /* in: how many of them may run at a time */
    int *errs;    /* in: an array of n, the caller's; out, also on failure:
                     errs[i] is what fn(jobs[i]) returned */
};

/*
 * Calls fn once for each of the n jobs, up to limit of them at a time: as long
 * as jobs have not begun, never fewer.
 *
 * limited is a struct limited. What a job looks like only fn knows. Several
 * tasks may call this at the same time, each with a limit of its own.
 *
 * Suspends until all calls have ended. Returns 0, also if calls failed, with
 * whatever error, ASYNC_ECANCELED included: errs tells which. -EINVAL if limit
 * is less than 1; then nothing was called. ASYNC_ECANCELED if it was cancelled
 * itself; the calls that were under way then have been cancelled, too, no other
 * began, and errs need not be complete. Or -ENOMEM. When it returns no call is
 * under way any more, and everything that it allocated for itself is freed.
 */
int gather_limited(void *limited) ASYNC_SUSPENDS;

#endif
