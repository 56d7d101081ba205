/* an attempt that failed waits and calls itself; a task for each request */
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

struct step {
    struct fetch_result *result;
    struct http_get get;
};

static int send_it(void *job)
{
    struct step *step = job;

    step->result->attempts++;
    return async_wait_for(http_get, &step->get,
                          step->result->processor->timeout);
}

/* Within a slot. */
static int take_turn(struct step *step)
{
    struct async_semaphore *slots = &step->result->processor->semaphore;
    struct async_task task;
    int err = async_semaphore_acquire(slots);

    if (err)
        return err;
    async_spawn(&task, send_it, step);
    err = async_gather(&task, 1);
    async_semaphore_release(slots);
    if (err)
        snprintf(step->result->error, sizeof step->result->error, "%s",
                 task.errmsg);
    return err;
}

static int try_from(struct fetch_result *result, int k, double delay)
{
    struct step step = {result, {.url = result->url}};
    int err = take_turn(&step);
    bool again = err ? err == ASYNC_ETIMEDOUT || async_curl_code(err)
                     : step.get.status == 429 || step.get.status >= 500;

    if (err && !again) {
        free(step.get.body);
        return err;
    }
    result->status = err ? 0 : step.get.status;
    if (!err) {
        snprintf(result->error, sizeof result->error, "got %ld",
                 step.get.status);
        if (step.get.status / 100 == 2)
            result->data = cJSON_Parse(step.get.body);
        result->success = result->data;
    }
    free(step.get.body);
    if (!again || k == result->processor->max_retries)
        return 0;
    err = async_sleep(fmax(step.get.retry_after, delay));
    return err ? err : try_from(result, k + 1, 2 * delay);
}

int fetch_with_retry(void *job)
{
    struct fetch_result *result = job;
    int err = try_from(result, 0, result->processor->base_delay);

    if (result->success)
        result->processor->completed++;
    else
        result->processor->failed++;
    return err;
}

int process_batch(void *job)
{
    struct url_batch *b = job;
    size_t good = b->processor->completed, bad = b->processor->failed;

    b->elapsed_time = -async_now();
    int err = async_gather_each(fetch_with_retry, b->results, b->n);
    b->elapsed_time += async_now();
    b->successful = b->processor->completed - good;
    b->failed = b->processor->failed - bad;
    return err;
}
