/*
 * runtime.c - what the runtime's operations cost.
 *
 *     build/bench/runtime CASE [N [PASSES]]
 *
 * prints one figure a line (bench.h). bench/peers/ holds the same cases for
 * others; `make bench` sets them side by side.
 */
#include "async/async.h"
#include "bench.h"

#define DELAY 0.1 /* seconds; of the cases in which many sleep */

/* Starts n of them with the same job, and waits until all have ended. */
static void gather(async_fn *fn, void *job, long n)
{
    struct async_task *tasks = malloc((size_t)n * sizeof *tasks);

    bench_check(tasks != NULL, "no memory for the tasks");
    for (long i = 0; i < n; i++)
        async_spawn(&tasks[i], fn, job);
    bench_check(async_gather(tasks, (size_t)n) == 0, async_errmsg(0));
    free(tasks);
}

static int trivial(void *job)
{
    (void)job;
    return 0;
}

/* ---- switch: two tasks take turns -------------------------------------- */

static int yield_often(void *job)
{
    for (long left = *(long *)job; left > 0; left--) {
        int err = async_yield();
        if (err)
            return err;
    }
    return 0;
}

static double switch_tasks(long n)
{
    long half = n / 2;
    double start = bench_seconds();

    gather(yield_often, &half, 2);
    return bench_each(start, n);
}

/* ---- spawn: one task after the other ----------------------------------- */

static double spawn_and_await(long n)
{
    double start = bench_seconds();

    for (long i = 0; i < n; i++) {
        struct async_task task;

        async_spawn(&task, trivial, NULL);
        bench_check(async_await(&task) == 0, "a trivial task failed");
    }
    return bench_each(start, n);
}

/* ---- gather: many at once ---------------------------------------------- */

static double gather_trivial(long n)
{
    double start = bench_seconds();

    gather(trivial, NULL, n);
    return bench_each(start, n);
}

/* ---- semaphore: many tasks, a hundred at a time ------------------------ */

enum { PERMITS = 100 };

/* Holds its permit while others run, or nobody would ever wait. */
static int release(void *job)
{
    int err = async_yield();

    async_semaphore_release(job);
    return err;
}

static int acquire_and_release(void *job)
{
    int err = async_semaphore_acquire(job);

    return err ? err : release(job);
}

static double task_acquires(long n)
{
    struct async_semaphore semaphore = {.permits = PERMITS};
    double start = bench_seconds();

    gather(acquire_and_release, &semaphore, n);
    return bench_each(start, n);
}

static double spawner_acquires(long n)
{
    struct async_semaphore semaphore = {.permits = PERMITS};
    struct async_task *tasks = malloc((size_t)n * sizeof *tasks);
    double start = bench_seconds();

    bench_check(tasks != NULL, "no memory for the tasks");
    for (long i = 0; i < n; i++) {
        bench_check(async_semaphore_acquire(&semaphore) == 0, "no permit");
        async_spawn(&tasks[i], release, &semaphore);
    }
    bench_check(async_gather(tasks, (size_t)n) == 0, "gathering failed");
    free(tasks);
    return bench_each(start, n);
}

/* ---- sleep: many at once ----------------------------------------------- */

struct nap {
    double seconds;
    long asleep, most; /* now; at once */
};

static int nap(void *job)
{
    struct nap *nap = job;

    if (++nap->asleep > nap->most)
        nap->most = nap->asleep;
    int err = async_sleep(nap->seconds);
    nap->asleep--;
    return err;
}

/* Milliseconds beyond the sleep itself. */
static double sleep_beyond(long n, double seconds)
{
    struct nap job = {.seconds = seconds};
    double start = bench_seconds();

    gather(nap, &job, n);
    double beyond = bench_seconds() - start - seconds;
    bench_check(job.most == n, "not all of them slept at once");
    return 1e3 * beyond;
}

static double sleep_many(long n)
{
    return sleep_beyond(n, DELAY);
}

static double sleep_million(long n)
{
    return sleep_beyond(n, 5);
}

/* ---- late: a short sleep ----------------------------------------------- */

static double lateness(long n)
{
    double *late = malloc((size_t)n * sizeof *late);

    bench_check(late != NULL, "no memory");
    for (long i = 0; i < n; i++) {
        double start = bench_seconds();

        bench_check(async_sleep(100e-6) == 0, "sleeping failed");
        late[i] = (bench_seconds() - start) * 1e6 - 100;
    }
    double median = bench_median(late, n);
    free(late);
    return median;
}

/* ------------------------------------------------------------------------ */

static const struct bench_case cases[] = {
    {"switch", switch_tasks},
    {"spawn", spawn_and_await},
    {"gather", gather_trivial},
    {"task-acquires", task_acquires},
    {"spawner-acquires", spawner_acquires},
    {"sleep", sleep_many},
    {"sleep-million", sleep_million},
    {"late", lateness},
    {0},
};

static int measure(void *job)
{
    char **arguments = job;

    bench_run(bench_find(cases, arguments[1]), arguments);
    return 0;
}

int main(int argc, char **argv)
{
    (void)argc;
    return async_main(measure, argv);
}
