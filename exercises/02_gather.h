/*
 * The contract of exercise 2: what goes in, what comes out, who owns what.
 *
 * The API call itself is given, and comes in the job: the program at the end of
 * the skeleton brings one, the judge another.
 */
#ifndef GATHER_H
#define GATHER_H

#include "async/async.h"

/* One call of the API. */
struct api_call {
    double delay; /* in: how long the answer takes, in seconds */
    int task_id;  /* in: the call's number */
    char *result; /* out: the answer; NULL until then, and if the call failed */
};

/* All the calls that are to be made. */
struct fan_out {
    async_fn *simulated_api_call; /* in: makes one call, see below */
    struct api_call *calls;       /* in: an array of n calls, the caller's */
    size_t n;                     /* in: how many; 0 is allowed */
};

/*
 * simulated_api_call is a coroutine: int simulated_api_call(void *api_call).
 * Its job is one struct api_call; it suspends until the answer is there, writes
 * result and returns 0, or fails and returns a negative error code. Whoever
 * called call_all() frees the results.
 */

/*
 * Makes all n calls at the same time: it takes as long as the slowest.
 *
 * fan_out is a struct fan_out. simulated_api_call is called exactly once for
 * each element of calls.
 *
 * Suspends until all calls have ended. Returns 0 if all succeeded (and if there
 * were none), the error of a call that failed, or -ENOMEM. When it returns, no
 * call is under way any more, and everything that it allocated for itself is
 * freed.
 */
int call_all(void *fan_out) ASYNC_SUSPENDS;

#endif
