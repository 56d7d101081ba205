/*
 * Lesson 8: one of five fails.
 *
 * What it shows: async_gather stops at the first failure, cancels who still
 * runs, and returns the error. async_gather_all lets everybody end, however,
 * and each task then says how it went: what Python has return_exceptions for.
 *
 * Run it:  make lesson8 (4.5 s; at once: ASYNC_CLOCK=virtual make lesson8)
 * Predict: Five documents take 0.5, 1.0, 1.5, 2.0 and 2.5 s, and document 3
 *          fails at 2.0. Which ones are done in the end?
 * Expect:  (among other lines)
 *     Error occurred: Document 3 is corrupted!
 *     Document 4 failed: the task was cancelled
 *     It took 2.0 s.
 *     Document 4: Processed doc 4
 *     It took 2.5 s.
 * Chapter: Part 4, "Handling Errors in asyncio.gather()" and "Using
 *          return_exceptions=True for Graceful Degradation".
 */
#include "async/async.h"

#include "lesson.h"

#include <errno.h>

enum { DOCUMENTS = 5 };

struct document {
    int doc_id;      /* in */
    double seconds;  /* in */
    char result[32]; /* out */
};

static int process_document(void *job)
{
    struct document *document = job;

    int err = async_sleep(document->seconds);
    if (err)
        return err;
    if (document->doc_id == 3)
        return async_raise(-EINVAL, "Document %d is corrupted!",
                           document->doc_id);
    snprintf(document->result, sizeof document->result, "Processed doc %d",
             document->doc_id);
    return 0;
}

struct batch {
    struct document documents[DOCUMENTS];
    struct async_task tasks[DOCUMENTS]; /* out: err and errmsg of each */
};

static void start_all(struct batch *batch)
{
    for (int i = 0; i < DOCUMENTS; i++) {
        batch->documents[i] =
            (struct document){.doc_id = i, .seconds = 0.5 * (i + 1)};
        async_spawn(&batch->tasks[i], process_document, &batch->documents[i]);
    }
}

/* results = await asyncio.gather(*tasks) */
static int all_or_nothing(void *job)
{
    struct batch *batch = job;

    start_all(batch);
    return async_gather(batch->tasks, DOCUMENTS);
}

/* results = await asyncio.gather(*tasks, return_exceptions=True) */
static int each_on_its_own(void *job)
{
    struct batch *batch = job;

    start_all(batch);
    return async_gather_all(batch->tasks, DOCUMENTS);
}

static void print_each(const struct batch *batch)
{
    for (int i = 0; i < DOCUMENTS; i++) {
        if (batch->tasks[i].err)
            printf("Document %d failed: %s\n", i, batch->tasks[i].errmsg);
        else
            printf("Document %d: %s\n", i, batch->documents[i].result);
    }
}

static int run(const char *title, async_fn *way)
{
    struct batch batch = {0};

    printf("%s:\n", title);
    async_timeline(2.5); /* both pictures at one scale */
    double start = async_now();
    int err = async_run(way, &batch);
    if (err == ASYNC_EINTERRUPTED)
        return 130; /* Ctrl-C */
    if (err)
        printf("Error occurred: %s\n", async_errmsg(err));
    print_each(&batch);
    printf("It took %.1f s.\n", async_now() - start);
    return 0;
}

int main(void)
{
    lesson_begin("Five documents take 0.5, 1.0, 1.5, 2.0 and 2.5 s, and\n"
                 "document 3 fails at 2.0. Which ones are done in the end?");

    int status = run("async_gather", all_or_nothing);
    if (status == 0)
        status = run("\nasync_gather_all", each_on_its_own);
    if (status == 0)
        lesson_end("0, 1 and 2; with async_gather_all 4 as well");
    return status;
}
