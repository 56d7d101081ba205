/* async_wait_any, and full jitter */
#include "16_document_processor.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool may_heal(int err)
{
    return err == ASYNC_ETIMEDOUT || llm_worth_retrying(err);
}

static bool ends_all(int err)
{
    return err == ASYNC_ECANCELED || err == -ENOMEM;
}

static int attempt(struct processing_result *result, struct llm_chat *chat)
{
    struct document_processor *processor = result->processor;

    int err = async_semaphore_acquire(&processor->semaphore);
    if (err)
        return err;
    result->attempts++;
    chat->error.retry_after = 0;
    err = async_wait_for(llm_chat, chat, processor->timeout);
    if (err) {
        snprintf(result->error, sizeof result->error, "%s", async_errmsg(err));
        free(chat->content);
        chat->content = NULL;
    }
    async_semaphore_release(&processor->semaphore);
    return err;
}

static int back_off(const struct processing_result *result,
                    const struct llm_chat *chat, int k)
{
    double delay = ldexp(result->processor->base_delay, k);

    if (chat->error.retry_after > delay)
        delay = chat->error.retry_after;
    delay *= chat->error.retry_after >= delay ? 1 : drand48();
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
    result->error[0] = '\0';
}

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

int process_batch(void *job)
{
    struct batch_summary *summary = job;

    double start = async_now();
    size_t n = summary->total_documents, i;
    struct async_task *tasks = calloc(n + 1, sizeof *tasks);
    int err = tasks ? 0 : -ENOMEM;

    for (i = 0; i < n && tasks; i++)
        async_spawn(&tasks[i], process_one_with_retry, &summary->results[i]);
    for (size_t k = 0; k < n && !err; k++) {
        err = async_wait_any(tasks, n, &i);
        if (!err && tasks[i].err) {
            async_reap(tasks, n);
            err = tasks[i].err;
        }
        if (!err)
            printf("%zu of %zu: %s\n", k + 1, n,
                   summary->results[i].document->name);
    }
    free(tasks);
    summary->elapsed_time = async_now() - start;
    for (i = 0; i < summary->total_documents; i++) {
        const struct processing_result *result = &summary->results[i];

        summary->successful += result->success;
        summary->failed += !result->success;
        summary->total_tokens += result->tokens;
        summary->total_cost += result->cost;
    }
    return err;
}
