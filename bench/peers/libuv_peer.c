/*
 * libuv_peer.c - those cases of bench/runtime.c that libuv has a counterpart
 * for: it has timers, which call functions, and no tasks.
 *
 *     libuv_peer CASE N PASSES
 *
 * prints one figure a line (../bench.h).
 */
#include "../bench.h"

#include <uv.h>

static void fired(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
}

static double sleep_beyond(long n, uint64_t ms)
{
    uv_timer_t *timers = malloc((size_t)n * sizeof *timers);
    double start = bench_seconds();

    bench_check(timers != NULL, "no memory for the timers");
    uv_update_time(uv_default_loop());
    for (long i = 0; i < n; i++) {
        uv_timer_init(uv_default_loop(), &timers[i]);
        uv_timer_start(&timers[i], fired, ms, 0);
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    free(timers);
    return (bench_seconds() - start) * 1e3 - (double)ms;
}

static double sleep_many(long n)
{
    return sleep_beyond(n, 100);
}

static double sleep_million(long n)
{
    return sleep_beyond(n, 5000);
}

static void stop(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* Its timers count whole milliseconds: 1 is what 100 us become. */
static double lateness(long n)
{
    double *late = malloc((size_t)n * sizeof *late);
    uv_timer_t timer;

    bench_check(late != NULL, "no memory");
    uv_timer_init(uv_default_loop(), &timer);
    for (long i = 0; i < n; i++) {
        double start = bench_seconds();

        uv_update_time(uv_default_loop());
        uv_timer_start(&timer, stop, 1, 0);
        uv_run(uv_default_loop(), UV_RUN_DEFAULT);
        late[i] = (bench_seconds() - start) * 1e6 - 100;
    }
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    double median = bench_median(late, n);
    free(late);
    return median;
}

static const struct bench_case cases[] = {
    {"sleep", sleep_many},
    {"sleep-million", sleep_million},
    {"late", lateness},
    {0},
};

int main(int argc, char **argv)
{
    (void)argc;
    bench_run(bench_find(cases, argv[1]), argv);
    return 0;
}
