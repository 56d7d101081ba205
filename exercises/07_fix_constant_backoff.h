/*
 * The contract of exercise 7: what goes in, what comes out, who owns what.
 *
 * How a request is sent is given, and comes in the job: the program at the end
 * of the skeleton brings its own way, the judge another.
 */
#ifndef FIX_CONSTANT_BACKOFF_H
#define FIX_CONSTANT_BACKOFF_H

#include "async/async.h"
#include "llm/error.h"

/* A request to the API of an LLM, and what the server said to it. */
struct request {
    const char *url;    /* in: where it goes; the caller's */
    int status;         /* out, also on failure: HTTP's; 0: no answer came */
    double retry_after; /* out, also on failure: in so many seconds the server
                           wants to be asked again; 0: it does not say */
};

/*
 * send is a coroutine: int send(void *request). It suspends until the answer is
 * there, writes status and retry_after anew each time, and returns 0 or one of
 * the codes in llm/error.h. Of those, these may heal:
 *
 *     LLM_ERATELIMIT   429, too many requests
 *     LLM_ECONFLICT    409
 *     LLM_ESERVER      500 and above
 *     LLM_ECONNECTION  no connection, or it broke
 *     LLM_ETIMEDOUT    no answer in time
 *
 * Any other stays what it is: LLM_EBADREQUEST (400), LLM_EAUTHENTICATION (401),
 * LLM_ENOTFOUND (404) ...
 */

/* A request, and how often and how soon it may be sent again. */
struct backoff {
    async_fn *send;          /* in: sends a request */
    struct request *request; /* in: its job; the caller's */
    int max_retries;         /* in: attempts after the first; 2 */
    double base_delay;       /* in: the first wait, in seconds; 1.0 */
    double max_delay;        /* in: no wait of ours is longer; 8.0 */
    int attempts;            /* out, also on failure: how often it was sent */
};

/*
 * Sends the request, until that succeeds, or fails in a way that does not heal,
 * or has failed max_retries + 1 times.
 *
 * backoff is a struct backoff. Before the first retry it waits for base_delay,
 * before each further one twice as long as before the last, but never longer
 * than max_delay. Each wait may have a random part (jitter) that makes it up to
 * half longer, or shorter. If the server says when it wants to be asked again,
 * the wait is at least that long, whatever max_delay is, and at most half
 * longer than both together. After the last attempt there is no wait.
 *
 * Suspends during the attempts and the waits. Returns 0, or the last attempt's
 * error, whose text async_errmsg then has; ASYNC_ECANCELED at once, if it is
 * cancelled in an attempt or in a wait.
 */
int send_with_backoff(void *backoff) ASYNC_SUSPENDS;

#endif
