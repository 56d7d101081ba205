/*
 * The contract of exercise 11: what goes in, what comes out, who owns what.
 *
 * What is attempted is given, and comes in the job: the program at the end of
 * the skeleton brings one operation, the judge another.
 */
#ifndef TIMEOUT_EXERCISE_H
#define TIMEOUT_EXERCISE_H

#include "async/async.h"

/* An operation, and how long one may wait for it. */
struct timed {
    async_fn *attempt; /* in: makes one attempt, see below */
    void *job;         /* in: its job, the same for each attempt */
    double timeout;    /* in: for one attempt, in seconds; more than 0 */
    int max_retries;   /* in: how many more attempts after the first one */
    int attempts;      /* out, also on failure: how many were begun; 0 before */
};

/*
 * attempt is a coroutine. It suspends until it has an answer, and returns 0, or
 * fails with an error of its own. If it is cancelled it cleans up, which may
 * take a while, and returns ASYNC_ECANCELED.
 */

/*
 * Makes attempts, one after another, until one has ended by itself within its
 * timeout: that one's result is returned, with its error's text. One that takes
 * longer is stopped, and the next one begins as soon as it has ended, until
 * there were max_retries + 1. The result is then ASYNC_ETIMEDOUT.
 *
 * timed is a struct timed.
 *
 * Suspends as long as attempts are made. Returns what was said; or
 * ASYNC_ECANCELED if it was cancelled itself, and then makes no other attempt.
 * When it returns, no attempt is under way any more.
 */
int call_with_timeout(void *timed) ASYNC_SUSPENDS;

#endif
