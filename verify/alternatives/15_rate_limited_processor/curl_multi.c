/* No tasks at all: libcurl's multi interface, and a table of states. */
#include "15_rate_limited_processor.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One URL: not begun or waiting (easy is NULL), in flight, or done. */
struct transfer {
    struct fetch_result *result;
    CURL *easy;
    char *body;
    size_t size;
    double not_before;
    bool done;
};

static size_t collect(char *bytes, size_t size, size_t count, void *to)
{
    struct transfer *transfer = to;
    size_t n = size * count;

    transfer->body = realloc(transfer->body, transfer->size + n + 1);
    memcpy(transfer->body + transfer->size, bytes, n);
    transfer->size += n;
    transfer->body[transfer->size] = '\0';
    return n;
}

static void begin(CURLM *multi, struct transfer *transfer)
{
    CURL *easy = curl_easy_init();

    transfer->result->attempts++;
    transfer->easy = easy;
    transfer->size = 0;
    curl_easy_setopt(easy, CURLOPT_URL, transfer->result->url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                     (long)(transfer->result->processor->timeout * 1000));
    curl_multi_add_handle(multi, easy);
}

/* Equal jitter: half of it is fixed, half is random. */
static double backoff(const struct transfer *transfer)
{
    struct curl_header *header;
    double delay = transfer->result->processor->base_delay *
                   (1 << (transfer->result->attempts - 1)) *
                   (0.5 + drand48() / 2);
    curl_off_t seconds = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &seconds);
    if (curl_easy_header(transfer->easy, "retry-after-ms", 0, CURLH_HEADER, -1,
                         &header) == CURLHE_OK &&
        atof(header->value) / 1000 > delay)
        return atof(header->value) / 1000;
    return (double)seconds > delay ? (double)seconds : delay;
}

static void end(CURLM *multi, struct transfer *transfer, CURLcode code)
{
    struct fetch_result *result = transfer->result;

    result->status = 0;
    if (code == CURLE_OK)
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE,
                          &result->status);
    bool again =
        code != CURLE_OK || result->status == 429 || result->status >= 500;
    if (again && result->attempts <= result->processor->max_retries) {
        transfer->not_before = async_now() + backoff(transfer);
    } else {
        transfer->done = true;
        if (code == CURLE_OK && result->status == 200 && transfer->size > 0)
            result->data = cJSON_Parse(transfer->body);
        result->success = result->data != NULL;
        if (!result->success)
            snprintf(result->error, sizeof result->error, "%s (%ld)",
                     curl_easy_strerror(code), result->status);
    }
    curl_multi_remove_handle(multi, transfer->easy);
    curl_easy_cleanup(transfer->easy);
    transfer->easy = NULL;
}

/* Begins what may begin; returns milliseconds until more may, at most 1 s. */
static int begin_some(CURLM *multi, struct transfer *transfers, size_t n,
                      int running, int limit)
{
    double now = async_now(), next = now + 1;

    for (size_t i = 0; i < n; i++) {
        struct transfer *transfer = &transfers[i];

        if (transfer->done || transfer->easy)
            continue;
        if (transfer->not_before > now)
            next = transfer->not_before < next ? transfer->not_before : next;
        else if (running < limit) {
            begin(multi, transfer);
            running++;
        }
    }
    return (int)((next - now) * 1000) + 1;
}

static void run(struct transfer *transfers, size_t n, int limit)
{
    CURLM *multi = curl_multi_init();
    size_t left = n;
    int running = 0, queued, unused;

    while (left > 0) {
        int wait = begin_some(multi, transfers, n, running, limit);
        curl_multi_perform(multi, &unused);
        CURLMsg *message = curl_multi_info_read(multi, &queued);
        if (!message)
            curl_multi_poll(multi, NULL, 0, wait, NULL);
        for (; message; message = curl_multi_info_read(multi, &queued)) {
            struct transfer *transfer;

            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
                              &transfer);
            end(multi, transfer, message->data.result);
            left -= transfer->done;
        }
        running = 0;
        for (size_t i = 0; i < n; i++)
            running += transfers[i].easy != NULL;
    }
    curl_multi_cleanup(multi);
}

int process_batch(void *job)
{
    struct url_batch *batch = job;
    struct transfer *transfers = calloc(batch->n + 1, sizeof *transfers);
    double start = async_now();

    for (size_t i = 0; i < batch->n; i++)
        transfers[i].result = &batch->results[i];
    run(transfers, batch->n, batch->processor->max_concurrent);
    for (size_t i = 0; i < batch->n; i++) {
        batch->successful += batch->results[i].success;
        free(transfers[i].body);
    }
    free(transfers);
    batch->failed = batch->n - batch->successful;
    batch->processor->completed += batch->successful;
    batch->processor->failed += batch->failed;
    batch->elapsed_time = async_now() - start;
    return 0;
}
