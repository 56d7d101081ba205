/* Workers send the requests; a task for each document hands them in, and waits
   between attempts. In another style. */
#include "16_document_processor.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct processing_result Result;

typedef struct {
    struct async_queue queue; /* of orders that are to be sent */
    size_t left;              /* documents that are not done */
} Pool;

/* What a document's task and a worker share. */
typedef struct {
    Pool *pool;
    Result *result;
    struct async_event answered;
    int err;
    double retry_after;
} Order;

static int send(Order *o)
{
    Result *r = o->result;
    char *prompt = NULL;
    if (asprintf(&prompt, "Summarize:\n%s", r->document->text) < 0)
        return -ENOMEM;
    struct llm_message m[2] = {{"system", "You are a document summarizer."},
                               {"user", prompt}};
    struct llm_chat c = {.client = r->processor->llm,
                         .messages = m,
                         .n_messages = 2,
                         .temperature = 0.3};
    r->attempts++;
    int err = async_wait_for(llm_chat, &c, r->processor->timeout);
    if (err == 0) {
        r->success = true;
        r->summary = c.content;
        r->tokens = c.total_tokens;
        r->cost = c.cost;
    } else {
        snprintf(r->error, sizeof r->error, "%s", async_errmsg(err));
        free(c.content);
    }
    o->retry_after = c.error.retry_after;
    free(prompt);
    return err;
}

static int work(void *job)
{
    Pool *pool = job;
    void *item;
    int err;
    while ((err = async_queue_get(&pool->queue, &item)) == 0) {
        Order *o = item;
        o->err = send(o);
        if (o->err == ASYNC_ECANCELED)
            return o->err;
        async_event_set(&o->answered);
    }
    return err == ASYNC_ECLOSED ? 0 : err;
}

static int attempts(Order *o)
{
    double delay = o->result->processor->base_delay;
    for (int left = o->result->processor->max_retries;; left--, delay *= 2) {
        async_event_clear(&o->answered);
        int err = async_queue_put(&o->pool->queue, o);
        if (err == 0)
            err = async_event_wait(&o->answered);
        if (err)
            return err;
        if (o->err != ASYNC_ETIMEDOUT && !llm_worth_retrying(o->err))
            return o->err == -ENOMEM ? o->err : 0;
        if (left == 0)
            return 0;
        err = async_sleep(fmax(delay, o->retry_after));
        if (err)
            return err;
    }
}

static int process(void *job)
{
    Order *o = job;
    int err = 0;
    if (o->result->document->text)
        err = attempts(o);
    else
        strcpy(o->result->error, "there is nothing to summarize");
    if (--o->pool->left == 0)
        async_queue_close(&o->pool->queue);
    return err;
}

int process_batch(void *job)
{
    struct batch_summary *b = job;
    double start = async_now();
    size_t n = b->total_documents;
    if (n == 0)
        return 0;
    size_t k = (size_t)b->results[0].processor->max_concurrent;
    Pool pool = {.left = n};
    Order *orders = calloc(n, sizeof *orders);
    struct async_task *tasks = calloc(n + k, sizeof *tasks);
    if (!orders || !tasks)
        abort();
    for (size_t i = 0; i < k; i++)
        async_spawn(&tasks[i], work, &pool);
    for (size_t i = 0; i < n; i++) {
        orders[i] = (Order){.pool = &pool, .result = &b->results[i]};
        async_spawn(&tasks[k + i], process, &orders[i]);
    }
    int err = async_gather(tasks, n + k);
    async_queue_close(&pool.queue);
    for (void *order; pool.queue.count > 0;) /* cancelled: what is left */
        if (async_queue_get(&pool.queue, &order))
            break;
    free(tasks);
    free(orders);
    for (size_t i = 0; i < n; i++) {
        *(b->results[i].success ? &b->successful : &b->failed) += 1;
        b->total_tokens += b->results[i].tokens;
        b->total_cost += b->results[i].cost;
    }
    b->elapsed_time = async_now() - start;
    return err;
}
