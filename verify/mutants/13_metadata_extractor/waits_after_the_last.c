/* fails c: a wait after every failure, the last one included */
#include "13_metadata_extractor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int call_with_retry(struct extraction *extraction)
{
    struct api_job api_job = {.document_name = extraction->document_name};
    double wait = extraction->base_delay;
    int err = 0;

    for (int i = 0; i <= extraction->max_retries; i++) {
        extraction->attempts++;
        err = extraction->api(&api_job);
        if (err == 0)
            extraction->metadata = api_job.metadata;
        if (err != -EBUSY)
            return err;
        snprintf(extraction->error, sizeof extraction->error, "%s",
                 async_errmsg(err));
        int slept = async_sleep(wait);
        if (slept)
            return slept;
        wait *= 2;
    }
    return err;
}

int extract_metadata(void *job)
{
    struct extraction *extraction = job;

    int err = call_with_retry(extraction);
    extraction->success = err == 0;
    if (err && !*extraction->error)
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
    free(errs);
    return err;
}
