/*
 * The contract of exercise 3: what goes in, what comes out, who owns what.
 *
 * The two ways to fetch a page are given, and come in the job: the program at
 * the end of the skeleton brings its own, the judge others.
 */
#ifndef FIX_BLOCKING_CALL_H
#define FIX_BLOCKING_CALL_H

#include "async/async.h"

/*
 * A page to visit, and the two functions that can fetch it. Both take the
 * struct page as their job, and both write status and return 0, or return a
 * negative error code. They differ in how they wait for the answer:
 */
struct page {
    async_fn *client_get;   /* in: suspends its task; others run meanwhile */
    async_fn *requests_get; /* in: blocks the thread; nobody runs meanwhile */
    const char *url;        /* in: the page's address; the caller's */
    double pause;           /* in: how long to wait before it, in seconds */
    int status;             /* out: what the server said (200); 0 until then */
};

/*
 * Waits for the page's pause, then fetches the page, once.
 *
 * page is a struct page. Nothing is allocated.
 *
 * Suspends during the pause and during the fetch, so that others run. Returns
 * 0; or the error of the pause (ASYNC_ECANCELED, if the visit was cancelled;
 * then the page is not fetched at all); or the error of the fetch.
 */
int visit(void *page) ASYNC_SUSPENDS;

#endif
