/*
 * runtime.c - small programs that use lib/async in all ways, under faults.
 *
 * Each ends either with all of its results, and they are right, or with an
 * error code; and no task of it is left, whichever it was.
 */
#include "trial.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- A job that all of them use ---------------------------------------- */

static int running; /* tasks between their first step and their end */

struct square {
    double seconds; /* in */
    int number;     /* in */
    int result;     /* out */
};

static int square(void *job)
{
    struct square *square = job;

    running++;
    int err = async_sleep(square->seconds);
    if (!err)
        square->result = square->number * square->number;
    running--;
    return err;
}

static void set_squares(struct square *squares, int n)
{
    for (int i = 0; i < n; i++)
        squares[i] = (struct square){.seconds = 1 + i % 5, .number = i + 1};
}

static int check_squares(const struct square *squares, int n)
{
    for (int i = 0; i < n; i++)
        if (squares[i].result != (i + 1) * (i + 1))
            return trial_wrong("square %d is %d", i + 1, squares[i].result);
    return 0;
}

static void spawn_squares(struct async_task *tasks, struct square *squares,
                          int n)
{
    set_squares(squares, n);
    for (int i = 0; i < n; i++)
        async_spawn(&tasks[i], square, &squares[i]);
}

/* A run of fn as the main task; nothing may run any more after it. */
static int run(async_fn *fn, void *job)
{
    running = 0;
    int err = trial_async_run(fn, job);
    if (running)
        return trial_wrong("%d tasks still run", running);
    return err;
}

/* ---- Waiting for tasks ------------------------------------------------- */

static int await_main(void *job)
{
    struct async_task tasks[3];
    struct square squares[3];
    int err = 0;

    (void)job;
    spawn_squares(tasks, squares, 3);
    for (int i = 0; i < 3 && !err; i++)
        err = async_await(&tasks[i]);
    async_reap(tasks, 3);
    return err ? err : check_squares(squares, 3);
}

static int await_each(void)
{
    return run(await_main, NULL);
}

static int gather_main(void *job)
{
    struct async_task tasks[5];
    struct square squares[5];

    (void)job;
    spawn_squares(tasks, squares, 5);
    int err = async_gather(tasks, 5);
    return err ? err : check_squares(squares, 5);
}

static int gather(void)
{
    return run(gather_main, NULL);
}

/* The first of its errors, after all have ended. */
static int gather_all_main(void *job)
{
    struct square squares[5];
    int errs[5] = {0};

    (void)job;
    set_squares(squares, 5);
    int err = async_gather_each_all(square, squares, 5, errs);
    for (int i = 0; i < 5 && !err; i++)
        err = errs[i];
    return err ? err : check_squares(squares, 5);
}

static int gather_all(void)
{
    return run(gather_all_main, NULL);
}

static int row_of_squares(void *job)
{
    set_squares(job, 6);
    return async_gather_each(square, (struct square *)job, 6);
}

static int rows_main(void *job)
{
    struct square rows[4][6];

    (void)job;
    int err = async_gather_each(row_of_squares, rows, 4);
    for (int i = 0; i < 4 && !err; i++)
        err = check_squares(rows[i], 6);
    return err;
}

static int gather_nested(void)
{
    return run(rows_main, NULL);
}

/* More tasks at once than a slab has stacks, or records. */
static int many_main(void *job)
{
    enum { MANY = 300 };
    struct square *squares = calloc(MANY, sizeof *squares);

    (void)job;
    if (!squares)
        return ASYNC_ENOMEM;
    set_squares(squares, MANY);
    int err = async_gather_each(square, squares, MANY);
    if (!err)
        err = check_squares(squares, MANY);
    free(squares);
    return err;
}

static int gather_many(void)
{
    return run(many_main, NULL);
}

struct shared {
    struct async_task *tasks;
    size_t n;
};

static int gather_shared(void *job)
{
    struct shared *shared = job;

    return async_gather_all(shared->tasks, shared->n);
}

/* Three tasks gather the same ones. */
static int gather_twice_main(void *job)
{
    struct async_task tasks[4], gatherers[3];
    struct square squares[4];
    struct shared shared = {tasks, 4};

    (void)job;
    spawn_squares(tasks, squares, 4);
    for (int i = 0; i < 3; i++)
        async_spawn(&gatherers[i], gather_shared, &shared);
    int err = async_gather(gatherers, 3);
    async_reap(tasks, 4);
    for (int i = 0; i < 4 && !err; i++)
        err = tasks[i].err;
    return err ? err : check_squares(squares, 4);
}

static int gather_twice(void)
{
    return run(gather_twice_main, NULL);
}

static int wait_any_main(void *job)
{
    struct async_task tasks[5];
    struct square squares[5];
    int err = 0;
    size_t i = 0;

    (void)job;
    spawn_squares(tasks, squares, 5);
    for (int n = 0; n < 5 && !err; n++) {
        err = async_wait_any(tasks, 5, &i);
        if (!err)
            err = tasks[i].err;
    }
    async_reap(tasks, 5);
    return err ? err : check_squares(squares, 5);
}

static int wait_any(void)
{
    return run(wait_any_main, NULL);
}

static int wait_for_main(void *job)
{
    struct square fast = {.seconds = 1, .number = 1};
    struct square slow = {.seconds = 9, .number = 1};

    (void)job;
    int err = async_wait_for(square, &fast, 2);
    if (err)
        return err;
    err = async_wait_for(square, &slow, 2);
    if (!err || slow.result)
        return trial_wrong("the time was not up");
    return err == ASYNC_ETIMEDOUT ? check_squares(&fast, 1) : err;
}

static int wait_for(void)
{
    return run(wait_for_main, NULL);
}

/* ---- Cancelling -------------------------------------------------------- */

struct holder {
    int cleaned; /* out: its cleanup has run */
};

static int clean_up(void *job)
{
    struct holder *holder = job;
    int err = async_sleep(1);

    holder->cleaned += !err;
    return err;
}

static int hold(void *job)
{
    running++;
    int err = async_sleep(100);
    int cleaned = async_shield(clean_up, job);
    running--;
    return cleaned ? cleaned : err;
}

static int cancel_main(void *job)
{
    struct async_task tasks[4];
    struct holder holders[4] = {{0}};

    (void)job;
    for (int i = 0; i < 4; i++)
        async_spawn(&tasks[i], hold, &holders[i]);
    int err = async_sleep(1);
    for (int i = 0; i < 4; i++)
        async_cancel(&tasks[i]);
    int gathered = async_gather_all(tasks, 4);
    err = err ? err : gathered;
    for (int i = 0; i < 4 && !err; i++)
        if (tasks[i].err != ASYNC_ECANCELED)
            err = tasks[i].err;
    for (int i = 0; i < 4 && !err; i++)
        if (holders[i].cleaned != 1)
            err = trial_wrong("cleaned up %d times", holders[i].cleaned);
    return err;
}

static int cancel(void)
{
    return run(cancel_main, NULL);
}

/* Nobody can be woken any more: main is told so, and unwinds. */
static int deadlock_main(void *job)
{
    struct async_event event = {0};

    (void)job;
    int err = async_sleep(1);
    if (!err)
        err = async_event_wait(&event);
    if (err != ASYNC_EDEADLK)
        return err ? err : trial_wrong("no deadlock");
    /* Once for the deadlock. */
    return async_cancelling() > 1 ? ASYNC_ECANCELED : 0;
}

static int deadlock(void)
{
    return run(deadlock_main, NULL);
}

/* ---- Tasks that wait for each other ------------------------------------ */

enum { ITEMS = 40, WORKERS = 3 };

struct works {
    struct async_queue queue;
    struct async_semaphore semaphore;
    struct async_event begin;
    int sum; /* of all items */
};

static int work(void *job)
{
    struct works *works = job;
    void *item = NULL;
    int err = async_event_wait(&works->begin);

    while (!err && !(err = async_queue_get(&works->queue, &item))) {
        err = async_semaphore_acquire(&works->semaphore);
        if (err)
            break;
        err = async_sleep(0.1);
        works->sum += (int)(intptr_t)item;
        async_semaphore_release(&works->semaphore);
    }
    return err == ASYNC_ECLOSED ? 0 : err;
}

static int produce(void *job)
{
    struct works *works = job;
    int err = 0;

    for (intptr_t i = 1; i <= ITEMS && !err; i++)
        err = async_queue_put(&works->queue, (void *)i);
    async_event_set(&works->begin);
    async_queue_close(&works->queue);
    return err;
}

static int queue_main(void *job)
{
    struct works *works = job;
    struct async_task tasks[WORKERS + 1];

    async_spawn(&tasks[0], produce, works);
    for (int i = 1; i <= WORKERS; i++)
        async_spawn(&tasks[i], work, works);
    int err = async_gather(tasks, WORKERS + 1);
    /* What is left in it after an error is freed with the last item. */
    async_queue_close(&works->queue);
    for (void *item; works->queue.count > 0;) {
        int ignored = async_queue_get(&works->queue, &item);

        (void)ignored;
    }
    if (!err && works->sum != ITEMS * (ITEMS + 1) / 2)
        return trial_wrong("the sum is %d", works->sum);
    return err;
}

static int unbounded_queue(void)
{
    struct works works = {.semaphore.permits = 2};

    return run(queue_main, &works);
}

static int bounded_queue(void)
{
    struct works works = {.semaphore.permits = 2, .queue.capacity = 5};

    async_event_set(&works.begin);
    return run(queue_main, &works);
}

/* ---- Outside of the loop ----------------------------------------------- */

static int compute(void *job)
{
    struct square *square = job;

    square->result = square->number * square->number;
    return 0;
}

static int in_thread(void *job)
{
    running++;
    int err = async_to_thread(compute, job);
    running--;
    return err;
}

static int threads_main(void *job)
{
    struct square squares[6];

    (void)job;
    set_squares(squares, 6);
    int err = async_gather_each(in_thread, squares, 6);
    return err ? err : check_squares(squares, 6);
}

static int to_thread(void)
{
    return run(threads_main, NULL);
}

struct pipe_ends {
    int ends[2];
    int sent, received;
};

enum { BYTES = 20 };

static int send_bytes(void *job)
{
    struct pipe_ends *ends = job;
    int err = 0;

    while (!err && ends->sent < BYTES) {
        err = async_wait_writable(ends->ends[1]);
        if (!err && write(ends->ends[1], "x", 1) == 1)
            ends->sent++;
        if (!err)
            err = async_sleep(0.001);
    }
    return err;
}

static int receive_bytes(void *job)
{
    struct pipe_ends *ends = job;
    char byte;
    int err = 0;

    while (!err && ends->received < BYTES) {
        err = async_wait_readable(ends->ends[0]);
        if (!err && read(ends->ends[0], &byte, 1) == 1)
            ends->received++;
    }
    return err;
}

static int descriptors_main(void *job)
{
    struct async_task tasks[2];

    async_spawn(&tasks[0], receive_bytes, job);
    async_spawn(&tasks[1], send_bytes, job);
    return async_gather(tasks, 2);
}

static int wait_readable(void)
{
    struct pipe_ends ends = {.sent = 0};

    if (pipe2(ends.ends, O_NONBLOCK | O_CLOEXEC))
        return trial_wrong("no pipe");
    int err = run(descriptors_main, &ends);
    close(ends.ends[0]);
    close(ends.ends[1]);
    if (!err && ends.received != BYTES)
        return trial_wrong("%d bytes came", ends.received);
    return err;
}

/* ---- Observed ---------------------------------------------------------- */

static int observed_main(void *job)
{
    struct square squares[40];

    (void)job;
    set_squares(squares, 40);
    int err = async_gather_each(square, squares, 40);
    async_dump();
    return err ? err : check_squares(squares, 40);
}

static int observed(void)
{
    setenv("ASYNC_TIMELINE", "1", 1);
    setenv("ASYNC_DEBUG", "1", 1);
    setenv("ASYNC_TRACE", "/dev/null", 1);
    return run(observed_main, NULL);
}

/* ---- All of them ------------------------------------------------------- */

int main(void)
{
    static const struct trial trials[] = {
        {"await", await_each, NULL},
        {"gather", gather, NULL},
        {"gather_all", gather_all, NULL},
        {"gather_nested", gather_nested, NULL},
        {"gather_many", gather_many, NULL},
        {"gather_twice", gather_twice, NULL},
        {"wait_any", wait_any, NULL},
        {"wait_for", wait_for, NULL},
        {"cancel", cancel, NULL},
        {"deadlock", deadlock, NULL},
        {"unbounded_queue", unbounded_queue, NULL},
        {"bounded_queue", bounded_queue, NULL},
        {"to_thread", to_thread, NULL},
        {"wait_readable", wait_readable, NULL},
        {"observed", observed, NULL},
    };

    setenv("ASYNC_CLOCK", "virtual", 1);
    return trial_all(trials, sizeof trials / sizeof trials[0]);
}
