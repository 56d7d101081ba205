/*
 * The contract of exercise 15: what goes in, what comes out, who owns what.
 *
 * It is the chapter's second exercise, with its names and its defaults.
 */
#ifndef RATE_LIMITED_PROCESSOR_H
#define RATE_LIMITED_PROCESSOR_H

#include "async/async.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* [RateLimitedProcessor; exercise 02] */
struct rate_limited_processor {
    int max_concurrent; /* in: requests in flight at any time, at most */
    int max_retries;    /* in: how often one is sent again, at most */
    double timeout;     /* in: seconds for each attempt */
    double base_delay;  /* in: seconds before the first retry; then twice that,
                           four times that ... */
    struct async_semaphore semaphore; /* max_concurrent permits */
    size_t completed, failed;         /* out: URLs, of all batches so far */
};

/* The chapter's defaults: struct rate_limited_processor p = RATE_LIMITED; */
#define RATE_LIMITED                                                           \
    {                                                                          \
        .max_concurrent = 5, .max_retries = 3, .timeout = 10.0,                \
        .base_delay = 1.0, .semaphore = {                                      \
            .permits = 5                                                       \
        }                                                                      \
    }

/* One URL, and what came of it. */
struct fetch_result {
    struct rate_limited_processor *processor; /* in */
    const char *url;                          /* in */
    bool success;    /* out: a status from 200 to 299, and JSON */
    long status;     /* out: the last answer's; 0: none came */
    cJSON *data;     /* out: the JSON, the caller's; NULL if it failed */
    char error[256]; /* out: why it failed, never empty then */
    int attempts;    /* out: requests that were made for it */
};

/*
 * Fetches the URL. fetch_result is a struct fetch_result.
 *
 * Each attempt holds one permit of the semaphore, and ends timeout seconds
 * after it got that, with its connection closed. Another one follows,
 * max_retries times at most, if it may help: after a status of 429 or of 500
 * and above, a time-out, or a connection that failed. Before the k-th retry (k
 * = 0, 1, ...) it waits base_delay * 2^k seconds, which may be varied at random
 * from nothing to half as much again, or for as long as the server asks
 * (Retry-After) if that is longer. It holds no permit meanwhile.
 *
 * Returns 0 also if the URL has failed, as the result then says; an error only
 * if it could not go on (ASYNC_ECANCELED, -ENOMEM).
 */
int fetch_with_retry(void *fetch_result) ASYNC_SUSPENDS;

/* [process_batch(urls)] */
struct url_batch {
    struct rate_limited_processor *processor; /* in */
    struct fetch_result *results; /* in: n of them, processor and url set */
    size_t n;                     /* in: 0 is allowed */
    size_t successful, failed;    /* out: of this batch alone */
    double elapsed_time;          /* out: seconds, by async_now() */
};

/*
 * Fetches all URLs of the batch, max_concurrent at a time, and counts, here and
 * in the processor. url_batch is a struct url_batch. Returns as above. A
 * processor may be used for one batch after another.
 */
int process_batch(void *url_batch) ASYNC_SUSPENDS;

/*
 * One GET of a URL: given, at the beginning of the skeleton. Whoever does it in
 * another way may: what counts is what the server sees.
 */
struct http_get {
    const char *url;    /* in */
    long status;        /* out: such as 200 or 404 */
    char *body;         /* out: what came, with a NUL behind; the caller's */
    double retry_after; /* out: seconds that the server asks to wait; or 0 */
};
int http_get(void *http_get) ASYNC_SUSPENDS;

#endif
