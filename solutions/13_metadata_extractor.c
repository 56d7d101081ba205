/*
 * Exercise 13, solved: 100 documents, an API that fails now and then, and
 * statistics that add up.
 *
 * The task is in exercises/13_metadata_extractor.md, the contract in the header
 * beside it. Run it: make solution13.
 */
#include "13_metadata_extractor.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Calls the API, again and again as long as that may help. */
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

/* async def extract_metadata(document): */
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

/* async def process_batch_with_stats(documents): */
int process_batch_with_stats(void *job)
{
    struct batch_stats *stats = job;
    double start = async_now();

    int *errs = calloc(stats->total, sizeof *errs);
    if (!errs && stats->total > 0) /* calloc(0) may give NULL, too */
        return -ENOMEM;
    int err = async_gather_each_all(extract_metadata, stats->extractions,
                                    stats->total, errs);

    /* Whatever a document failed with, it failed: only success is asked for,
     * so that the two numbers are total together. */
    for (size_t i = 0; i < stats->total; i++)
        stats->successful += errs[i] == 0;
    stats->failed = stats->total - stats->successful;
    stats->elapsed_time = async_now() - start;
    free(errs);
    return err;
}

/* ---- Given: what `make exercise13` runs -------------------------------- */

#ifndef ASYNC_VERIFY

enum { DOCUMENTS = 100, SAMPLES = 5 };

/* From 0 to below 1; the same ones in each run. */
static double chance(void)
{
    return rand() / (RAND_MAX + 1.0);
}

/* A pretended API: takes 0.5 to 2 s, and fails one time in ten. */
static int api(void *job)
{
    static const char *const engineers[] = {"Smith", "Chen", "Garcia"};
    struct api_job *api_job = job;
    struct metadata *metadata = &api_job->metadata;

    int err = async_sleep(0.5 + 1.5 * chance());
    if (err)
        return err;
    if (chance() < 0.1)
        return async_raise(-EBUSY, "Failed to process %s",
                           api_job->document_name);
    snprintf(metadata->project, sizeof metadata->project, "Project-%d",
             1 + (int)(10 * chance()));
    snprintf(metadata->date, sizeof metadata->date, "2024-01-15");
    snprintf(metadata->engineer, sizeof metadata->engineer, "Engineer-%s",
             engineers[(int)(3 * chance())]);
    return 0;
}

/* The sign, where the terminal has it. */
static const char *sign(const char *picture)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? picture : "";
}

static void print_stats(const struct batch_stats *stats)
{
    const char *line =
        "============================================================";

    printf("\n%s\nBATCH PROCESSING COMPLETE\n%s\n", line, line);
    printf("%sSuccessful: %zu/%zu\n", sign("✅ "), stats->successful,
           stats->total);
    printf("%sFailed: %zu/%zu\n", sign("❌ "), stats->failed, stats->total);
    printf("%sTime: %.1fs\n", sign("⏱️  "), stats->elapsed_time);
    if (stats->elapsed_time > 0)
        printf("%sSpeed: %.1f docs/second\n", sign("⚡ "),
               (double)stats->total / stats->elapsed_time);
}

static void print_samples(const struct batch_stats *stats)
{
    int shown = 0;

    printf("\n%sSample successful extractions:\n", sign("📄 "));
    for (size_t i = 0; i < stats->total && shown < SAMPLES; i++) {
        const struct extraction *extraction = &stats->extractions[i];

        if (!extraction->success)
            continue;
        printf("   %s: %s, %s\n", extraction->document_name,
               extraction->metadata.project, extraction->metadata.engineer);
        shown++;
    }
}

int main(void)
{
    static char names[DOCUMENTS][24];
    static struct extraction extractions[DOCUMENTS];
    struct batch_stats stats = {.extractions = extractions, .total = DOCUMENTS};

    setlocale(LC_CTYPE, "");
    for (int i = 0; i < DOCUMENTS; i++) {
        snprintf(names[i], sizeof names[i], "document_%03d.pdf", i);
        extractions[i].api = api;
        extractions[i].document_name = names[i];
        extractions[i].max_retries = 2;
        extractions[i].base_delay = 1.0;
    }
    printf("Starting concurrent metadata extraction for %d documents...\n",
           DOCUMENTS);
    int status = async_main(process_batch_with_stats, &stats);
    if (status)
        return status;
    print_stats(&stats);
    print_samples(&stats);
    return 0;
}

#endif
