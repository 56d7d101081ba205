/*
 * driver.h - for the half of a grader that runs in the student's process.
 *
 * That half has one function of its own, driver_main(). It builds the job that
 * the scenario describes, with operations that ask the judge what comes of
 * them, runs the student's function on it, and tells what it left in the out
 * fields. It judges nothing: whatever runs in this process, the student's code
 * could forge.
 */
#ifndef VERIFY_DRIVER_H
#define VERIFY_DRIVER_H

#include "async/async.h"

#include <stddef.h>

/* The grader's: called once, outside of async_run. */
void driver_main(void);

/* ---- The scenario ------------------------------------------------------ */

/* How many items (calls, pages ...) the scenario has. */
size_t driver_n(void);

/* Item i's value of a parameter; the driver's. "" or 0 if there is none. */
const char *driver_text(const char *name, size_t i);
double driver_seconds(const char *name, size_t i);

/* ---- Operations -------------------------------------------------------- */

/*
 * An operation of the name op, for item i: tells the judge that it was called,
 * and suspends until the judge answers. On success *answer is a text that
 * exists nowhere else; the caller frees it. On failure it is the judge's error,
 * or ASYNC_ECANCELED, and *answer is left alone.
 */
int driver_call(const char *op, size_t i, char **answer) ASYNC_SUSPENDS;

/* The same, but it blocks the thread instead of suspending the task. */
int driver_call_blocking(const char *op, size_t i, char **answer);

/*
 * The operation op was called for an item that is not there: number i, or -1
 * for a job that is none of ours. The result is for the student.
 */
int driver_stray(const char *op, long i);

/* ---- A web server ------------------------------------------------------- */

/*
 * Makes the judge serve the scenario's web server on a port of this machine,
 * which is returned. From then on the clock is the real one. Called once,
 * before driver_run().
 */
int driver_serve(void);

/* ---- The student's function -------------------------------------------- */

/* Runs fn(job) as a task; returns once it and all that it started have ended.
 */
void driver_run(async_fn *fn, void *job, const char *name);

/* Item i's out field, as the student left it. */
void driver_out_text(size_t i, const char *field, const char *value);
void driver_out_number(size_t i, const char *field, long value);

/* The same of dollars or seconds, told in billionths; -1: it is no number. */
void driver_out_billionths(size_t i, const char *field, double value);

#endif
