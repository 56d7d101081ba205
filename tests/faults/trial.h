/*
 * trial.h - runs something once for each call in it that can fail, that call
 * failing, and judges what comes of it.
 */
#ifndef TRIAL_H
#define TRIAL_H

#include "inject.h"

#include "async/async.h"

/*
 * A program in small. Returns 0 if it has done all of its work, an error code
 * if it could not, or what trial_wrong() returns. It leaves nothing behind and
 * can be run again.
 */
typedef int trial_fn(void);

struct trial {
    const char *name;
    trial_fn *run;
    /* Or: the i-th trial is a test of the suite. How many failed; that may be
       so under any fault, and what a failed test leaves behind is its own. */
    int (*run_case)(size_t i);
};

/* Says what is wrong, and returns what a trial then does. */
int trial_wrong(const char *format, ...) ASYNC_PRINTF(1, 2);

/* async_run() of fn as the main task, with a look at how signals reach it. */
int trial_async_run(async_fn *fn, void *job);

/*
 * Runs them all under all faults of all kinds that they meet, prints a table,
 * and returns a program's exit status. Calls for which the same functions of
 * the libraries are on the stack are alike: of those the first fails, the
 * second, the fourth, the eighth ..., counted in each trial anew, but over all
 * tests of a suite. In the environment:
 *
 *   FAULTS=every           each call by itself
 *   FAULTS=n               at most so many of a kind in a trial, evenly spread
 *   FAULT="WORDS"          names of trials and kinds: only these
 *   FAULT="NAME KIND N"    only this one, or with N+ also all calls behind it,
 *                          in this process: for a debugger
 */
int trial_all(const struct trial *trials, size_t n);

#endif
