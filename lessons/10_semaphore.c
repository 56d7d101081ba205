/*
 * Lesson 10: limit the herd.
 *
 * What it shows: a provider works on so many calls at a time and rejects the
 * rest. Fifty that come together, and come again together, do not all get
 * through. A semaphore lets in as many as the provider takes, and no retry is
 * needed.
 *
 * Run it:  make lesson10 (on the virtual clock; ASYNC_CLOCK=real takes 9 s)
 * Predict: A provider takes 10 calls at a time. 50 documents are sent at once,
 *          each up to three times. How many get through?
 * Expect:  (among other lines)
 *     Done: 30 of 50, after 3.3 s. Rejected: 90 of 120 requests.
 *     Done: 50 of 50, after 1.5 s. Rejected: 0 of 50 requests.
 * Chapter: exercise solutions, 01 and Mistake 1; Part 4, "Production-Ready
 * Async Document Processor with Error Handling".
 */
#include "async/async.h"

#include "lesson.h"

#include <errno.h>

enum { DOCUMENTS = 50, ALLOWED = 10 };

/* The pretended provider, and what it counts. */
static struct {
    int in_flight, requests, rejected;
} provider;

/* A permit for each call that it takes at a time. */
static struct async_semaphore slots;

static int call_provider(void *job)
{
    (void)job;
    provider.requests++;
    if (provider.in_flight == ALLOWED) {
        provider.rejected++;
        return async_raise(-EBUSY, "429 Too Many Requests");
    }
    provider.in_flight++;
    int err = async_sleep(0.3);
    provider.in_flight--; /* also if we were cancelled */
    return err;
}

static int call_when_there_is_a_slot(void *job)
{
    int err = async_semaphore_acquire(&slots);
    if (err)
        return err;
    err = call_provider(job);
    async_semaphore_release(&slots);
    return err;
}

struct document {
    async_fn *call; /* in: one of the two above */
    double jitter;  /* in: how much longer a wait may be, at random */
};

/* From 0 to 1, and the same numbers in each run. */
static double random_fraction(void)
{
    static unsigned state = 1;

    state = state * 1664525 + 1013904223;
    return (state >> 8) / 16777216.0;
}

/* Lesson 9's loop. */
static int process(void *job)
{
    static const double waits[] = {1.0, 2.0};
    struct document *document = job;

    int err = document->call(document);
    for (int i = 0; i < 2 && err == -EBUSY; i++) {
        double longer = document->jitter * random_fraction();
        err = async_sleep(waits[i] * (1 + longer));
        if (err)
            return err;
        err = document->call(document);
    }
    return err;
}

static int process_all(void *job)
{
    struct document *documents = job;
    int errs[DOCUMENTS]; /* not needed here: the provider has counted */

    return async_gather_each_all(process, documents, DOCUMENTS, errs);
}

static int run(const char *title, async_fn *call, double jitter)
{
    struct document documents[DOCUMENTS];

    for (int i = 0; i < DOCUMENTS; i++)
        documents[i] = (struct document){call, jitter};
    memset(&provider, 0, sizeof provider);
    slots = (struct async_semaphore){.permits = ALLOWED};

    printf("\n%s:\n", title);
    async_timeline(4.8); /* all pictures at one scale */
    double start = async_now();
    int status = async_main(process_all, documents);
    if (status == 0)
        printf("Done: %d of %d, after %.1f s. Rejected: %d of %d requests.\n",
               provider.requests - provider.rejected, DOCUMENTS,
               async_now() - start, provider.rejected, provider.requests);
    return status;
}

int main(void)
{
    lesson_begin("A provider takes 10 calls at a time. 50 documents are sent\n"
                 "at once, each up to three times. How many get through?");
    setenv("ASYNC_CLOCK", "virtual", 0); /* unless it is set already */
    printf("Clock: %s\n", getenv("ASYNC_CLOCK"));

    int status = run("All at once", call_provider, 0);
    if (status == 0)
        status = run("All at once, with jitter", call_provider, 0.5);
    if (status == 0)
        status = run("At most ten at a time", call_when_there_is_a_slot, 0);
    if (status == 0)
        lesson_end("30; with jitter nearly all; with a semaphore 50");
    return status;
}
