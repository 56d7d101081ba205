/*
 * The contract of exercise 4: what goes in, what comes out, who owns what.
 *
 * The two operations are given, and come in the job: the program at the end of
 * the skeleton brings its own, the judge others.
 */
#ifndef FIX_FORGOTTEN_AWAIT_H
#define FIX_FORGOTTEN_AWAIT_H

#include "async/async.h"

/* One drink that was ordered. */
struct order {
    const char *drink; /* in: its name; the caller's */
    double price;      /* out: what it costs; 0 until it was fetched */
};

/* All that was ordered, and what is needed to make a bill of it. */
struct bill {
    async_fn *fetch_price; /* in: fetches one price, see below */
    async_fn *write_log;   /* in: writes the log, see below */
    struct order *orders;  /* in: an array of n orders, the caller's */
    size_t n;              /* in: how many, at least 1 */
    void *log;             /* in: the job of write_log; the caller's */
    double total;          /* out: the sum of all prices; 0 until then */
};

/*
 * Both operations are coroutines. fetch_price has one struct order as its job;
 * it suspends until the price is known, writes it and returns 0. write_log has
 * log as its job; it suspends until the log is written, and returns 0. Either
 * may fail instead, and returns a negative error code.
 */

/*
 * Fetches all prices, at the same time, writes the log, and adds the prices up.
 *
 * bill is a struct bill. fetch_price is called exactly once for each element of
 * orders, write_log exactly once. The log needs no price: it may be written
 * while they are fetched.
 *
 * Suspends until all prices are there and the log is written. Returns 0, and
 * total is the sum; or the error of a fetch_price or a write_log that failed,
 * and total means nothing; or -ENOMEM. Whatever it returns, nothing that it
 * started is under way any more, and what it allocated for itself is freed.
 */
int make_bill(void *bill) ASYNC_SUSPENDS;

#endif
