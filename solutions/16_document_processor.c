/*
 * Exercise 16, solved: the production processor, mended.
 *
 * The task is in exercises/16_document_processor.md, the contract in the header
 * beside it. Run it: make solution16.
 */
#include "16_document_processor.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- One document ------------------------------------------------------ */

/* What is worth another attempt, and what cannot go on. All else has failed. */
static bool may_heal(int err)
{
    return err == ASYNC_ETIMEDOUT || llm_worth_retrying(err);
}

static bool ends_all(int err)
{
    return err == ASYNC_ECANCELED || err == -ENOMEM;
}

/*
 * One attempt, within a slot and a time limit of its own. On failure, the
 * result has the error's text. The slot is given back on every path, and before
 * anybody waits.
 */
static int attempt(struct processing_result *result, struct llm_chat *chat)
{
    struct document_processor *processor = result->processor;

    int err = async_semaphore_acquire(&processor->semaphore);
    if (err)
        return err;
    result->attempts++;
    chat->error.retry_after = 0; /* a time-out would leave the last one's */
    err = async_wait_for(llm_chat, chat, processor->timeout);
    if (err) {
        /* Now: the text holds until the next call that suspends. */
        snprintf(result->error, sizeof result->error, "%s", async_errmsg(err));
        free(chat->content); /* it may have come just before a cancellation */
        chat->content = NULL;
    }
    async_semaphore_release(&processor->semaphore);
    return err;
}

/*
 * The wait before retry k, counted from 0. Up to half of it on top, at random:
 * those who were refused together do not come back together.
 */
static int back_off(const struct processing_result *result,
                    const struct llm_chat *chat, int k)
{
    double delay = ldexp(result->processor->base_delay, k);

    if (chat->error.retry_after > delay)
        delay = chat->error.retry_after;
    delay *= 1 + drand48() / 2;
    printf("%s failed (attempt %d), retrying in %.1fs...\n",
           result->document->name, k + 1, delay);
    return async_sleep(delay);
}

static void succeed(struct processing_result *result,
                    const struct llm_chat *chat)
{
    result->success = true;
    result->summary = chat->content;
    result->tokens = chat->total_tokens;
    result->cost = chat->cost;
    result->error[0] = '\0'; /* an earlier attempt's */
}

/* The attempts at one prompt. Only an error that ends all is returned. */
static int process_prompt(struct processing_result *result, char *prompt)
{
    struct llm_message messages[] = {
        {"system", "You are a document summarizer."},
        {"user", prompt},
    };
    struct llm_chat chat = {.client = result->processor->llm,
                            .messages = messages,
                            .n_messages = 2,
                            .temperature = 0.3};

    for (int k = 0;; k++) {
        int err = attempt(result, &chat);
        if (!err) {
            succeed(result, &chat);
            return 0;
        }
        if (!may_heal(err) || k == result->processor->max_retries)
            return ends_all(err) ? err : 0;
        err = back_off(result, &chat, k);
        if (err)
            return err;
    }
}

int process_one_with_retry(void *job)
{
    struct processing_result *result = job;
    const struct document *document = result->document;
    char *prompt;

    if (!document->text) {
        snprintf(result->error, sizeof result->error, "%s has no text",
                 document->name);
        return 0;
    }
    if (asprintf(&prompt, "Summarize:\n%s", document->text) < 0)
        return -ENOMEM;
    int err = process_prompt(result, prompt);
    free(prompt);
    return err;
}

/* ---- A batch ----------------------------------------------------------- */

int process_batch(void *job)
{
    struct batch_summary *summary = job;

    double start = async_now();
    int err = async_gather_each(process_one_with_retry, summary->results,
                                summary->total_documents);
    summary->elapsed_time = async_now() - start;
    for (size_t i = 0; i < summary->total_documents; i++) {
        const struct processing_result *result = &summary->results[i];

        summary->successful += result->success;
        summary->failed += !result->success;
        summary->total_tokens += result->tokens;
        summary->total_cost += result->cost;
    }
    return err;
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
