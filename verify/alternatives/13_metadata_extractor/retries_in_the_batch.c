/* extract_metadata tries once, a function beside it retries */
#include "13_metadata_extractor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int extract_metadata(void *job)
{
    struct extraction *extraction = job;
    struct api_job api_job = {.document_name = extraction->document_name};

    extraction->attempts++;
    int err = extraction->api(&api_job);
    if (err == 0)
        extraction->metadata = api_job.metadata;
    extraction->success = err == 0;
    return err;
}

static int with_retry(void *job)
{
    struct extraction *extraction = job;
    int err, retry = 0;

    while ((err = extract_metadata(extraction)) == -EBUSY &&
           retry < extraction->max_retries) {
        err = async_sleep(extraction->base_delay * (1 << retry++));
        if (err)
            break;
    }
    return err;
}

int process_batch_with_stats(void *job)
{
    struct batch_stats *stats = job;
    double start = async_now();
    struct async_task *tasks = calloc(stats->total, sizeof *tasks);

    if (!tasks && stats->total > 0)
        return -ENOMEM;
    for (size_t i = stats->total; i-- > 0;)
        async_spawn(&tasks[i], with_retry, &stats->extractions[i]);
    int err = async_gather_all(tasks, stats->total);
    for (size_t i = 0; i < stats->total; i++) {
        if (tasks[i].err)
            snprintf(stats->extractions[i].error, ASYNC_ERRMSG_SIZE, "%s",
                     tasks[i].errmsg);
        stats->successful += !tasks[i].err;
        stats->failed += tasks[i].err != 0;
    }
    stats->elapsed_time = async_now() - start;
    free(tasks);
    return err;
}
