/* Spawned in reverse order, equal jitter, chatty, and its own queue of tokens
 * in place of the semaphore. */
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

/* Whoever has one of them may send a request. */
static struct async_queue tokens;

/* The queue has room for all of them: this never waits. */
static void tokens_back(void *token)
{
    if (async_queue_put(&tokens, token))
        abort();
}

/*
 * One attempt, within a slot and a time limit of its own. On failure, the
 * result has the error's text. The slot is given back on every path, and before
 * anybody waits.
 */
static int attempt(struct processing_result *result, struct llm_chat *chat)
{
    struct document_processor *processor = result->processor;

    void *token;
    int err = async_queue_get(&tokens, &token);
    if (err)
        return err;
    printf("%s, attempt %d\n", result->document->name, ++result->attempts);
    chat->error.retry_after = 0; /* a time-out would leave the last one's */
    err = async_wait_for(llm_chat, chat, processor->timeout);
    if (err) {
        /* Now: the text holds until the next call that suspends. */
        snprintf(result->error, sizeof result->error, "%s", async_errmsg(err));
        free(chat->content); /* it may have come just before a cancellation */
        chat->content = NULL;
    }
    tokens_back(token);
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

    delay *= 0.5 + drand48() / 2;
    if (chat->error.retry_after > delay)
        delay = chat->error.retry_after;
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
    size_t n = summary->total_documents;
    struct async_task *tasks = calloc(n + 1, sizeof *tasks);
    int err = 0, permits = n ? summary->results->processor->max_concurrent : 0;
    tokens = (struct async_queue){0};
    for (int i = 0; i < permits && !err; i++)
        err = async_queue_put(&tokens, &tokens);
    for (size_t i = n; i-- > 0 && !err;)
        async_spawn(&tasks[i], process_one_with_retry, &summary->results[i]);
    if (!err)
        err = async_gather(tasks, n);
    for (void *token; tokens.count > 0;)
        if (async_queue_get(&tokens, &token))
            break;
    free(tasks);
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
