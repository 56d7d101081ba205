/*
 * state_threads_peer.c - the cases of bench/runtime.c, for State Threads.
 *
 *     state_threads_peer CASE N PASSES
 *
 * prints one figure a line (../bench.h). The library has no semaphore: a
 * condition variable and a count are one. And no way to yield but a sleep of no
 * time.
 */
#include "../bench.h"

#include <st.h>

enum { PERMITS = 100, DELAY_US = 100000, STACK_SIZE = 64 * 1024 };

static void gather(void *(*fn)(void *job), void *job, long n)
{
    st_thread_t *threads = malloc((size_t)n * sizeof *threads);

    bench_check(threads != NULL, "no memory for the threads");
    for (long i = 0; i < n; i++) {
        threads[i] = st_thread_create(fn, job, 1, STACK_SIZE);
        bench_check(threads[i] != NULL, "no more threads");
    }
    for (long i = 0; i < n; i++)
        st_thread_join(threads[i], NULL);
    free(threads);
}

static void *trivial(void *job)
{
    return job;
}

/* Two that wake each other: a sleep of no time would go through epoll. */
struct turns {
    st_cond_t mine, theirs;
    long left;
};

static void *take_turns(void *job)
{
    struct turns *turns = job;

    for (; turns->left > 0; turns->left--) {
        st_cond_signal(turns->theirs);
        st_cond_wait(turns->mine);
    }
    st_cond_signal(turns->theirs);
    return NULL;
}

static double switch_threads(long n)
{
    st_cond_t a = st_cond_new(), b = st_cond_new();
    struct turns first = {a, b, n / 2}, second = {b, a, n / 2};
    double start = bench_seconds();
    st_thread_t other = st_thread_create(take_turns, &second, 1, STACK_SIZE);

    bench_check(other != NULL, "no thread");
    take_turns(&first);
    st_thread_join(other, NULL);
    double each = bench_each(start, n);
    st_cond_destroy(a);
    st_cond_destroy(b);
    return each;
}

static double spawn_and_join(long n)
{
    double start = bench_seconds();

    for (long i = 0; i < n; i++)
        gather(trivial, NULL, 1);
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
    st_cond_t released;
};

static void acquire(struct semaphore *semaphore)
{
    while (semaphore->permits == 0)
        st_cond_wait(semaphore->released);
    semaphore->permits--;
}

static void *release(void *job)
{
    struct semaphore *semaphore = job;

    st_usleep(0);
    semaphore->permits++;
    st_cond_signal(semaphore->released);
    return NULL;
}

static void *acquire_and_release(void *job)
{
    acquire(job);
    return release(job);
}

static double thread_acquires(long n)
{
    struct semaphore semaphore = {PERMITS, st_cond_new()};
    double start = bench_seconds();

    gather(acquire_and_release, &semaphore, n);
    st_cond_destroy(semaphore.released);
    return bench_each(start, n);
}

static double spawner_acquires(long n)
{
    struct semaphore semaphore = {PERMITS, st_cond_new()};
    st_thread_t *threads = malloc((size_t)n * sizeof *threads);
    double start = bench_seconds();

    bench_check(threads != NULL, "no memory for the threads");
    for (long i = 0; i < n; i++) {
        acquire(&semaphore);
        threads[i] = st_thread_create(release, &semaphore, 1, STACK_SIZE);
        bench_check(threads[i] != NULL, "no more threads");
    }
    for (long i = 0; i < n; i++)
        st_thread_join(threads[i], NULL);
    free(threads);
    st_cond_destroy(semaphore.released);
    return bench_each(start, n);
}

static void *nap(void *job)
{
    st_usleep(*(st_utime_t *)job);
    return NULL;
}

static double sleep_beyond(long n, st_utime_t us)
{
    double start = bench_seconds();

    gather(nap, &us, n);
    return (bench_seconds() - start) * 1e3 - (double)us / 1e3;
}

static double sleep_many(long n)
{
    return sleep_beyond(n, DELAY_US);
}

static double sleep_million(long n)
{
    return sleep_beyond(n, 5000000);
}

static double lateness(long n)
{
    double *late = malloc((size_t)n * sizeof *late);

    bench_check(late != NULL, "no memory");
    for (long i = 0; i < n; i++) {
        double start = bench_seconds();

        st_usleep(100);
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
    st_set_eventsys(ST_EVENTSYS_ALT); /* epoll */
    bench_check(st_init() == 0, "st_init failed");
    bench_run(bench_find(cases, argv[1]), argv);
    return 0;
}
