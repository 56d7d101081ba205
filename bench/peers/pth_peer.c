/*
 * pth_peer.c - the cases of bench/runtime.c, for GNU Pth.
 *
 *     pth_peer CASE N PASSES
 *
 * prints one figure a line (../bench.h). The library has no semaphore: a
 * condition variable and a count are one.
 */
#include "../bench.h"

#include <pth.h>

enum { PERMITS = 100, DELAY_US = 100000 };

static pth_t spawn(void *(*fn)(void *job), void *job)
{
    pth_t thread = pth_spawn(PTH_ATTR_DEFAULT, fn, job);

    bench_check(thread != NULL, "no more threads");
    return thread;
}

static void gather(void *(*fn)(void *job), void *job, long n)
{
    pth_t *threads = malloc((size_t)n * sizeof(pth_t));

    bench_check(threads != NULL, "no memory for the threads");
    for (long i = 0; i < n; i++)
        threads[i] = spawn(fn, job);
    for (long i = 0; i < n; i++)
        pth_join(threads[i], NULL);
    free(threads);
}

static void *trivial(void *job)
{
    return job;
}

static void *yield_often(void *job)
{
    for (long left = *(long *)job; left > 0; left--)
        pth_yield(NULL);
    return NULL;
}

static double switch_threads(long n)
{
    long half = n / 2;
    double start = bench_seconds();

    gather(yield_often, &half, 2);
    return bench_each(start, n);
}

static double spawn_and_join(long n)
{
    double start = bench_seconds();

    for (long i = 0; i < n; i++)
        pth_join(spawn(trivial, NULL), NULL);
    return bench_each(start, n);
}

static double gather_trivial(long n)
{
    double start = bench_seconds();

    gather(trivial, NULL, n);
    return bench_each(start, n);
}

struct semaphore {
    int permits;
    pth_mutex_t mutex;
    pth_cond_t released;
};

static void acquire(struct semaphore *semaphore)
{
    pth_mutex_acquire(&semaphore->mutex, FALSE, NULL);
    while (semaphore->permits == 0)
        pth_cond_await(&semaphore->released, &semaphore->mutex, NULL);
    semaphore->permits--;
    pth_mutex_release(&semaphore->mutex);
}

static void *release(void *job)
{
    struct semaphore *semaphore = job;

    pth_yield(NULL);
    pth_mutex_acquire(&semaphore->mutex, FALSE, NULL);
    semaphore->permits++;
    pth_cond_notify(&semaphore->released, FALSE);
    pth_mutex_release(&semaphore->mutex);
    return NULL;
}

static void *acquire_and_release(void *job)
{
    acquire(job);
    return release(job);
}

static double thread_acquires(long n)
{
    struct semaphore semaphore = {PERMITS, PTH_MUTEX_INIT, PTH_COND_INIT};
    double start = bench_seconds();

    gather(acquire_and_release, &semaphore, n);
    return bench_each(start, n);
}

static double spawner_acquires(long n)
{
    struct semaphore semaphore = {PERMITS, PTH_MUTEX_INIT, PTH_COND_INIT};
    pth_t *threads = malloc((size_t)n * sizeof(pth_t));
    double start = bench_seconds();

    bench_check(threads != NULL, "no memory for the threads");
    for (long i = 0; i < n; i++) {
        acquire(&semaphore);
        threads[i] = spawn(release, &semaphore);
    }
    for (long i = 0; i < n; i++)
        pth_join(threads[i], NULL);
    free(threads);
    return bench_each(start, n);
}

static void *nap(void *job)
{
    pth_nap(*(pth_time_t *)job);
    return NULL;
}

static double sleep_beyond(long n, long seconds, long us)
{
    pth_time_t duration = pth_time(seconds, us);
    double start = bench_seconds();

    gather(nap, &duration, n);
    return (bench_seconds() - start - (double)seconds) * 1e3 - (double)us / 1e3;
}

static double sleep_many(long n)
{
    return sleep_beyond(n, 0, DELAY_US);
}

static double sleep_million(long n)
{
    return sleep_beyond(n, 5, 0);
}

static double lateness(long n)
{
    double *late = malloc((size_t)n * sizeof *late);

    bench_check(late != NULL, "no memory");
    for (long i = 0; i < n; i++) {
        double start = bench_seconds();

        pth_nap(pth_time(0, 100));
        late[i] = (bench_seconds() - start) * 1e6 - 100;
    }
    double median = bench_median(late, n);
    free(late);
    return median;
}

static const struct bench_case cases[] = {
    {"switch", switch_threads},
    {"spawn", spawn_and_join},
    {"gather", gather_trivial},
    {"task-acquires", thread_acquires},
    {"spawner-acquires", spawner_acquires},
    {"sleep", sleep_many},
    {"sleep-million", sleep_million},
    {"late", lateness},
    {0},
};

int main(int argc, char **argv)
{
    (void)argc;
    bench_check(pth_init(), "pth_init failed");
    bench_run(bench_find(cases, argv[1]), argv);
    return 0;
}
