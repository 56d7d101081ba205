/*
 * Exercise 11, solved: a limit for each attempt, and another attempt after it.
 *
 * The task is in exercises/11_timeout.md, the contract in the header beside it.
 * Run it: make solution11.
 */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* await asyncio.wait_for(attempt(job), timeout), and once more if it is late */
int call_with_timeout(void *job)
{
    struct timed *timed = job;
    int err;

    /* Only a time-out is worth another attempt: an error of the operation's own
     * is its answer, and ASYNC_ECANCELED is a request to us. */
    do {
        timed->attempts++;
        err = async_wait_for(timed->attempt, timed->job, timed->timeout);
    } while (err == ASYNC_ETIMEDOUT && timed->attempts <= timed->max_retries);
    return err;
}

/* ---- Given: what `make exercise11` runs -------------------------------- */

#ifndef ASYNC_VERIFY

enum { ATTEMPTS = 3 };

/* An operation that takes another time, and ends otherwise, in each attempt. */
struct operation {
    double seconds[ATTEMPTS]; /* in: how long each attempt takes */
    int err;                  /* in: what they return */
    int begun;                /* out: how many there were */
};

/* Says so when it is stopped; that takes 0.1 s. */
static int slow_operation(void *job)
{
    struct operation *operation = job;
    double seconds = operation->seconds[operation->begun++ % ATTEMPTS];

    int err = async_sleep(seconds);
    if (err == ASYNC_ECANCELED) {
        int goodbye = async_sleep(0.1);
        printf("  attempt %d is stopped\n", operation->begun);
        return goodbye ? goodbye : err;
    }
    if (err || !operation->err)
        return err;
    return async_raise(operation->err, "401 Unauthorized");
}

/* Calls it, prints what came of it, and returns that. */
static int show(const char *title, struct operation operation)
{
    struct timed timed = {slow_operation, &operation, 0.5, ATTEMPTS - 1, 0};

    printf("%s:\n", title);
    double start = async_now();
    int err = async_run(call_with_timeout, &timed);
    if (err == ASYNC_EINTERRUPTED)
        exit(130); /* Ctrl-C */
    if (err == ASYNC_ETIMEDOUT)
        printf("  Operation timed out!\n");
    else
        printf("  %s\n", err ? async_errmsg(err) : "an answer");
    printf("  %.1f s, attempts: %d\n\n", async_now() - start, timed.attempts);
    return err;
}

int main(void)
{
    printf("Attempts may take 0.5 s each; there are up to %d.\n\n", ATTEMPTS);
    if (show("It takes 0.2 s", (struct operation){.seconds = {0.2}}))
        return 1;
    show("It takes 0.9, then 0.9, then 0.2 s",
         (struct operation){.seconds = {0.9, 0.9, 0.2}});
    show("It always takes 10 s",
         (struct operation){.seconds = {10.0, 10.0, 10.0}});
    show("It is refused after 0.2 s",
         (struct operation){.seconds = {0.2}, .err = -EACCES});
    return 0;
}

#endif
