/* fails d: everybody waits for the round's slowest before any retry */
#include "13_metadata_extractor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* One attempt. */
int extract_metadata(void *job)
{
    struct extraction *extraction = job;
    struct api_job api_job = {.document_name = extraction->document_name};

    if (extraction->success)
        return 0;
    extraction->attempts++;
    int err = extraction->api(&api_job);
    extraction->success = err == 0;
    if (err == 0)
        extraction->metadata = api_job.metadata;
    else
        snprintf(extraction->error, sizeof extraction->error, "%s",
                 async_errmsg(err));
    return err;
}

int process_batch_with_stats(void *job)
{
    struct batch_stats *stats = job;
    double start = async_now(), wait = 0;
    int err = 0, *errs = calloc(stats->total + 1, sizeof *errs);
    struct extraction **again = calloc(stats->total + 1, sizeof *again);
    struct async_task *tasks = calloc(stats->total + 1, sizeof *tasks);
    if (!errs || !again || !tasks) {
        err = -ENOMEM;
        goto out;
    }
    size_t n = stats->total;
    for (size_t i = 0; i < n; i++)
        again[i] = &stats->extractions[i];
    for (int round = 0; n > 0; round++) {
        for (size_t i = 0; i < n; i++)
            async_spawn(&tasks[i], extract_metadata, again[i]);
        err = async_gather_all(tasks, n);
        if (err)
            goto out;
        size_t left = 0;
        for (size_t i = 0; i < n; i++)
            if (tasks[i].err == -EBUSY &&
                again[i]->attempts <= again[i]->max_retries)
                again[left++] = again[i];
        n = left;
        if (n == 0)
            break;
        wait = round == 0 ? again[0]->base_delay : 2 * wait;
        err = async_sleep(wait);
        if (err)
            goto out;
    }
    for (size_t i = 0; i < stats->total; i++)
        stats->successful += stats->extractions[i].success;
    stats->failed = stats->total - stats->successful;
    stats->elapsed_time = async_now() - start;
out:
    free(errs);
    free(again);
    free(tasks);
    return err;
}
