/*
 * bench.h - what the benchmark programs in C share: the runtime's and its
 * peers'.
 *
 * Every program, in whatever language, is called with a case, how many
 * operations it is to make, and how many passes; it prints one figure a line,
 * its name and its value. A case is passed through several times in one process
 * because the first pass pays for what the later ones find done: pages that are
 * touched for the first time, above all. So "first" is the cold figure, "best"
 * the least of the later ones; "faults" and "memory" are the pages that the
 * first pass touched for the first time, and what it added to the process, both
 * divided by the operations.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* A case of one program. */
struct bench_case {
    const char *name;
    double (*pass)(long n); /* makes n operations; returns the figure */
};

/* All cases; n and passes are for who gives none. */
static const struct bench_kind {
    const char *name, *unit;
    long n, passes;
    const char *what;
} bench_kinds[] = {
    {"switch", "ns", 300000, 4, "two tasks take turns: one switch"},
    {"spawn", "ns", 100000, 4, "one task is spawned and awaited"},
    {"gather", "ns", 100000, 4, "N are spawned, then gathered: each"},
    {"task-acquires", "ns", 100000, 4,
     "N tasks share 100 permits; each acquires and releases"},
    {"spawner-acquires", "ns", 100000, 4,
     "the same, but the spawner acquires, and the task releases"},
    {"sleep", "ms", 100000, 4, "N tasks sleep 0.1 s: time beyond that"},
    {"sleep-million", "ms", 1000000, 1, "N tasks sleep 5 s: time beyond that"},
    {"late", "us", 1000, 4, "a sleep of 100 us: median lateness"},
    {0},
};

static inline double bench_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Nanoseconds of one of n operations that have been made since start. */
static inline double bench_each(double start, long n)
{
    return (bench_seconds() - start) / (double)n * 1e9;
}

/* Stops the program: there is no figure then. */
static inline void bench_check(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

/* What the process has, or at most had, in memory: "VmRSS", "VmHWM". */
static inline double bench_memory(const char *which)
{
    char line[256];
    double kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");

    bench_check(file != NULL, "no /proc/self/status");
    while (fgets(line, sizeof line, file))
        if (strncmp(line, which, strlen(which)) == 0)
            kilobytes = strtod(line + strlen(which) + 1, NULL);
    fclose(file);
    return kilobytes * 1024;
}

/* How many pages the process has touched for the first time. */
static inline long bench_faults(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

/* The case of that name; prints what there is and exits if there is none. */
static inline const struct bench_case *
bench_find(const struct bench_case *cases, const char *name)
{
    for (const struct bench_case *c = cases; c->name; c++)
        if (name && strcmp(c->name, name) == 0)
            return c;
    fprintf(stderr, "usage: CASE [N [PASSES]], where CASE is one of\n");
    for (const struct bench_case *c = cases; c->name; c++)
        for (const struct bench_kind *kind = bench_kinds; kind->name; kind++)
            if (strcmp(c->name, kind->name) == 0)
                fprintf(stderr, "  %-16s  %s (N is %ld)\n", kind->name,
                        kind->what, kind->n);
    exit(2);
}

/* arguments: main's. */
static inline void bench_run(const struct bench_case *c, char **arguments)
{
    const struct bench_kind *kind = bench_kinds;
    double memory = bench_memory("VmRSS"), best = 0;
    long faults = bench_faults();

    while (strcmp(kind->name, c->name) != 0)
        kind++;
    long n = arguments[2] ? atol(arguments[2]) : kind->n;
    long passes =
        arguments[2] && arguments[3] ? atol(arguments[3]) : kind->passes;
    bench_check(n > 0 && passes > 0, "N and PASSES are 1 or more");
    printf("first %.1f %s\n", c->pass(n), kind->unit);
    printf("faults %.2f each\n", (double)(bench_faults() - faults) / (double)n);
    printf("memory %.0f bytes\n", (bench_memory("VmHWM") - memory) / (double)n);
    for (long pass = 1; pass < passes; pass++) {
        double figure = c->pass(n);

        if (pass == 1 || figure < best)
            best = figure;
    }
    if (passes > 1)
        printf("best %.1f %s\n", best, kind->unit);
}

static inline int bench_compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

/* Sorts the n values. */
static inline double bench_median(double *values, long n)
{
    qsort(values, (size_t)n, sizeof *values, bench_compare);
    return values[n / 2];
}

#endif
