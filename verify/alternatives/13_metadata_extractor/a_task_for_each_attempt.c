/* each attempt is a task with a job on the heap; a quarter more or less */
#include "13_metadata_extractor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int attempt(struct extraction *e)
{
    struct api_job *job = malloc(sizeof *job);
    struct async_task task;

    if (!job)
        return -ENOMEM;
    *job = (struct api_job){.document_name = e->document_name};
    e->attempts++;
    async_spawn(&task, e->api, job);
    int err = async_await(&task);
    if (err)
        snprintf(e->error, sizeof e->error, "%s", task.errmsg);
    else
        e->metadata = job->metadata;
    free(job);
    return err;
}

int extract_metadata(void *job)
{
    struct extraction *e = job;

    for (int k = 0; k <= e->max_retries; k++) {
        int err = attempt(e);
        e->success = !err;
        if (err != -EBUSY)
            return err;
        if (k == e->max_retries)
            break;
        double seconds =
            e->base_delay * (double)(1u << k) * (0.75 + drand48() / 2);
        printf("Retry %s in %.1fs...\n", e->document_name, seconds);
        err = async_sleep(seconds);
        if (err)
            return err;
    }
    return -EBUSY;
}

int process_batch_with_stats(void *job)
{
    struct batch_stats *stats = job;
    const double start = async_now();
    struct async_task *tasks = calloc(stats->total + 1, sizeof *tasks);

    if (!tasks)
        return -ENOMEM;
    for (size_t i = stats->total; i > 0; i--)
        async_spawn(&tasks[i - 1], extract_metadata,
                    &stats->extractions[i - 1]);
    int err = async_gather_all(tasks, stats->total);
    free(tasks);
    stats->elapsed_time = async_now() - start;
    for (size_t i = 0; i < stats->total; i++)
        ++*(stats->extractions[i].success ? &stats->successful
                                          : &stats->failed);
    if (!err && stats->total)
        printf("%.0f %% successful\n",
               100.0 * (double)stats->successful / (double)stats->total);
    return err;
}
