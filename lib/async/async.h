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

#ifndef ASYNC_SUSPENDS
#define ASYNC_SUSPENDS __attribute__((warn_unused_result))
#endif
#define ASYNC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Where a call stands in the source: "lessons/03_gather.c:42". */
#define ASYNC_PLACE          __FILE__ ":" ASYNC_STRING(__LINE__)
#define ASYNC_STRING(line)   ASYNC_STRING_2(line)
#define ASYNC_STRING_2(line) #line

/* ---- Errors ------------------------------------------------------------ */

enum {
    ASYNC_ECANCELED = -1001,   /* somebody cancelled this task */
    ASYNC_ETIMEDOUT = -1002,   /* async_wait_for: the time was up */
    ASYNC_EINPROGRESS = -1003, /* a task's err until it has been awaited */
    ASYNC_ENOLOOP = -1004,     /* a suspending call outside any task */
    ASYNC_ENESTED = -1005,     /* async_run inside async_run */
    ASYNC_EDEADLK = -1006, /* nothing is left that could wake anybody: the first
                              task's suspending call returns it */
    ASYNC_ENOMEM = -1007,  /* no memory for one more task */
    ASYNC_EINTERRUPTED = -1008, /* async_run: stopped by Ctrl-C */
    ASYNC_ECLOSED = -1009       /* a queue: closed, and nothing left in it */
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
 * bytes, between two UTF-8 characters, the last three then being "...". Works
 * in any thread and outside of tasks, too.
 * [raise ValueError("..."); Part 4]
 */
int async_raise(int err, const char *format, ...) ASYNC_PRINTF(2, 3);

/*
 * The text recorded for err by the last async_raise, here or in the task that
 * was awaited last; async_strerror(err) if that was for another error. The text
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
 * zeroes ({0}) is a task that was never spawned: to await it is an error,
 * -EINVAL, and so it is with a task of another async_run, also of one in
 * another thread; that task goes on. Until it has been awaited, its memory must
 * stay where it is, and must not be spawned into again. [asyncio.Task]
 */
struct async_task {
    int err; /* out: ASYNC_EINPROGRESS until awaited, then its result */
    struct async_private_task { /* the runtime's, leave it alone */
        struct async_coroutine *record;
        unsigned long long serial;
    } async_private;
    char errmsg[ASYNC_ERRMSG_SIZE]; /* out: its error's text, or "" */
};

/*
 * Runs fn(job) as the first task, until it and everything that it spawned have
 * ended. Returns what fn returned; ASYNC_EINTERRUPTED if Ctrl-C cancelled it;
 * ASYNC_ENESTED inside a task; ASYNC_ENOMEM or a negative errno value if no
 * loop could be set up. The error's text is async_errmsg(err).
 *
 * From the first run on, the program ignores SIGPIPE, and may open as many
 * files as the system allows. While it runs in the main thread, Ctrl-C cancels
 * fn's task, and a second Ctrl-C stops the program at once; Ctrl-\ prints the
 * table of tasks (async_dump), also while a task is in an endless loop. While
 * it runs in any thread, SIGSEGV and SIGBUS are the runtime's. Each thread may
 * run a loop of its own; a task belongs to the thread that spawned it. After a
 * fork, a child may only exec or _exit.
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
 * task counts as one that failed with ASYNC_ENOMEM; outside of tasks, with
 * ASYNC_ENOLOOP. The job is never touched by
 * the runtime: fn may free it.
 * [asyncio.create_task(f(x))]
 */
#define async_spawn(task, fn, job)                                             \
    async_spawn_at((task), (fn), (job), #fn, ASYNC_PLACE)
void async_spawn_at(struct async_task *task, async_fn *fn, void *job,
                    const char *name, const char *place);

/*
 * Waits until the task has ended, and returns its result; task->err and
 * task->errmsg hold it from then on. A task that was awaited before gives the
 * same result at once, and two may await the same task. If the caller is
 * cancelled meanwhile, the cancellation is passed on to the task, and the wait
 * goes on until it ends.
 * -EINVAL: the task was never spawned. ASYNC_EDEADLK: it is the caller,
 * or awaits it, maybe by way of others that it awaits. If
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
 * awaits it. Returns whether it was still running; nothing happens if it was
 * not. Does not suspend. Only from the task's own thread, and within the
 * async_run that it was spawned in: elsewhere nothing happens but a report.
 * [task.cancel()]
 */
bool async_cancel(struct async_task *task);

/*
 * How often somebody asked the current task to stop: tells "I was cancelled"
 * from "the task that I awaited was". 0 outside of tasks.
 * [task.cancelling()]
 */
int async_cancelling(void);

/*
 * Runs fn(job) here, as a call, and holds back what would cancel it: whoever
 * cancels this task meanwhile is heard by its next suspending call after this
 * one. A cancellation that was on its way before is held back, too. Returns
 * fn's result; ASYNC_ENOLOOP outside of tasks, and fn was not called. For the
 * few steps that must not be left half done.
 * [await asyncio.shield(f(x)), but there the waiter is cancelled at once, and f
 * runs on alone]
 */
int async_shield(async_fn *fn, void *job) ASYNC_SUSPENDS;

/* ---- Many tasks at once ------------------------------------------------ */

/*
 * Waits until all n tasks have ended. If one fails, the others are cancelled,
 * waited for, and its error is returned: the earliest, if several fail. If the
 * caller is cancelled, all of them are, and the result is ASYNC_ECANCELED.
 * Whatever it returns, none of the tasks runs any more. No tasks at all (n is
 * 0): 0, at once.
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
    async_gather_each_at((fn), (jobs), sizeof *(jobs), (n), #fn, ASYNC_PLACE)
int async_gather_each_at(async_fn *fn, void *jobs, size_t job_size, size_t n,
                         const char *name, const char *place) ASYNC_SUSPENDS;

/*
 * The same with async_gather_all: errs[i] becomes the result of fn(&jobs[i]).
 * errs is an array of n, the caller's.
 * [asyncio.gather(*[f(x) for x in xs], return_exceptions=True); Part 4]
 */
#define async_gather_each_all(fn, jobs, n, errs)                               \
    async_gather_each_all_at((fn), (jobs), sizeof *(jobs), (n), (errs), #fn,   \
                             ASYNC_PLACE)
int async_gather_each_all_at(async_fn *fn, void *jobs, size_t job_size,
                             size_t n, int *errs, const char *name,
                             const char *place) ASYNC_SUSPENDS;

/*
 * Waits until one more of the n tasks has ended: called n times, it gives each
 * of them once, in the order in which they end. Returns 0, and *i is that
 * task's index; tasks[*i].err and tasks[*i].errmsg tell how it ended. -EINVAL
 * if none is left to wait for. Tasks that were never spawned come first, with
 * -EINVAL. If several wait for the same tasks, each task is given to one of
 * them. If the caller is cancelled, all of the tasks are, and have been waited
 * for when this returns ASYNC_ECANCELED. Each call looks at all n tasks.
 * [for f in asyncio.as_completed(tasks): await f]
 */
int async_wait_any(struct async_task *tasks, size_t n,
                   size_t *i) ASYNC_SUSPENDS;

/*
 * Cancels those of the n tasks that still run, and waits for them: the way out
 * of a function that spawned tasks and cannot wait for their results. Skips
 * tasks that have ended and tasks that were never spawned ({0}); those of
 * another async_run are left as they are, and reported. It suspends, but has no
 * error: if the caller is cancelled meanwhile, its next suspending call says
 * so.
 */
void async_reap(struct async_task *tasks, size_t n);

/* ---- Time -------------------------------------------------------------- */

/*
 * Suspends the task for so many seconds; others run meanwhile. 0 or less: lets
 * everybody else who is ready run once. INFINITY: until cancelled. Returns 0,
 * ASYNC_ECANCELED, ASYNC_ENOMEM, or -EINVAL if seconds is not a number.
 * [await asyncio.sleep(seconds); Part 1]
 */
int async_sleep(double seconds) ASYNC_SUSPENDS;

/* async_sleep(0): lets everybody else who is ready run once. */
int async_yield(void) ASYNC_SUSPENDS;

/*
 * Blocks the whole thread for so many seconds: nobody runs meanwhile. Not at
 * all if that is 0 or less, or not finite. Also outside of tasks. It is here to
 * show what async_sleep saves us from. [time.sleep(seconds); Part 1]
 */
void async_block(double seconds);

/*
 * Seconds on the runtime's clock. It never runs backwards; only differences
 * between two readings mean anything. Works outside of tasks, too.
 * [asyncio.get_running_loop().time()]
 *
 * ASYNC_CLOCK=virtual in the environment: sleeping costs nothing. When nobody
 * is ready, the clock jumps to the moment that the next sleeper waits for; as
 * long as anybody is, it stands still. ASYNC_SPEED=10: the real clock, ten
 * times as fast.
 */
double async_now(void);

/*
 * Runs fn(job) as a task of its own, for at most so many seconds. When they are
 * up the task is cancelled and waited for, its cleanup included; the result is
 * then ASYNC_ETIMEDOUT, unless it ended by itself after all. A limit of 0 or
 * less never starts it. INFINITY is no limit: fn(job) is called, without a task
 * of its own. -EINVAL if seconds is not a number. If the caller is cancelled,
 * so is the task, and the result is ASYNC_ECANCELED. [await
 * asyncio.wait_for(f(x), timeout=seconds); Quick Reference]
 */
#define async_wait_for(fn, job, seconds)                                       \
    async_wait_for_at((fn), (job), (seconds), #fn, ASYNC_PLACE)
int async_wait_for_at(async_fn *fn, void *job, double seconds, const char *name,
                      const char *place) ASYNC_SUSPENDS;

/* ---- Tasks that wait for each other ------------------------------------ */

/*
 * Semaphores, events and queues need no setup beyond what is said below and no
 * teardown, but must outlive the tasks that wait for them. They belong to one
 * thread's loop.
 */

/* Who waits there, first come first served. The runtime's. */
struct async_waiters {
    struct async_waiter *first, *last;
};

/*
 * Lets at most so many tasks at a time into some part of the program. Written
 * down with the number: {.permits = 10}.
 * [asyncio.Semaphore(10), asyncio.Lock() with one permit; exercise solutions,
 * 01]
 */
struct async_semaphore {
    int permits; /* in: how many may be held at once; then: how many are free */
    struct async_private_semaphore { /* the runtime's, leave it alone */
        struct async_waiters waiters;
        int granted, limit;
        bool begun, over_released;
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
 * Gives a permit back, and so wakes the first task that waits for one. A
 * release that would make more permits than there were at the start changes
 * nothing, and the first of a semaphore is reported; but if there were none
 * ({0}), any task may release, as a signal to others.
 * Does not suspend.
 * [semaphore.release()]
 */
void async_semaphore_release(struct async_semaphore *semaphore);

/*
 * Something that happens once, and that tasks wait for. All zeroes ({0}): it
 * has not happened yet.
 * [asyncio.Event]
 */
struct async_event {
    bool is_set; /* out */
    struct async_waiters async_private;
};

/*
 * Waits until the event is set; does not suspend if it is. Returns 0 or
 * ASYNC_ECANCELED. All who wait are woken, in the order in which they came.
 * [await event.wait()]
 */
int async_event_wait(struct async_event *event) ASYNC_SUSPENDS;

/* Sets the event, and wakes whoever waits. [event.set()] */
void async_event_set(struct async_event *event);

/* From now on, tasks wait for the event again. [event.clear()] */
void async_event_clear(struct async_event *event);

/*
 * A line of items that some tasks put in and others take out, first in, first
 * out. Written down with how many it may hold: {.capacity = 10}; 0 is without
 * limit. An item is a pointer, and whose it is the program decides. A queue
 * holds memory only while there are items in it.
 * [asyncio.Queue(maxsize=10)]
 */
struct async_queue {
    size_t capacity;             /* in */
    size_t count;                /* out: items in it now */
    bool closed;                 /* out */
    struct async_private_queue { /* the runtime's, leave it alone */
        void **items;            /* a ring of so many, the oldest at first */
        size_t room, first;
        struct async_waiters getters, putters;
    } async_private;
};

/*
 * Puts item at the end of the queue, waiting while it is full. Returns 0; or,
 * and the item is still the caller's, ASYNC_ECLOSED, ASYNC_ECANCELED, or
 * ASYNC_ENOMEM.
 * [await queue.put(item)]
 */
int async_queue_put(struct async_queue *queue, void *item) ASYNC_SUSPENDS;

/*
 * Takes the first item out, waiting while there is none. Returns 0, and *item
 * is it; or, and *item is unchanged, ASYNC_ECLOSED if the queue is closed and
 * empty, ASYNC_ECANCELED.
 * [await queue.get()]
 */
int async_queue_get(struct async_queue *queue, void **item) ASYNC_SUSPENDS;

/*
 * Says that nothing more will be put in. What is in the queue can still be
 * taken out; then ASYNC_ECLOSED tells every taker that the work is done.
 * Whoever waits to put gets ASYNC_ECLOSED at once. Closing twice changes
 * nothing. [queue.shutdown(), since Python 3.13]
 */
void async_queue_close(struct async_queue *queue);

/* ---- Outside of the loop ----------------------------------------------- */

/*
 * Runs fn(job) in another thread, for functions that compute for long or
 * block and cannot be changed: the task waits, and others run meanwhile. fn
 * must not call anything that suspends (though it may async_run a loop of its
 * own), nor set, release or close what tasks of this thread wait for, and
 * shares no data with them without a lock. The threads are kept, as many as
 * there are processors and four more, at most 32; whatever comes beyond that
 * waits for one, in order. Returns fn's result, its error's text included. A
 * thread cannot be interrupted: cancelled, this still waits for fn to return,
 * and then is ASYNC_ECANCELED; if fn had not begun, it never does.
 * ASYNC_ENOMEM, -EAGAIN or -EMFILE if there is no thread to be had.
 * [await asyncio.to_thread(f, x)]
 */
int async_to_thread(async_fn *fn, void *job) ASYNC_SUSPENDS;

/*
 * Waits until a read from the file descriptor, or a write to it, would not
 * block; an error or a hang-up counts, too: the read or write tells. Regular
 * files never block. Returns 0, ASYNC_ECANCELED, -EBUSY if a task waits for the
 * same already, ASYNC_ENOMEM, or what the system says of the descriptor
 * (-EBADF). It must not be closed meanwhile. [what loop.sock_recv() and
 * loop.sock_sendall() wait for; loop.add_reader]
 */
int async_wait_readable(int fd) ASYNC_SUSPENDS;
int async_wait_writable(int fd) ASYNC_SUSPENDS;

/* ---- Seeing what happens ----------------------------------------------- */

/*
 * Draws the tasks of the next async_run over time, on standard output, after it
 * has ended: a row for each task, a mark wherever it ran. The picture is
 * `seconds` wide, or as wide as the run took if that is longer or seconds is 0.
 *
 * ASYNC_TIMELINE=1 in the environment draws every run, ASYNC_TIMELINE=0 none.
 * The picture fills the terminal, between 40 and 200 columns; elsewhere it has
 * as many as COLUMNS says, or 80. Of more than 24 tasks the first and the last
 * have rows, and the others are counted: how many slept, waited or ended badly
 * at a time. It needs eight bytes for each of them. Signs are plain ASCII
 * unless the locale is UTF-8; colours are for terminals, and NO_COLOR=1 is
 * without.
 *
 * ASYNC_TRACE=file.json writes what happens to the tasks of all runs to a file
 * that ui.perfetto.dev and chrome://tracing open: a track for each task with
 * where it was spawned, when it ran and what it waited for, how it ended, and
 * arrows from spawn to first step and from its end to whoever awaited it. Each
 * run is a process there; the file is written anew when the first one begins,
 * and grows while the program runs: a program that crashes leaves all that was
 * before. Both variables work for any program, and together.
 */
void async_timeline(double seconds);

/*
 * Prints the tasks, and what each of them waits for, to standard error; of
 * many tasks, the first ones and how many of the others wait for what. At a
 * terminal, Ctrl-\ does the same at any time. May be called in a signal handler
 * of the thread whose tasks they are.
 */
void async_dump(void);

/*
 * ASYNC_DEBUG=1 in the environment: a task that keeps the thread for longer
 * than 0.1 s without suspending is reported, with the lines between which it
 * did. [PYTHONASYNCIODEBUG=1]
 */

/* ---- Where a task waits ------------------------------------------------ */

/*
 * Reports tell the line in which a task waits: each of these calls notes its
 * own. Everything above holds for them as it stands.
 */
#ifndef ASYNC_RUNTIME_H
extern _Thread_local const char *async_place;

static inline void async_here(const char *place)
{
    async_place = place;
}

#define ASYNC_HERE(call)           (async_here(ASYNC_PLACE), call)
#define async_run(fn, job)         ASYNC_HERE(async_run((fn), (job)))
#define async_main(fn, job)        ASYNC_HERE(async_main((fn), (job)))
#define async_await(task)          ASYNC_HERE(async_await(task))
#define async_cancel(task)         ASYNC_HERE(async_cancel(task))
#define async_gather(tasks, n)     ASYNC_HERE(async_gather((tasks), (n)))
#define async_gather_all(tasks, n) ASYNC_HERE(async_gather_all((tasks), (n)))
#define async_wait_any(tasks, n, i)                                            \
    ASYNC_HERE(async_wait_any((tasks), (n), (i)))
#define async_reap(tasks, n)  ASYNC_HERE(async_reap((tasks), (n)))
#define async_shield(fn, job) ASYNC_HERE(async_shield((fn), (job)))
#define async_sleep(seconds)  ASYNC_HERE(async_sleep(seconds))
#define async_yield()         ASYNC_HERE(async_yield())
#define async_semaphore_acquire(semaphore)                                     \
    ASYNC_HERE(async_semaphore_acquire(semaphore))
#define async_semaphore_release(semaphore)                                     \
    ASYNC_HERE(async_semaphore_release(semaphore))
#define async_event_wait(event) ASYNC_HERE(async_event_wait(event))
#define async_queue_put(queue, item)                                           \
    ASYNC_HERE(async_queue_put((queue), (item)))
#define async_queue_get(queue, item)                                           \
    ASYNC_HERE(async_queue_get((queue), (item)))
#define async_to_thread(fn, job) ASYNC_HERE(async_to_thread((fn), (job)))
#define async_wait_readable(fd)  ASYNC_HERE(async_wait_readable(fd))
#define async_wait_writable(fd)  ASYNC_HERE(async_wait_writable(fd))

#endif

#endif
