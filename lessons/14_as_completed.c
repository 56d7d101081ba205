/*
 * Lesson 14: results as they come.
 *
 * What it shows: async_gather hands over all results when the slowest is there,
 * async_wait_any one at a time, as soon as it is there.
 *
 * Run it:  make lesson14 (6 s; at once: ASYNC_CLOCK=virtual make lesson14)
 * Predict: Five reports take 2.0, 0.5, 3.0, 1.0 and 1.5 s, all at once. When is
 *          the first result there? And the last?
 * Expect:  (among other lines)
 *       3.0 s  report_0.pdf: summary of 8 pages
 *       0.5 s  report_1.pdf: summary of 2 pages
 *     [####................] 1 of 5
 *     [####################] 5 of 5
 * Chapter: Beyond it; the programs of Part 3 wait for the whole batch.
 */
#include "async/async.h"

#include "lesson.h"

enum { REPORTS = 5 };

struct report {
    const char *name; /* in */
    double seconds;   /* in */
    int pages;        /* out: what was summarized */
};

/* async def summarize(report): the sleep stands for an LLM call. */
static int summarize(void *job)
{
    struct report *report = job;

    int err = async_sleep(report->seconds);
    if (err)
        return err;
    report->pages = (int)(4 * report->seconds);
    return 0;
}

/* Somebody reads the result now. */
static void show(const struct report *report, double start)
{
    printf("  %.1f s  %s: summary of %d pages\n", async_now() - start,
           report->name, report->pages);
}

/* A line each time; at a terminal, what is printed next covers it. */
static void show_progress(int done)
{
    printf("[");
    for (int i = 0; i < REPORTS; i++)
        printf(i < done ? "####" : "....");
    printf("] %d of %d", done, REPORTS);
    printf(isatty(STDOUT_FILENO) && done < REPORTS ? "\r" : "\n");
    fflush(stdout);
}

static int all_at_the_end(void *job)
{
    struct report *reports = job;
    double start = async_now();

    int err = async_gather_each(summarize, reports, REPORTS);
    if (err)
        return err;
    for (int i = 0; i < REPORTS; i++)
        show(&reports[i], start);
    return 0;
}

static int as_they_come(void *job)
{
    struct report *reports = job;
    struct async_task tasks[REPORTS];
    double start = async_now();
    size_t next;
    int err = 0;

    for (int i = 0; i < REPORTS; i++)
        async_spawn(&tasks[i], summarize, &reports[i]);
    show_progress(0);
    for (int done = 1; done <= REPORTS; done++) {
        err = async_wait_any(tasks, REPORTS, &next);
        if (err)
            break;
        err = tasks[next].err; /* how that one ended */
        if (err)
            break;
        show(&reports[next], start);
        show_progress(done);
    }
    async_reap(tasks, REPORTS); /* after an error some still run */
    return err;
}

static int run(const char *title, async_fn *fn)
{
    struct report reports[REPORTS] = {
        {.name = "report_0.pdf", .seconds = 2.0},
        {.name = "report_1.pdf", .seconds = 0.5},
        {.name = "report_2.pdf", .seconds = 3.0},
        {.name = "report_3.pdf", .seconds = 1.0},
        {.name = "report_4.pdf", .seconds = 1.5},
    };
    printf("%s:\n", title);
    async_timeline(3.0); /* both pictures at one scale */
    return async_main(fn, reports);
}

int main(void)
{
    lesson_begin(
        "Five reports take 2.0, 0.5, 3.0, 1.0 and 1.5 s, all at once.\n"
        "When is the first result there? And the last?");
    int status = run("All at the end", all_at_the_end);
    if (status == 0)
        status = run("As they come", as_they_come);
    if (status == 0)
        lesson_end("as they come: first after 0.5 s, last after 3.0 s");
    return status;
}
