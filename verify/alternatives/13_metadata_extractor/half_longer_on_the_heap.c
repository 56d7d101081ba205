/* up to half longer; a job of its own on the heap for each call */
#include "13_metadata_extractor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int attempt(struct extraction *extraction)
{
    struct api_job *api_job = calloc(1, sizeof *api_job);
    if (!api_job)
        return -ENOMEM;
    api_job->document_name = extraction->document_name;
    extraction->attempts++;
    int err = extraction->api(api_job);
    if (!err)
        extraction->metadata = api_job->metadata;
    free(api_job);
    return err;
}

int extract_metadata(void *job)
{
    struct extraction *extraction = job;
    int err = attempt(extraction);

    for (int i = 0; i < extraction->max_retries && err == -EBUSY; i++) {
        err = async_sleep(extraction->base_delay * (double)(1 << i) *
                          (1 + rand() / (2.0 * RAND_MAX)));
        if (!err)
            err = attempt(extraction);
    }
    if (err)
        snprintf(extraction->error, sizeof extraction->error, "%s",
                 async_errmsg(err));
    extraction->success = !err;
    return 0;
}

int process_batch_with_stats(void *job)
{
    struct batch_stats *stats = job;
    double start = async_now();

    int *errs = calloc(stats->total, sizeof *errs);
    if (!errs && stats->total > 0)
        return -ENOMEM;
    int err = async_gather_each_all(extract_metadata, stats->extractions,
                                    stats->total, errs);
    for (size_t i = 0; i < stats->total; i++) {
        if (stats->extractions[i].success)
            stats->successful++;
        else
            stats->failed++;
    }
    stats->elapsed_time = async_now() - start;
    free(errs);
    return err;
}
