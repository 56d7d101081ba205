/* One loop and a table of states, as libcurl's multi interface wants it: a task
   for each request alone, no semaphore, no task that waits for a retry. */
#include "16_document_processor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct entry {
    struct processing_result *result;
    enum { WAITING, SENT, ANSWERED, DONE } state;
    double not_before; /* of WAITING */
    char *prompt;
    struct llm_message messages[2];
    struct llm_chat chat;
    struct async_task task; /* of SENT and ANSWERED */
    struct async_event *changed;
};

static int send_request(void *job)
{
    struct entry *entry = job;
    int err = async_wait_for(llm_chat, &entry->chat,
                             entry->result->processor->timeout);

    entry->state = ANSWERED;
    async_event_set(entry->changed);
    return err;
}

static int prepare(struct entry *entry, struct processing_result *result,
                   struct async_event *changed)
{
    entry->result = result;
    entry->changed = changed;
    if (!result->document->text) {
        entry->state = DONE;
        snprintf(result->error, sizeof result->error, "no text");
        return 0;
    }
    if (asprintf(&entry->prompt, "Summarize:\n%s", result->document->text) < 0)
        return -ENOMEM;
    entry->messages[0] =
        (struct llm_message){"system", "You are a document summarizer."};
    entry->messages[1] = (struct llm_message){"user", entry->prompt};
    return 0;
}

static void begin(struct entry *entry)
{
    entry->chat = (struct llm_chat){.client = entry->result->processor->llm,
                                    .messages = entry->messages,
                                    .n_messages = 2,
                                    .temperature = 0.3};
    entry->result->attempts++;
    entry->state = SENT;
    async_spawn(&entry->task, send_request, entry);
}

/* What came of an attempt, whose task has ended: an error only if that ends
   all. */
static int take(struct entry *entry)
{
    struct processing_result *result = entry->result;
    int retries = result->attempts - 1;
    int err = async_await(&entry->task);

    entry->state = DONE;
    if (!err) {
        result->success = true;
        result->summary = entry->chat.content;
        result->tokens = entry->chat.total_tokens;
        result->cost = entry->chat.cost;
        result->error[0] = '\0';
        return 0;
    }
    snprintf(result->error, sizeof result->error, "%s", async_errmsg(err));
    free(entry->chat.content);
    if (err == ASYNC_ECANCELED || err == -ENOMEM)
        return err;
    if ((err == ASYNC_ETIMEDOUT || llm_worth_retrying(err)) &&
        retries < result->processor->max_retries) {
        double delay = result->processor->base_delay * (1 << retries);

        if (entry->chat.error.retry_after > delay)
            delay = entry->chat.error.retry_after;
        entry->not_before = async_now() + delay;
        entry->state = WAITING;
    }
    return 0;
}

/* Takes what was answered, begins what may begin. *left is how many are not
   done, *next when one more may begin. */
static int step(struct entry *entries, size_t n, size_t *left, double *next)
{
    int in_flight = 0, err = 0;

    for (size_t i = 0; i < n && !err; i++) {
        if (entries[i].state == ANSWERED)
            err = take(&entries[i]);
        in_flight += entries[i].state == SENT;
    }
    *left = 0;
    *next = async_now() + 3600;
    for (size_t i = 0; i < n && !err; i++) {
        struct entry *entry = &entries[i];

        *left += entry->state != DONE;
        if (entry->state != WAITING)
            continue;
        if (entry->not_before > async_now()) {
            if (entry->not_before < *next)
                *next = entry->not_before;
        } else if (in_flight < entry->result->processor->max_concurrent) {
            begin(entry);
            in_flight++;
        }
    }
    return err;
}

static int wait_for_change(void *event)
{
    return async_event_wait(event);
}

static int run(struct entry *entries, size_t n, struct async_event *changed)
{
    size_t left;
    double next;

    for (;;) {
        async_event_clear(changed);
        int err = step(entries, n, &left, &next);
        if (err || left == 0)
            return err;
        err = async_wait_for(wait_for_change, changed, next - async_now());
        if (err && err != ASYNC_ETIMEDOUT)
            return err;
    }
}

static void clean_up(struct entry *entries, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (entries[i].state == SENT || entries[i].state == ANSWERED) {
            async_reap(&entries[i].task, 1);
            free(entries[i].chat.content);
        }
        free(entries[i].prompt);
    }
    free(entries);
}

int process_batch(void *job)
{
    struct batch_summary *summary = job;
    size_t n = summary->total_documents;
    struct entry *entries = calloc(n + 1, sizeof *entries);
    struct async_event changed = {0};
    double start = async_now();
    int err = entries ? 0 : -ENOMEM;

    for (size_t i = 0; i < n && !err; i++)
        err = prepare(&entries[i], &summary->results[i], &changed);
    if (!err)
        err = run(entries, n, &changed);
    if (entries)
        clean_up(entries, n);
    for (size_t i = 0; i < n; i++) {
        const struct processing_result *result = &summary->results[i];

        summary->successful += result->success;
        summary->failed += !result->success;
        summary->total_tokens += result->tokens;
        summary->total_cost += result->cost;
    }
    summary->elapsed_time = async_now() - start;
    return err;
}
