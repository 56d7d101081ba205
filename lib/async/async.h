/*
 * async.h - async/await for C programs, on one thread.
 *
 * A coroutine is an ordinary function, int f(void *job), that runs on a stack
 * of its own. Its job is a struct: fields marked "in" are its arguments, fields
 * marked "out" its results. Two things can be done with a coroutine:
 *
 *     err = f(&job);                   await it: wait here until it is done
 *     async_spawn(&task, f, &job);     start it: it runs beside this one
 *
 * All tasks share one thread. A task runs until it calls a function that
 * suspends (those marked ASYNC_SUSPENDS); while it waits there, others run.
 * Between two such calls nobody else touches anything: no locks are needed.
 *
 * Errors are int: 0 is success, everything else is negative, either an errno
 * value (-EINVAL) or one of the ASYNC_E... codes below.
 *
 * Two rules keep memory safe:
 *   - No task outlives the function that spawned it, because its job lives
 *     there. Whoever spawns also gathers, awaits or reaps, on every path.
 *   - Who owns a job frees its out fields, also when the call that was to fill
 *     them failed. Start with the whole job zeroed, and free() is always right.
 *
 * In brackets behind each function: asyncio's name for it. Part 1 to Part 4 are
 * the chapter's.
 */
#ifndef ASYNC_H
#define ASYNC_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__GNUC__)
#define ASYNC_SUSPENDS          __attribute__((warn_unused_result))
#define ASYNC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define ASYNC_SUSPENDS
#define ASYNC_PRINTF(fmt, args)
#endif

/* ---- Errors ------------------------------------------------------------ */

enum {
    ASYNC_ECANCELED = -1001,   /* somebody cancelled this task */
    ASYNC_ETIMEDOUT = -1002,   /* async_wait_for: the time was up */
    ASYNC_EINPROGRESS = -1003, /* a task's err until it has been awaited */
    ASYNC_ENOLOOP = -1004,     /* a suspending call outside any task */
    ASYNC_ENESTED = -1005,     /* async_run inside async_run */
    ASYNC_EDEADLK = -1006,     /* nothing is left that could wake anybody */
    ASYNC_ENOMEM = -1007,      /* no memory for one more task */
    ASYNC_EINTERRUPTED = -1008 /* async_run: stopped by Ctrl-C */
};

/* Room for an error's text, the final NUL included. */
#define ASYNC_ERRMSG_SIZE 128

/*
 * Records the text of an error and returns err, so that a coroutine fails in
 * one line:
 *
 *     return async_raise(-EINVAL, "Document %d is corrupted!", id);
 *
 * The text travels with the error to whoever awaits the task. It is cut to 127
 * bytes, between two UTF-8 characters, the last three then being "...".
 * [raise ValueError("..."); Part 4]
 */
int async_raise(int err, const char *format, ...) ASYNC_PRINTF(2, 3);

/*
 * The text recorded for err by the last async_raise, here or in the task that
 * was awaited last; async_strerror(err) if none was recorded for it. The text
 * stays until this task's next raise or suspending call: copy it to keep it.
 * [str(e); Part 4]
 */
const char *async_errmsg(int err);

/* What an error code means, in words; never NULL, never to be freed. */
const char *async_strerror(int err);

/* ---- Tasks ------------------------------------------------------------- */

/* What can be spawned. job is the caller's, and outlives the task. */
typedef int async_fn(void *job);

/*
 * A coroutine that was started and runs by itself. The memory is the caller's,
 * often a local array, and need not be initialised before async_spawn. All
 * zeroes ({0}) is a task that was never spawned. Until it has been awaited, it
 * must neither be copied nor spawned again.
 * [asyncio.Task]
 */
struct async_task {
    int err; /* out: ASYNC_EINPROGRESS until awaited, then its result */
    char errmsg[ASYNC_ERRMSG_SIZE];        /* out: its error's text, or "" */
    struct async_coroutine *async_private; /* the runtime's, leave it alone */
};

/*
 * Runs fn(job) as the first task, until it and everything that it spawned have
 * ended. Returns what fn returned; ASYNC_EINTERRUPTED if Ctrl-C cancelled it;
 * ASYNC_ENESTED inside a task; ASYNC_ENOMEM or a negative errno value if no
 * loop could be set up. The error's text is async_errmsg(err).
 *
 * From the first run in the main thread on, the program ignores SIGPIPE, and
 * may open as many files as the system allows. While it runs, SIGINT, SIGSEGV
 * and SIGBUS are the runtime's.
 * [asyncio.run(main()); Part 2]
 */
int async_run(async_fn *fn, void *job);

/*
 * async_run as the last line of main(): prints an error that nobody handled to
 * standard error, and returns the exit status: 0, 1, or 130 after Ctrl-C.
 */
int async_main(async_fn *fn, void *job);

/*
 * Starts fn(job) as a task of its own. It takes its first step once the calling
 * task suspends, never before this returns. If there is no memory for it, the
 * task counts as one that failed with ASYNC_ENOMEM.
 * [asyncio.create_task(f(x))]
 */
#define async_spawn(task, fn, job)                                             \
    async_spawn_at((task), (fn), (job), #fn, __FILE__, __LINE__)
void async_spawn_at(struct async_task *task, async_fn *fn, void *job,
                    const char *name, const char *file, int line);

/*
 * Waits until the task has ended, and returns its result; task->err and
 * task->errmsg hold it from then on. A task that was awaited before gives the
 * same result at once. If the caller is cancelled meanwhile, the cancellation
 * is passed on to the task, and the wait goes on until it ends.
 * -EINVAL: the task was never spawned. ASYNC_EDEADLK: it awaits the caller. If
 * the caller is cancelled after the task has ended: ASYNC_ECANCELED.
 * [await task]
 */
int async_await(struct async_task *task) ASYNC_SUSPENDS;

/*
 * Asks the task to stop: the suspending call that it is in, or its next one,
 * returns ASYNC_ECANCELED, once, also if it was asked several times before. If
 * it waits for another task there, that one is asked instead, and the wait goes
 * on. What it does then is its own affair; usually it frees what it holds and
 * returns. A task that has not begun never does; one that returns 0 without
 * suspending again has ended with ASYNC_ECANCELED. Whoever owns the task still
 * awaits it. Returns whether it was still running. Does not suspend.
 * [task.cancel()]
 */
bool async_cancel(struct async_task *task);

/*
 * How often somebody asked the current task to stop: tells "I was cancelled"
 * from "the task that I awaited was". 0 outside of tasks.
 * [task.cancelling()]
 */
int async_cancelling(void);

/* ---- Many tasks at once ------------------------------------------------ */

/*
 * Waits until all n tasks have ended. If one fails, the others are cancelled,
 * waited for, and its error is returned: the earliest, if several fail. If the
 * caller is cancelled, all of them are, and the result is ASYNC_ECANCELED.
 * Whatever it returns, none of the tasks runs any more.
 * [await asyncio.gather(*tasks), but asyncio lets the siblings run on;
 * asyncio.TaskGroup waits as we do; Part 1]
 */
int async_gather(struct async_task *tasks, size_t n) ASYNC_SUSPENDS;

/*
 * Waits until all n tasks have ended, however they ended: tasks[i].err and
 * tasks[i].errmsg tell. Returns 0 even if all of them failed, and
 * ASYNC_ECANCELED if the caller was cancelled (the tasks then were, too).
 * [await asyncio.gather(*tasks, return_exceptions=True); Part 4]
 */
int async_gather_all(struct async_task *tasks, size_t n) ASYNC_SUSPENDS;

/*
 * Runs fn once for each element of the array jobs, all at the same time, and
 * gathers them: async_spawn in a loop, then async_gather. ASYNC_ENOMEM, and
 * nothing was started, if there is no memory for n tasks.
 * [await asyncio.gather(*[f(x) for x in xs]); Part 3]
 */
#define async_gather_each(fn, jobs, n)                                         \
    async_gather_each_at((fn), (jobs), sizeof *(jobs), (n), #fn, __FILE__,     \
                         __LINE__)
int async_gather_each_at(async_fn *fn, void *jobs, size_t job_size, size_t n,
                         const char *name, const char *file,
                         int line) ASYNC_SUSPENDS;

/*
 * The same with async_gather_all: errs[i] becomes the result of fn(&jobs[i]).
 * errs is an array of n, the caller's.
 * [asyncio.gather(*[f(x) for x in xs], return_exceptions=True); Part 4]
 */
#define async_gather_each_all(fn, jobs, n, errs)                               \
    async_gather_each_all_at((fn), (jobs), sizeof *(jobs), (n), (errs), #fn,   \
                             __FILE__, __LINE__)
int async_gather_each_all_at(async_fn *fn, void *jobs, size_t job_size,
                             size_t n, int *errs, const char *name,
                             const char *file, int line) ASYNC_SUSPENDS;

/*
 * Cancels those of the n tasks that still run, and waits for them: the way out
 * of a function that spawned tasks and cannot wait for their results. Skips
 * tasks that have ended and tasks that were never spawned ({0}). It suspends,
 * but has no error: if the caller is cancelled meanwhile, its next suspending
 * call says so.
 */
void async_reap(struct async_task *tasks, size_t n);

/* ---- Time -------------------------------------------------------------- */

/*
 * Suspends the task for so many seconds; others run meanwhile. 0 or less: lets
 * everybody else who is ready run once. INFINITY: until cancelled. Returns 0,
 * ASYNC_ECANCELED, or -EINVAL if seconds is not a number.
 * [await asyncio.sleep(seconds); Part 1]
 */
int async_sleep(double seconds) ASYNC_SUSPENDS;

/* async_sleep(0): lets everybody else who is ready run once. */
int async_yield(void) ASYNC_SUSPENDS;

/*
 * Blocks the whole thread for so many seconds: nobody runs meanwhile. Also
 * outside of tasks. It is here to show what async_sleep saves us from.
 * [time.sleep(seconds); Part 1]
 */
void async_block(double seconds);

/*
 * Seconds on the runtime's clock. It never runs backwards; only differences
 * between two readings mean anything. Works outside of tasks, too.
 * [asyncio.get_running_loop().time()]
 *
 * ASYNC_CLOCK=virtual in the environment: sleeping costs nothing, the clock
 * jumps to the moment that the next sleeper waits for. ASYNC_SPEED=10: the real
 * clock, ten times as fast.
 */
double async_now(void);

/*
 * Runs fn(job) as a task of its own, for at most so many seconds. When they are
 * up the task is cancelled and waited for, its cleanup included; the result is
 * then ASYNC_ETIMEDOUT, unless it ended by itself after all. A limit of 0 or
 * less never starts it; INFINITY is no limit. -EINVAL if seconds is not a
 * number. If the caller is cancelled, so is the task.
 * [await asyncio.wait_for(f(x), timeout=seconds); Quick Reference]
 */
#define async_wait_for(fn, job, seconds)                                       \
    async_wait_for_at((fn), (job), (seconds), #fn, __FILE__, __LINE__)
int async_wait_for_at(async_fn *fn, void *job, double seconds, const char *name,
                      const char *file, int line) ASYNC_SUSPENDS;

/* ---- Limiting concurrency ---------------------------------------------- */

/*
 * Lets at most so many tasks at a time into some part of the program. Written
 * down with the number, {.permits = 10}; it needs no other setup and no
 * teardown, but must outlive the tasks that wait for it.
 * [asyncio.Semaphore(10); exercise solutions, 01]
 */
struct async_semaphore {
    int permits; /* in: how many may be held at once; then: how many are free */
    struct async_private_semaphore { /* the runtime's, leave it alone */
        struct async_semaphore_waiter *first, *last;
        int granted, limit;
        bool begun;
    } async_private;
};

/*
 * Takes a permit, waiting for one if none is free. First come, first served.
 * Returns 0 with a permit, which must be released on every path; or, without
 * one, ASYNC_ECANCELED, or -EINVAL if the number of permits is negative.
 * Does not suspend while permits are free and nobody waits.
 * [await semaphore.acquire()]
 */
int async_semaphore_acquire(struct async_semaphore *semaphore) ASYNC_SUSPENDS;

/*
 * Gives a permit back, and so wakes the first task that waits for one.
 * Releasing what was never acquired is reported, and changes nothing.
 * [semaphore.release()]
 */
void async_semaphore_release(struct async_semaphore *semaphore);

/* ---- Seeing what happens ----------------------------------------------- */

/*
 * Draws the tasks of the next async_run over time, on standard output, after it
 * has ended: a row for each task. The picture is `seconds` wide, or as wide as
 * the run took if that is longer or seconds is 0. ASYNC_TIMELINE=1 in the
 * environment draws every run, ASYNC_TIMELINE=0 none.
 */
void async_timeline(double seconds);

/* Prints every task and what it waits for to standard error. */
void async_dump(void);

#endif
