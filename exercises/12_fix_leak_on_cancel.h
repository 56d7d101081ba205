/*
 * The contract of exercise 12: what goes in, what comes out, who owns what.
 *
 * How a connection is opened, read and closed is given, and comes in the job:
 * the program at the end of the skeleton brings its own, the judge others.
 */
#ifndef FIX_LEAK_ON_CANCEL_H
#define FIX_LEAK_ON_CANCEL_H

#include "async/async.h"

/* A connection over which one report is read, piece by piece. */
struct connection {
    const char *name; /* in: the report's name */
    char *text;       /* out: what read has got; NULL: that was all */
};

/* A report to be fetched. */
struct report {
    struct async_semaphore *slots; /* in: one for each connection that may be
                                      open; the caller's */
    async_fn *open;                /* in: these three: see below */
    async_fn *read;
    void (*close)(struct connection *connection);
    const char *name; /* in: the report's name */
    char *text; /* out: all pieces, joined; the caller frees it. NULL if it
                   could not be fetched */
};

/*
 * open and read are coroutines whose job is a struct connection. open connects;
 * read writes the next piece into text, from malloc, for its caller to free, or
 * NULL after the last one. Both suspend, and return 0; or, and nothing was
 * opened and nothing written, an error of their own or ASYNC_ECANCELED.
 *
 * close ends a connection that was opened. It does not suspend, and cannot
 * fail.
 */

/*
 * Fetches a report: takes a slot, opens a connection, reads all pieces, closes,
 * gives the slot back, in this order.
 *
 * report is a struct report.
 *
 * Suspends while it waits for a slot, and in open and read. Returns 0, the
 * error of open or read with its text, ASYNC_ECANCELED if it was cancelled, or
 * -ENOMEM. On every path, when it returns, what it opened is closed, the slot
 * that it took is given back, and nothing is allocated but text.
 */
int fetch_report(void *report) ASYNC_SUSPENDS;

#endif
