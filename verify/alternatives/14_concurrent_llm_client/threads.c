/* Threads that take the next prompt, libcurl that blocks in them, and JSON by
   hand; llm.h is not used. */
#include "14_concurrent_llm_client.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What all threads share. */
struct work {
    pthread_mutex_t mutex;
    struct prompt_batch *batch;
    size_t next;
};

static size_t collect(char *bytes, size_t size, size_t count, void *stream)
{
    return fwrite(bytes, size, count, stream);
}

static char *body_for(const char *prompt)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *message = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "model", "gpt-3.5-turbo");
    cJSON_AddNumberToObject(json, "max_tokens", 50);
    cJSON_AddStringToObject(message, "role", "user");
    cJSON_AddStringToObject(message, "content", prompt);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "messages"), message);
    char *body = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return body;
}

/* The status, 0 if there is none; *answer is to be freed. */
static long post(const struct completion *completion, char **answer)
{
    const struct concurrent_openai_client *client = completion->client;
    char url[256], authorization[256];
    char *body = body_for(completion->prompt);
    struct curl_slist *headers = NULL;
    CURL *easy = curl_easy_init();
    size_t size;
    long status = 0;
    FILE *stream = open_memstream(answer, &size);

    snprintf(url, sizeof url, "%s/chat/completions", client->base_url);
    snprintf(authorization, sizeof authorization, "Authorization: Bearer %s",
             client->api_key);
    headers = curl_slist_append(headers, authorization);
    headers = curl_slist_append(headers, "Content-Type: application/json");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, stream);
    if (curl_easy_perform(easy) == CURLE_OK)
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    fclose(stream);
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    free(body);
    return status;
}

static int number(const cJSON *usage, const char *name)
{
    const cJSON *item = cJSON_GetObjectItem(usage, name);

    return item ? item->valueint : 0;
}

static void generate(struct completion *completion)
{
    char *answer = NULL;
    long status = post(completion, &answer);
    cJSON *json = status == 200 ? cJSON_Parse(answer) : NULL;
    const cJSON *choice =
        cJSON_GetArrayItem(cJSON_GetObjectItem(json, "choices"), 0);
    const cJSON *usage = cJSON_GetObjectItem(json, "usage");
    const char *content = cJSON_GetStringValue(
        cJSON_GetObjectItem(cJSON_GetObjectItem(choice, "message"), "content"));

    completion->success = content != NULL;
    if (content) {
        completion->response = strdup(content);
        completion->tokens = number(usage, "total_tokens");
        completion->cost = 1e-6 * number(usage, "prompt_tokens") +
                           2e-6 * number(usage, "completion_tokens");
    } else {
        snprintf(completion->error, sizeof completion->error, "status %ld",
                 status);
    }
    cJSON_Delete(json);
    free(answer);
}

static void *run(void *job)
{
    struct work *work = job;

    for (;;) {
        pthread_mutex_lock(&work->mutex);
        size_t i = work->next++;
        pthread_mutex_unlock(&work->mutex);
        if (i >= work->batch->n)
            return NULL;
        generate(&work->batch->completions[i]);
    }
}

int batch_generate(void *job)
{
    struct prompt_batch *batch = job;
    struct concurrent_openai_client *client = batch->client;
    struct work work = {PTHREAD_MUTEX_INITIALIZER, batch, 0};
    pthread_t threads[16];
    double start = async_now();

    for (int i = 0; i < client->max_concurrent; i++)
        pthread_create(&threads[i], NULL, run, &work);
    for (int i = 0; i < client->max_concurrent; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < batch->n; i++) {
        const struct completion *completion = &batch->completions[i];

        batch->successful += completion->success;
        client->total_tokens += completion->tokens;
        client->total_cost += completion->cost;
    }
    client->completed += batch->successful;
    batch->elapsed_time = async_now() - start;
    printf("%zu of %zu, by %d threads\n", batch->successful, batch->n,
           client->max_concurrent);
    return 0;
}
