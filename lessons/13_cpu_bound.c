/*
 * Lesson 13: async does not compute.
 *
 * What it shows: all tasks share one thread, and one that computes does not
 * suspend. Four such tasks take as long gathered as one after another, and
 * nobody else runs meanwhile. Threads do run at the same time, as far as there
 * are processors for them.
 *
 * Run it:  make lesson13 (2 s of real time: no clock of ours can shorten work)
 * Predict: Four functions compute; one after another they take 0.8 s. How
 *          long do they take gathered? And each in a thread?
 * Expect:  (among other lines; the times and the 45 are your machine's)
 *     4 x 114155 primes: 0.8 s of work in 0.8 s, heartbeats: 0
 *     4 x 114155 primes: 0.8 s of work in 0.5 s, heartbeats: 45
 * Chapter: Part 1, "When to Use Async vs Sync"; Assessment, question 1.
 */
#include "async/async.h"

#include "lesson.h"

#include <time.h>

enum { JOBS = 4, BELOW = 1500000 };

/* Computes: nothing in here suspends. */
static int count_primes(void *job)
{
    int *primes = job;

    for (int n = 2; n < BELOW; n++) {
        int divisor = 2;
        while (divisor * divisor <= n && n % divisor != 0)
            divisor++;
        if (divisor * divisor > n)
            ++*primes;
    }
    return 0;
}

/* Suspends, while a thread that is not ours runs count_primes. */
static int count_in_thread(void *job)
{
    return async_to_thread(count_primes, job);
}

static int one_after_another(void *job)
{
    int *primes = job;

    for (int i = 0; i < JOBS; i++) {
        int err = count_primes(&primes[i]);
        if (err)
            return err;
    }
    return 0;
}

static int gathered(void *job)
{
    int *primes = job;

    return async_gather_each(count_primes, primes, JOBS);
}

static int in_threads(void *job)
{
    int *primes = job;

    return async_gather_each(count_in_thread, primes, JOBS);
}

/* Beats every 10 ms, whenever it is let run, until it is cancelled. */
static int heartbeat(void *job)
{
    int *beats = job;

    for (;;) {
        int err = async_sleep(0.01);
        if (err)
            return err;
        ++*beats;
    }
}

struct way {
    async_fn *count_all; /* in: one of the three above */
    int primes[JOBS];    /* out */
    int beats;           /* out */
};

static int beside_a_heart(void *job)
{
    struct way *way = job;
    struct async_task heart;

    async_spawn(&heart, heartbeat, &way->beats);
    int err = way->count_all(way->primes);
    async_reap(&heart, 1);
    return err;
}

/* Seconds for which processors have worked for this program. */
static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static int run(const char *title, async_fn *count_all)
{
    struct way way = {.count_all = count_all};

    printf("\n%s:\n", title);
    async_timeline(1.0); /* every picture at this scale */
    double start = async_now(), cpu_start = cpu_seconds();
    int status = async_main(beside_a_heart, &way);
    if (status == 0)
        printf("%d x %d primes: %.1f s of work in %.1f s, heartbeats: %d\n",
               JOBS, way.primes[0], cpu_seconds() - cpu_start,
               async_now() - start, way.beats);
    return status;
}

int main(void)
{
    setenv("ASYNC_CLOCK", "real", 1);
    setenv("ASYNC_SPEED", "1", 1);
    printf("In real time, whatever the clock is set to. Processors: %ld\n",
           sysconf(_SC_NPROCESSORS_ONLN));
    lesson_begin("Four functions compute; one after another they take 0.8 s.\n"
                 "How long do they take gathered? And each in a thread?");
    int status = run("One after another", one_after_another);
    if (status == 0)
        status = run("Gathered", gathered);
    if (status == 0)
        status = run("Each in a thread", in_threads);
    if (status == 0)
        lesson_end("gathered, no faster; in threads, at most as many times\n"
                   "faster as there are processors");
    return status;
}
