/*
 * The contract of exercise 9: what goes in, what comes out, who owns what.
 *
 * How a page is fetched is given, and comes in the job: the program at the end
 * of the skeleton brings one way, the judge another.
 */
#ifndef FIX_NO_SEMAPHORE_H
#define FIX_NO_SEMAPHORE_H

#include "async/async.h"

/* One page to fetch, and what came of it. */
struct fetch {
    const char *url;               /* in: the page's address; the caller's */
    bool success;                  /* out: whether it was fetched */
    char error[ASYNC_ERRMSG_SIZE]; /* out: if not, the error's text */
};

/* All the pages, and how many may be fetched at a time. */
struct fetch_batch {
    async_fn *fetch;       /* in: fetches one page, see below */
    struct fetch *fetches; /* in: an array of n, zeroed; the caller's */
    size_t n;              /* in: how many; 0 is allowed */
    int max_concurrent;    /* in: how many at a time, at least 1 */
    size_t completed;      /* out: how many were fetched */
};

/*
 * fetch is a coroutine: int fetch(void *fetch). Its job is one struct fetch, of
 * which it reads the url and writes nothing. It suspends until the page is
 * there and returns 0, or fails, and then the error has a text. Whatever the
 * error is, it is this page's: ASYNC_ECANCELED, too, if somebody cancelled that
 * one fetch.
 */

/*
 * Fetches all n pages, each once, at most max_concurrent at a time. As long as
 * there are pages to be begun, it is never fewer.
 *
 * fetch_batch is a struct fetch_batch. success and error of each page, and
 * completed, are written here. Several tasks may call this at the same time,
 * each with a batch and a limit of its own.
 *
 * Suspends until all have ended. Returns 0, also if pages could not be fetched;
 * ASYNC_ECANCELED if it was cancelled, and then begins none any more; or
 * -ENOMEM. When it returns no page is under way any more, and everything that
 * it allocated for itself is freed.
 */
int fetch_all(void *fetch_batch) ASYNC_SUSPENDS;

#endif
