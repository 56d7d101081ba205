/* fails g: the wait for a slot is within the time limit */
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

static bool is_network_error(int err)
{
    return err == ASYNC_ETIMEDOUT || async_curl_code(err) != CURLE_OK;
}

static bool worth_retrying(int err, long status)
{
    return err ? is_network_error(err) : status == 429 || status >= 500;
}

struct turn {
    struct fetch_result *result;
    struct http_get *get;
};

static int take_turn(void *job)
{
    struct turn *turn = job;
    struct async_semaphore *semaphore = &turn->result->processor->semaphore;

    int err = async_semaphore_acquire(semaphore);
    if (err)
        return err;
    turn->result->attempts++;
    err = http_get(turn->get);
    async_semaphore_release(semaphore);
    return err;
}

static int attempt(struct fetch_result *result, struct http_get *get)
{
    struct rate_limited_processor *processor = result->processor;

    *get = (struct http_get){.url = result->url};
    struct turn turn = {result, get};
    int err = async_wait_for(take_turn, &turn, processor->timeout);
    if (err)
        snprintf(result->error, sizeof result->error, "%s", async_errmsg(err));
    return err;
}

static void read_answer(struct fetch_result *result, const struct http_get *get)
{
    result->status = get->status;
    if (get->status < 200 || get->status > 299) {
        snprintf(result->error, sizeof result->error, "HTTP status %ld",
                 get->status);
        return;
    }
    result->data = cJSON_Parse(get->body);
    result->success = result->data != NULL;
    if (result->success)
        result->error[0] = '\0';
    else
        snprintf(result->error, sizeof result->error,
                 "HTTP status %ld, but the body is not JSON", get->status);
}

static double delay_before(int k, const struct fetch_result *result,
                           const struct http_get *get)
{
    double delay = ldexp(result->processor->base_delay, k);

    return get->retry_after > delay ? get->retry_after : delay;
}

int fetch_with_retry(void *job)
{
    struct fetch_result *result = job;
    struct rate_limited_processor *processor = result->processor;
    struct http_get get;

    for (int k = 0;; k++) {
        int err = attempt(result, &get);
        if (err && !is_network_error(err)) {
            free(get.body);
            return err;
        }
        if (!worth_retrying(err, get.status) || k == processor->max_retries) {
            if (!err)
                read_answer(result, &get);
            free(get.body);
            break;
        }
        free(get.body);
        double delay = delay_before(k, result, &get);
        size_t length = strlen(result->url);
        printf("Retry %d/%d for %s in %.1fs...\n", k + 1,
               processor->max_retries,
               result->url + (length > 20 ? length - 20 : 0), delay);
        err = async_sleep(delay);
        if (err)
            return err;
    }
    processor->completed += result->success;
    processor->failed += !result->success;
    return 0;
}

int process_batch(void *job)
{
    struct url_batch *batch = job;
    const struct rate_limited_processor *processor = batch->processor;

    printf("Processing %zu URLs...\n", batch->n);
    printf("Settings: max_concurrent=%d, max_retries=%d\n\n",
           processor->max_concurrent, processor->max_retries);

    double start = async_now();
    int err = async_gather_each(fetch_with_retry, batch->results, batch->n);
    batch->elapsed_time = async_now() - start;
    for (size_t i = 0; i < batch->n; i++) {
        batch->successful += batch->results[i].success;
        batch->failed += !batch->results[i].success;
    }
    if (err)
        return err;

    printf("\nResults: %zu successful, %zu failed\n", batch->successful,
           batch->failed);
    printf("Time: %.2fs", batch->elapsed_time);
    if (batch->elapsed_time > 0)
        printf(" (%.1f req/sec)", (double)batch->n / batch->elapsed_time);
    printf("\n");
    return 0;
}
