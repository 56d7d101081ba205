/*
 * http.h - what the benchmark programs of requests share in C: the client's and
 * that of bare libcurl.
 *
 * Every program, in whatever language, is called with a case, how many requests
 * it is to make, and how many passes; the server's URL is in BENCH_URL, as
 * OPENAI_BASE_URL would have it. The case says what to measure, and how many
 * requests are in flight: "cpu-100" is the processor time that the program
 * uses, in microseconds a request, "wall-100" the time that passes. So many
 * workers share the requests, each of which sends its next one when it has its
 * answer. As in bench.h, the first pass, which opens the connections, is one
 * figure, and the best of the later ones, which find them open, the other.
 */
#ifndef HTTP_H
#define HTTP_H

#include "bench.h"

#include <stdbool.h>

/* What is asked; the programs without a client of LLMs send this text. */
#define HTTP_MODEL    "gpt-3.5-turbo"
#define HTTP_QUESTION "What is Python?"
#define HTTP_REQUEST                                                           \
    "{\"model\":\"" HTTP_MODEL "\",\"messages\":[{\"role\":\"user\","          \
    "\"content\":\"" HTTP_QUESTION "\"}]}"

struct http_bench {
    const char *url;
    bool cpu; /* or else wall */
    long in_flight, n, passes;
};

static inline struct http_bench http_parse(int argc, char **argv)
{
    struct http_bench bench = {.url = getenv("BENCH_URL")};
    char kind[5] = "";

    if (argc != 4 || !bench.url ||
        sscanf(argv[1], "%4[a-z]-%ld", kind, &bench.in_flight) != 2) {
        fprintf(stderr,
                "usage: BENCH_URL=http://.../v1 %s CASE N PASSES, where "
                "CASE is cpu-100, wall-100 ...\n",
                argv[0]);
        exit(2);
    }
    bench.cpu = strcmp(kind, "cpu") == 0;
    bench.n = atol(argv[2]);
    bench.passes = atol(argv[3]);
    bench_check(bench.in_flight > 0 && bench.n > 0 && bench.passes > 0,
                "the numbers are 1 or more");
    return bench;
}

static inline double http_time(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

/* The time of which two readings make a figure, in seconds. */
static inline double http_seconds(const struct http_bench *bench)
{
    struct rusage usage;

    if (!bench->cpu)
        return bench_seconds();
    getrusage(RUSAGE_SELF, &usage);
    return http_time(&usage.ru_utime) + http_time(&usage.ru_stime);
}

/* All passes; each makes all requests and stops the program if one fails. */
static inline void http_run(const struct http_bench *bench,
                            void (*pass)(const struct http_bench *bench))
{
    double best = 0;

    for (long i = 0; i < bench->passes; i++) {
        double start = http_seconds(bench);

        pass(bench);
        double figure = (http_seconds(bench) - start) / (double)bench->n * 1e6;
        if (i == 0)
            printf("first %.2f us\n", figure);
        else if (i == 1 || figure < best)
            best = figure;
    }
    if (bench->passes > 1)
        printf("best %.2f us\n", best);
}

#endif
