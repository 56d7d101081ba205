/* fails f g: the array of results is not freed */
#include "13_metadata_extractor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int call_with_retry(struct extraction *extraction)
{
    struct api_job api_job = {.document_name = extraction->document_name};
    double wait = extraction->base_delay;

    for (;;) {
        extraction->attempts++;
        int err = extraction->api(&api_job);
        if (err == 0)
            extraction->metadata = api_job.metadata;
        if (err != -EBUSY || extraction->attempts > extraction->max_retries)
            return err;
        printf("Retry %s in %gs...\n", extraction->document_name, wait);
        err = async_sleep(wait);
        if (err)
            return err;
        wait *= 2;
    }
}

int extract_metadata(void *job)
{
    struct extraction *extraction = job;

    int err = call_with_retry(extraction);
    extraction->success = err == 0;
    if (err)
        snprintf(extraction->error, sizeof extraction->error, "%s",
                 async_errmsg(err));
    return err;
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
        if (errs[i] == 0)
            stats->successful++;
        else
            stats->failed++;
    }
    stats->elapsed_time = async_now() - start;
    return err;
}
