/*
 * Exercise 16: document processor. The chapter's production processor, mended.
 *
 * The task is in exercises/16_document_processor.md, the contract in the header
 * beside it. Try it: make exercise16. Stuck: make hint16. Grade it: make
 * verify16.
 */
#include "16_document_processor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* [async def process_one_with_retry(self, document)] */
int process_one_with_retry(void *job)
{
    struct processing_result *result = job;

    /* Your code goes here, in place of this return. */
    return async_raise(-ENOSYS, "process_one_with_retry is not written yet: %s",
                       result->document->name);
}

/* [async def process_batch(self, documents)] */
int process_batch(void *job)
{
    struct batch_summary *summary = job;

    /* Your code goes here, in place of this return. */
    return async_raise(-ENOSYS,
                       "process_batch is not written yet: %zu documents",
                       summary->total_documents);
}

/* ---- Given: what `make exercise16` runs -------------------------------- */

#ifndef ASYNC_VERIFY

#include "mock_llm/mock_llm.h"

enum { DOCUMENTS = 50 };

static void print_summary(const struct batch_summary *summary)
{
    static const char line[] =
        "============================================================";

    printf("\n%s\nBATCH PROCESSING COMPLETE\n%s\n", line, line);
    printf("Successful: %zu/%zu\n", summary->successful,
           summary->total_documents);
    printf("Failed: %zu/%zu\n", summary->failed, summary->total_documents);
    printf("Time: %.1fs\n", summary->elapsed_time);
    printf("Cost: $%.4f\n", summary->total_cost);
    printf("Tokens: %ld\n", summary->total_tokens);
    if (summary->failed > 0)
        printf("\nErrors:\n");
    for (size_t i = 0; i < summary->total_documents; i++)
        if (!summary->results[i].success)
            printf("   - %s: %s\n", summary->results[i].document->name,
                   summary->results[i].error);
}

static int run(struct llm_client *llm)
{
    static char names[DOCUMENTS][16], texts[DOCUMENTS][40];
    static struct document documents[DOCUMENTS];
    static struct processing_result results[DOCUMENTS];
    struct document_processor processor = DOCUMENT_PROCESSOR(llm);
    struct batch_summary summary = {.results = results,
                                    .total_documents = DOCUMENTS};

    for (int i = 0; i < DOCUMENTS; i++) {
        snprintf(names[i], sizeof names[i], "doc_%d.pdf", i);
        snprintf(texts[i], sizeof texts[i], "Engineering content %d...", i);
        documents[i] = (struct document){names[i], texts[i]};
        results[i].processor = &processor;
        results[i].document = &documents[i];
    }
    documents[13].text = NULL;
    int status = async_main(process_batch, &summary);
    if (status == 0)
        print_summary(&summary);
    for (int i = 0; i < DOCUMENTS; i++)
        free(results[i].summary);
    return status;
}

int main(void)
{
    static const char *const faults[] = {
        "429 match=\"content 7\" attempts=1 retry-after=2",
        "500 match=\"content 23\" attempts=1-2",
        "400 match=\"content 42\"",
    };
    struct mock_llm_options options = {.scenario.latency = 0.3,
                                       .scenario.limits.in_flight = 10};
    char error[MOCK_LLM_ERROR_SIZE];
    int status = 1;

    for (int i = 0; i < 3; i++)
        if (!scenario_set(&options.scenario, "fault", faults[i], error))
            abort();
    struct mock_llm *server = mock_llm_start(&options, error);
    if (!server) {
        fprintf(stderr, "The mock LLM server does not start: %s\n", error);
        return 1;
    }
    struct llm_options llm_options = {.api_key = "any",
                                      .base_url = mock_llm_base_url(server),
                                      .max_retries = LLM_NO_RETRIES};
    struct llm_client *llm = llm_client_from_provider("openai", &llm_options);
    if (llm)
        status = run(llm);
    llm_client_free(llm);
    mock_llm_stop(server);
    return status;
}

#endif
