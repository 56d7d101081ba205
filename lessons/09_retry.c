/*
 * Lesson 9: retry what heals.
 *
 * What it shows: a call that failed is worth another try if the failure may
 * have gone by then, after a wait that grows. What does not heal fails at once,
 * and a cancellation is no failure: it is an order to stop.
 *
 * Run it:  make lesson9 (9 s; at once: ASYNC_CLOCK=virtual make lesson9)
 * Predict: A call takes 0.5 s. It is tried three times, with waits of 1 and 2 s
 *          between. How long is that? And if the server says 400 Bad Request?
 * Expect:  (among other lines)
 *     doc_2.pdf: done (attempts: 3, 4.2 s)
 *     doc_1.pdf: 400 Bad Request (attempts: 3, 4.5 s)
 *     doc_1.pdf: 400 Bad Request (attempts: 1, 0.5 s)
 *     doc_2.pdf: the task was cancelled (attempts: 1, 1.2 s)
 * Chapter: Part 4, "Production-Ready Async Document Processor with Error
 *          Handling"; Quick Reference Card, "Common Patterns".
 */
#include "async/async.h"

#include "lesson.h"

#include <errno.h>

struct document {
    const char *name;     /* in */
    bool malformed;       /* in: the server will never accept it */
    async_fn *with_retry; /* in: how to call the API */
    int attempts;         /* out, also on failure */
};

static double begin; /* from then on, the server is overloaded for 4 s */

static int call_api(void *job)
{
    struct document *document = job;

    document->attempts++;
    int err = async_sleep(0.5);
    if (err)
        return err;
    if (document->malformed)
        return async_raise(-EINVAL, "400 Bad Request");
    if (async_now() - begin < 4.0)
        return async_raise(-EBUSY, "503 Service Unavailable");
    return 0;
}

static int wait_before_retry(const struct document *document, double wait)
{
    printf("%s failed (attempt %d), retrying in %g s...\n", document->name,
           document->attempts, wait);
    return async_sleep(wait);
}

static const double waits[] = {1.0, 2.0};

/* The naive way: whatever it was, once more. */
static int retry_everything(void *job)
{
    struct document *document = job;

    int err = call_api(document);
    for (int i = 0; i < 2 && err; i++) {
        err = wait_before_retry(document, waits[i]);
        err = call_api(document); /* and what the wait returned is gone */
    }
    return err;
}

static int retry_what_heals(void *job)
{
    struct document *document = job;

    int err = call_api(document);
    for (int i = 0; i < 2 && err == -EBUSY; i++) {
        err = wait_before_retry(document, waits[i]);
        if (err)
            return err;
        err = call_api(document);
    }
    return err;
}

static int process(void *job)
{
    struct document *document = job;

    int err = document->with_retry(document);
    printf("%s: %s (attempts: %d, %.1f s)\n", document->name,
           err ? async_errmsg(err) : "done", document->attempts,
           async_now() - begin);
    return err;
}

/* Three documents; after 1.2 s there is no use for the last one. */
static int process_batch(void *job)
{
    struct document *documents = job;
    struct async_task tasks[3];

    for (int i = 0; i < 3; i++)
        async_spawn(&tasks[i], process, &documents[i]);
    int err = async_sleep(1.2);
    if (err)
        goto out;
    printf("doc_2.pdf is not needed any more: cancelled.\n");
    async_cancel(&tasks[2]);
    err = async_gather_all(tasks, 3);
out:
    async_reap(tasks, 3); /* on every way out they have ended */
    return err;
}

static int run(const char *title, async_fn *with_retry)
{
    struct document documents[3] = {
        {"doc_0.pdf", false, with_retry, 0},
        {"doc_1.pdf", true, with_retry, 0},
        {"doc_2.pdf", false, with_retry, 0},
    };
    printf("%s:\n", title);
    async_timeline(4.5); /* both pictures at one scale */
    begin = async_now();
    return async_main(process_batch, documents);
}

int main(void)
{
    lesson_begin("A call takes 0.5 s. It is tried three times, with waits of\n"
                 "1 and 2 s between. How long is that? And if the server says\n"
                 "400 Bad Request?");
    int status = run("Retry everything", retry_everything);
    if (status == 0)
        status = run("Retry what heals", retry_what_heals);
    if (status == 0)
        lesson_end("4.5 s; and 0.5 s, for a 400 is tried once");
    return status;
}
