/* a list of who may be sent, ordered by when; one task hands out the turns */
#include "15_rate_limited_processor.h"

#include "async_curl/async_curl.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct body {
    char *text;
    size_t size;
};

static size_t add_to_body(char *bytes, size_t size, size_t count, void *to)
{
    struct body *body = to;
    char *larger = realloc(body->text, body->size + size * count + 1);

    if (!larger)
        return 0;
    memcpy(larger + body->size, bytes, size * count);
    body->text = larger;
    body->size += size * count;
    body->text[body->size] = '\0';
    return size * count;
}

static double seconds_to_wait(CURL *easy)
{
    struct curl_header *header;
    curl_off_t seconds = 0;

    if (curl_easy_header(easy, "retry-after-ms", 0, CURLH_HEADER, -1,
                         &header) == CURLHE_OK)
        return atof(header->value) / 1000;
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    return (double)seconds;
}

int http_get(void *job)
{
    struct http_get *get = job;
    struct body body = {calloc(1, 1), 0};
    CURL *easy = curl_easy_init();
    int err = -ENOMEM;

    if (!easy || !body.text)
        goto out;
    curl_easy_setopt(easy, CURLOPT_URL, get->url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, add_to_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &body);
    err = async_curl_perform(easy);
    if (err)
        goto out;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &get->status);
    get->retry_after = seconds_to_wait(easy);
    get->body = body.text;
    body.text = NULL;
out:
    free(body.text);
    curl_easy_cleanup(easy);
    return err;
}

struct errand {
    struct fetch_result *result;
    struct http_get get;
    double when;
    bool done;
};

static int run_errand(void *job)
{
    struct errand *errand = job;

    errand->get = (struct http_get){.url = errand->result->url};
    errand->result->attempts++;
    return async_wait_for(http_get, &errand->get,
                          errand->result->processor->timeout);
}

static void finish(struct errand *errand, const struct async_task *task)
{
    struct fetch_result *r = errand->result;
    int err = task->err;
    bool again = err || errand->get.status == 429 || errand->get.status > 499;

    r->status = err ? 0 : errand->get.status;
    snprintf(r->error, sizeof r->error, "%s",
             err ? task->errmsg : "that is no answer");
    errand->done = !again || r->attempts > r->processor->max_retries;
    if (!err && r->status > 199 && r->status < 300)
        r->data = cJSON_Parse(errand->get.body);
    r->success = r->data != NULL;
    double delay = ldexp(r->processor->base_delay, r->attempts - 1);
    if (errand->get.retry_after > delay)
        delay = errand->get.retry_after;
    errand->when = async_now() + delay * (1 + drand48() / 2);
    free(errand->get.body);
    errand->get.body = NULL;
}

/* Who is to be sent first, of those that are not under way: when is INFINITY
   for these. NULL: nobody. */
static struct errand *first_of(struct errand *errands, size_t n)
{
    struct errand *first = NULL;

    for (size_t i = 0; i < n; i++)
        if (!errands[i].done && errands[i].when < INFINITY &&
            (!first || errands[i].when < first->when))
            first = &errands[i];
    return first;
}

struct turn {
    struct errand *errands;
    size_t n, left;
    struct async_event changed;
};

static int wait_for_change(void *job)
{
    struct turn *turn = job;

    return async_event_wait(&turn->changed);
}

static int serve(void *job)
{
    struct turn *turn = *(struct turn **)job;

    while (turn->left > 0) {
        struct errand *errand = first_of(turn->errands, turn->n);
        double wait = errand ? errand->when - async_now() : INFINITY;

        if (wait > 0) {
            async_event_clear(&turn->changed);
            int err = async_wait_for(wait_for_change, turn, wait);
            if (err && err != ASYNC_ETIMEDOUT)
                return err;
            continue;
        }
        struct async_task task;
        errand->when = INFINITY;
        async_spawn(&task, run_errand, errand);
        if (async_await(&task) == ASYNC_ECANCELED) {
            free(errand->get.body);
            return ASYNC_ECANCELED;
        }
        finish(errand, &task);
        turn->left -= errand->done;
        async_event_set(&turn->changed);
    }
    return 0;
}

int process_batch(void *job)
{
    struct url_batch *batch = job;
    size_t limit = (size_t)batch->processor->max_concurrent;
    struct errand *errands = calloc(batch->n + 1, sizeof *errands);
    struct turn turn = {errands, batch->n, batch->n, {0}};
    struct turn **same = calloc(limit, sizeof(struct turn *));
    double start = async_now();
    int err = -ENOMEM;

    if (!errands || !same)
        goto out;
    for (size_t i = 0; i < batch->n; i++)
        errands[i].result = &batch->results[i];
    for (size_t i = 0; i < limit; i++)
        same[i] = &turn;
    err = async_gather_each(serve, same, limit);
    for (size_t i = 0; i < batch->n; i++)
        batch->successful += batch->results[i].success;
    batch->failed = batch->n - batch->successful;
    batch->processor->completed += batch->successful;
    batch->processor->failed += batch->failed;
    batch->elapsed_time = async_now() - start;
out:
    free(same);
    free(errands);
    return err;
}
