/*
 * The contract of exercise 8: what goes in, what comes out, who owns what.
 *
 * What is tried, and what is worth another try, is given and comes in the job:
 * the program at the end of the skeleton brings its own, the judge others.
 */
#ifndef RETRY_H
#define RETRY_H

#include "async/async.h"

/* Something to do, and how often it may be tried. */
struct retry {
    async_fn *operation;             /* in: a coroutine, see below */
    void *job;                       /* in: its job, whatever that is */
    bool (*worth_retrying)(int err); /* in: whether such a failure may pass */
    int max_retries;                 /* in: attempts after the first; 2 */
    double base_delay;               /* in: the first wait, in seconds; 1.0 */
    int attempts; /* out, also on failure: how often operation was called */
};

/*
 * operation(job) suspends, and returns 0 or a negative error code; the text of
 * its error is recorded with async_raise. worth_retrying is an ordinary
 * function, asked about such an error. It answers any error code, also those
 * that are no failures.
 */

/*
 * Calls operation(job) until it succeeds, or fails in a way that is not worth
 * another attempt, or has failed max_retries + 1 times.
 *
 * retry is a struct retry. Before the first retry it waits for base_delay, and
 * before each further one twice as long as before the last. Each wait may have
 * a random part (jitter) that makes it up to half longer, or shorter. After the
 * last attempt there is no wait.
 *
 * Suspends during the attempts and the waits. Returns 0, or the last attempt's
 * error, whose text async_errmsg then has. If it is cancelled, in an attempt or
 * in a wait, it returns ASYNC_ECANCELED at once, whatever worth_retrying says.
 */
int retry(void *retry) ASYNC_SUSPENDS;

#endif
