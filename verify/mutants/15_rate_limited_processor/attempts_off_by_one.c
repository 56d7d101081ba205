/* fails c g: max_retries is taken for the number of attempts */
#include "15_rate_limited_processor.h"

#include "async_curl/async_curl.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Given: one GET ---------------------------------------------------- */

/* What has come of a body. */
struct body {
    char *text;
    size_t size;
};

static size_t add_to_body(char *bytes, size_t size, size_t count, void *to)
{
    struct body *body = to;
    char *larger = realloc(body->text, body->size + size * count + 1);

    if (!larger)
        return 0; /* libcurl gives up: CURLE_WRITE_ERROR */
    memcpy(larger + body->size, bytes, size * count);
    body->text = larger;
    body->size += size * count;
    body->text[body->size] = '\0';
    return size * count;
}

/* "retry-after-ms: 1500", or "Retry-After: 2", or its date; 0 if neither. */
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

/*
 * GETs a URL. Its job is a struct http_get. Returns 0 if an answer came,
 * whatever its status; ASYNC_CURL_E(...) if none did, or half of one;
 * ASYNC_ECANCELED, and then the connection has been closed. Only after 0 is
 * there a body to be freed. [client.get(url)]
 */
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

/* ---- One URL ----------------------------------------------------------- */

/* Whether the failure is the network's: another attempt may do better. */
static bool is_network_error(int err)
{
    return err == ASYNC_ETIMEDOUT || async_curl_code(err) != CURLE_OK;
}

static bool worth_retrying(int err, long status)
{
    return err ? is_network_error(err) : status == 429 || status >= 500;
}

/*
 * One attempt, within a slot and a time limit of its own. Returns what http_get
 * does, or ASYNC_ETIMEDOUT, or ASYNC_ECANCELED. The slot is given back on every
 * path, and before anybody waits.
 */
static int attempt(struct fetch_result *result, struct http_get *get)
{
    struct rate_limited_processor *processor = result->processor;

    *get = (struct http_get){.url = result->url};
    int err = async_semaphore_acquire(&processor->semaphore);
    if (err)
        return err;
    result->attempts++;
    err = async_wait_for(http_get, get, processor->timeout);
    if (err)
        /* Kept now: the text holds until the next call that suspends. */
        snprintf(result->error, sizeof result->error, "%s", async_errmsg(err));
    async_semaphore_release(&processor->semaphore);
    return err;
}

/* What the last answer makes of the result: data, or an error. */
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
        result->error[0] = '\0'; /* an earlier attempt's */
    else
        snprintf(result->error, sizeof result->error,
                 "HTTP status %ld, but the body is not JSON", get->status);
}

/* Seconds before retry k, counted from 0. */
static double delay_before(int k, const struct fetch_result *result,
                           const struct http_get *get)
{
    double delay = ldexp(result->processor->base_delay, k); /* * 2^k */

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
            free(get.body); /* it may have come just before a cancellation */
            return err;
        }
        if (!worth_retrying(err, get.status) ||
            k + 1 == processor->max_retries) {
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
    /* Nobody else runs between these two and whoever reads them. */
    processor->completed += result->success;
    processor->failed += !result->success;
    return 0;
}

/* ---- A batch ----------------------------------------------------------- */

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
