/* A thread for each URL, and libcurl that blocks in it. */
#include "15_rate_limited_processor.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;
static int taken;

static size_t collect(char *bytes, size_t size, size_t count, void *stream)
{
    return fwrite(bytes, size, count, stream);
}

static void take_slot(int slots)
{
    pthread_mutex_lock(&mutex);
    while (taken == slots)
        pthread_cond_wait(&freed, &mutex);
    taken++;
    pthread_mutex_unlock(&mutex);
}

static void give_slot(void)
{
    pthread_mutex_lock(&mutex);
    taken--;
    pthread_cond_signal(&freed);
    pthread_mutex_unlock(&mutex);
}

/* The CURLcode; *body is to be freed in any case. */
static CURLcode get(struct fetch_result *result, char **body, double *after)
{
    size_t size = 0;
    FILE *stream = open_memstream(body, &size);
    CURL *easy = curl_easy_init();
    struct curl_header *header;
    curl_off_t seconds = 0;

    curl_easy_setopt(easy, CURLOPT_URL, result->url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, stream);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, result->error);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                     (long)(result->processor->timeout * 1000));
    result->attempts++;
    CURLcode code = curl_easy_perform(easy);
    result->status = 0;
    if (code == CURLE_OK)
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &result->status);
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    *after = (double)seconds;
    if (curl_easy_header(easy, "retry-after-ms", 0, CURLH_HEADER, -1,
                         &header) == CURLHE_OK)
        *after = atof(header->value) / 1000;
    fclose(stream);
    if (code != CURLE_OK && !*result->error)
        strcpy(result->error, curl_easy_strerror(code));
    curl_easy_cleanup(easy);
    return code;
}

/* Whether it is to be tried again. */
static bool take_answer(struct fetch_result *result, CURLcode code,
                        const char *body)
{
    if (code != CURLE_OK || result->status == 429 || result->status >= 500) {
        if (code == CURLE_OK)
            sprintf(result->error, "status %ld", result->status);
        return true;
    }
    if (result->status / 100 == 2)
        result->data = cJSON_Parse(body);
    result->success = result->data != NULL;
    if (!result->success)
        sprintf(result->error, "status %ld, or no JSON", result->status);
    return false;
}

static void pause_for(double seconds)
{
    struct timespec time = {(time_t)seconds,
                            (long)((seconds - (time_t)seconds) * 1e9)};

    nanosleep(&time, NULL);
}

static void *fetch(void *job)
{
    struct fetch_result *result = job;
    struct rate_limited_processor *processor = result->processor;
    double delay = processor->base_delay, after;
    char *body = NULL;

    for (;;) {
        take_slot(processor->max_concurrent);
        CURLcode code = get(result, &body, &after);
        give_slot();
        bool again = take_answer(result, code, body);
        free(body);
        if (!again || result->attempts > processor->max_retries)
            return NULL;
        pause_for(after > delay ? after : delay);
        delay *= 2;
    }
}

int process_batch(void *job)
{
    struct url_batch *batch = job;
    pthread_t *threads = calloc(batch->n + 1, sizeof *threads);
    double start = async_now();

    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (size_t i = 0; i < batch->n; i++)
        pthread_create(&threads[i], NULL, fetch, &batch->results[i]);
    for (size_t i = 0; i < batch->n; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    for (size_t i = 0; i < batch->n; i++)
        *(batch->results[i].success ? &batch->successful : &batch->failed) += 1;
    batch->processor->completed += batch->successful;
    batch->processor->failed += batch->failed;
    batch->elapsed_time = async_now() - start;
    return 0;
}
