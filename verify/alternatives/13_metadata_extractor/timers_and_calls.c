/* one loop that waits for whatever ends next: calls and timers */
#include "13_metadata_extractor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct document {
    struct extraction *extraction;
    struct api_job job;
    double wait;
    bool pausing;
};

static int pause_for(void *job)
{
    struct document *document = job;

    return async_sleep(document->wait);
}

static void begin(struct document *document, struct async_task *task)
{
    document->job.document_name = document->extraction->document_name;
    document->pausing = false;
    document->extraction->attempts++;
    async_spawn(task, document->extraction->api, &document->job);
}

/* Whether that was the last of it. */
static bool go_on(struct document *document, struct async_task *task)
{
    struct extraction *extraction = document->extraction;
    int err = task->err;

    if (document->pausing && err == 0) {
        document->wait *= 2;
        begin(document, task);
        return false;
    }
    extraction->success = err == 0;
    if (err == 0)
        extraction->metadata = document->job.metadata;
    else
        snprintf(extraction->error, sizeof extraction->error, "%s",
                 task->errmsg);
    if (err != -EBUSY || extraction->attempts > extraction->max_retries)
        return true;
    document->pausing = true;
    async_spawn(task, pause_for, document);
    return false;
}

int extract_metadata(void *job)
{
    struct document document = {.extraction = job,
                                .wait = ((struct extraction *)job)->base_delay};
    struct async_task task;
    int err;

    begin(&document, &task);
    do {
        err = async_await(&task);
    } while (!async_cancelling() && !go_on(&document, &task));
    return err;
}

int process_batch_with_stats(void *job)
{
    struct batch_stats *stats = job;
    size_t n = stats->total, i;
    double start = async_now();
    struct document *documents = calloc(n + 1, sizeof *documents);
    struct async_task *tasks = calloc(n + 1, sizeof *tasks);
    int err = documents && tasks ? 0 : -ENOMEM;

    for (i = 0; i < n && !err; i++) {
        documents[i].extraction = &stats->extractions[i];
        documents[i].wait = stats->extractions[i].base_delay;
        begin(&documents[i], &tasks[i]);
    }
    while (stats->successful + stats->failed < n && !err) {
        err = async_wait_any(tasks, n, &i);
        if (err || !go_on(&documents[i], &tasks[i]))
            continue;
        if (stats->extractions[i].success)
            stats->successful++;
        else
            stats->failed++;
    }
    stats->elapsed_time = async_now() - start;
    free(tasks);
    free(documents);
    return err;
}
