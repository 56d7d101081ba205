/*
 * Exercise 15: rate-limited processor. Many URLs, a few at a time, retried
 * where that may help.
 *
 * The task is in exercises/15_rate_limited_processor.md, the contract in the
 * header beside it. Try it: make exercise15. Stuck: make hint15. Grade it: make
 * verify15.
 */
#include "15_rate_limited_processor.h"

#include "async_curl/async_curl.h"

#include <errno.h>
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

/* ---- Yours ------------------------------------------------------------- */

/* [async def fetch_with_retry(self, url)] */
int fetch_with_retry(void *job)
{
    struct fetch_result *result = job;

    /* Your code goes here, in place of this return. */
    return async_raise(-ENOSYS, "fetch_with_retry is not written yet: %s",
                       result->url);
}

/* [async def process_batch(self, urls)] */
int process_batch(void *job)
{
    struct url_batch *batch = job;

    /* Your code goes here, in place of this return. */
    return async_raise(-ENOSYS, "process_batch is not written yet: %zu URLs",
                       batch->n);
}

/* ---- Given: what `make exercise15` runs -------------------------------- */

#ifndef ASYNC_VERIFY

#include "mock_llm/mock_llm.h"

enum { URLS = 10 };

static void print_results(const struct fetch_result *results)
{
    for (int i = 0; i < URLS; i++) {
        const cJSON *title = cJSON_GetObjectItem(results[i].data, "title");

        if (results[i].success)
            printf("  %-12s %s, attempts: %d\n",
                   strstr(results[i].url, "/posts"),
                   cJSON_GetStringValue(title), results[i].attempts);
        else
            printf("  %-12s failed: %s, attempts: %d\n",
                   strstr(results[i].url, "/posts"), results[i].error,
                   results[i].attempts);
    }
}

/* Ten URLs of a server that has something against some of them. */
static int run(const char *root_url)
{
    struct rate_limited_processor processor = RATE_LIMITED;
    struct fetch_result results[URLS] = {{0}};
    struct url_batch batch = {&processor, results, URLS, 0, 0, 0};
    char urls[URLS][64];

    for (int i = 0; i < URLS; i++) {
        snprintf(urls[i], sizeof urls[i], "%s/posts/%d", root_url, i + 1);
        results[i].processor = &processor;
        results[i].url = urls[i];
    }
    int status = async_main(process_batch, &batch);
    if (status == 0)
        print_results(results);
    for (int i = 0; i < URLS; i++)
        cJSON_Delete(results[i].data);
    return status;
}

int main(void)
{
    static const char *const faults[] = {
        "503 match=/posts/3 attempts=1-2", /* comes right in the end */
        "404 match=/posts/5",              /* never will */
        "429 match=/posts/8 attempts=1 retry-after=2",
    };
    struct mock_llm_options options = {.scenario.latency = 0.5};
    char error[MOCK_LLM_ERROR_SIZE];

    for (int i = 0; i < 3; i++)
        if (!scenario_set(&options.scenario, "fault", faults[i], error))
            abort();
    struct mock_llm *server = mock_llm_start(&options, error);
    if (!server) {
        fprintf(stderr, "The mock server does not start: %s\n", error);
        return 1;
    }
    int status = run(mock_llm_root_url(server));
    mock_llm_stop(server);
    return status;
}

#endif
