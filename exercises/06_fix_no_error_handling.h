/*
 * The contract of exercise 6: what goes in, what comes out, who owns what.
 *
 * The request itself is given, and comes in the job: the program at the end of
 * the skeleton brings its own, the judge another.
 */
#ifndef FIX_NO_ERROR_HANDLING_H
#define FIX_NO_ERROR_HANDLING_H

#include "async/async.h"

/* One request. */
struct get {
    const char *url; /* in: what to ask for */
    char *body;      /* out: what came back; NULL if the request failed */
};

/* One item to get, and what came of it. */
struct item {
    const char *url; /* in: where it is; the caller's */
    bool success;    /* out: whether the title is there */
    char *title;     /* out: the title; NULL if it is not there */
    char error[128]; /* out: if not, why; "" otherwise */
};

/* All items, and how to get one. */
struct item_batch {
    async_fn *get;             /* in: makes one request, see below */
    struct item *items;        /* in: an array of n items, the caller's */
    size_t n;                  /* in: how many; 0 is allowed */
    size_t successful, failed; /* out: how many of each; 0 at the start */
};

/*
 * get is a coroutine: int get(void *get). Its job is one struct get; it
 * suspends until the answer is there, writes body and returns 0, or fails, and
 * returns a negative error code, and body is NULL. The body is allocated with
 * malloc(); whoever made the request frees it. It is what the server sent: it
 * should be JSON like
 * {"id": 7, "title": "..."}, and may be anything.
 */

/*
 * Gets all n items at the same time, and takes the title out of each.
 *
 * item_batch is a struct item_batch. get is called exactly once for each item.
 * An item has succeeded if its body is a JSON object with a title that is a
 * string. If not, or if the request failed, it has failed: error is then the
 * text of the request's error, or says what is wrong with the body; no other
 * item is affected. successful and failed add up to n. The titles are allocated
 * with malloc(), or something that uses it; the caller frees them.
 *
 * Suspends until all items have ended. Returns 0, even if all of them failed;
 * ASYNC_ECANCELED if the batch itself was cancelled; or -ENOMEM. When it
 * returns, no request is under way any more, and everything but the titles is
 * freed.
 */
int process_items(void *item_batch) ASYNC_SUSPENDS;

#endif
