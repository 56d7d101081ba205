/* libcurl by hand in one loop, cJSON, and no task at all */
#include "14_concurrent_llm_client.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct transfer {
    struct completion *completion;
    struct curl_slist *headers;
    char *request, *answer;
    size_t size;
};

static size_t collect(char *bytes, size_t size, size_t count, void *to)
{
    struct transfer *transfer = to;
    size_t n = size * count;

    transfer->answer = realloc(transfer->answer, transfer->size + n + 1);
    memcpy(transfer->answer + transfer->size, bytes, n);
    transfer->size += n;
    transfer->answer[transfer->size] = '\0';
    return n;
}

static char *write_request(const char *prompt)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *messages = cJSON_AddArrayToObject(root, "messages");
    cJSON *message = cJSON_CreateObject();

    cJSON_AddStringToObject(root, "model", "gpt-3.5-turbo");
    cJSON_AddNumberToObject(root, "max_tokens", 50);
    cJSON_AddStringToObject(message, "role", "user");
    cJSON_AddStringToObject(message, "content", prompt);
    cJSON_AddItemToArray(messages, message);
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}

static void begin(CURLM *multi, struct transfer *transfer,
                  struct completion *completion)
{
    const struct concurrent_openai_client *client = completion->client;
    CURL *easy = curl_easy_init();
    char line[512];

    *transfer = (struct transfer){.completion = completion};
    transfer->request = write_request(completion->prompt);
    snprintf(line, sizeof line, "Authorization: Bearer %s", client->api_key);
    transfer->headers = curl_slist_append(NULL, line);
    transfer->headers =
        curl_slist_append(transfer->headers, "Content-Type: application/json");
    snprintf(line, sizeof line, "%s/chat/completions", client->base_url);
    curl_easy_setopt(easy, CURLOPT_URL, line);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->request);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_multi_add_handle(multi, easy);
}

static void read_answer(struct completion *completion, const cJSON *root)
{
    struct concurrent_openai_client *client = completion->client;
    const cJSON *choices = cJSON_GetObjectItem(root, "choices");
    const cJSON *message =
        cJSON_GetObjectItem(cJSON_GetArrayItem(choices, 0), "message");
    const char *content =
        cJSON_GetStringValue(cJSON_GetObjectItem(message, "content"));
    const cJSON *usage = cJSON_GetObjectItem(root, "usage");
    double in =
        cJSON_GetNumberValue(cJSON_GetObjectItem(usage, "prompt_tokens"));
    double out =
        cJSON_GetNumberValue(cJSON_GetObjectItem(usage, "completion_tokens"));

    if (!content || !usage) {
        strcpy(completion->error, "this is no answer");
        return;
    }
    completion->success = true;
    completion->response = strdup(content);
    completion->tokens = (int)(in + out);
    completion->cost = in * 1e-6 + out * 2e-6;
    client->total_tokens += completion->tokens;
    client->total_cost += completion->cost;
    client->completed++;
}

static void end(CURL *easy, CURLcode code)
{
    struct transfer *transfer;
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    struct completion *completion = transfer->completion;
    cJSON *root = transfer->answer ? cJSON_Parse(transfer->answer) : NULL;
    if (code != CURLE_OK)
        snprintf(completion->error, sizeof completion->error, "%s",
                 curl_easy_strerror(code));
    else if (status != 200)
        snprintf(completion->error, sizeof completion->error, "HTTP %ld",
                 status);
    else
        read_answer(completion, root);
    cJSON_Delete(root);
    curl_slist_free_all(transfer->headers);
    free(transfer->request);
    free(transfer->answer);
    transfer->completion = NULL;
}

static struct transfer *free_one(struct transfer *transfers, int n)
{
    for (int i = 0; i < n; i++)
        if (!transfers[i].completion)
            return &transfers[i];
    return NULL;
}

int batch_generate(void *job)
{
    struct prompt_batch *batch = job;
    int limit = batch->client->max_concurrent, running, left;
    struct transfer *transfers = calloc((size_t)limit, sizeof *transfers),
                    *place;
    CURLM *multi = curl_multi_init();
    double start = async_now();

    for (size_t next = 0, done = 0; done < batch->n;) {
        while (next < batch->n && (place = free_one(transfers, limit)))
            begin(multi, place, &batch->completions[next++]);
        curl_multi_perform(multi, &running);
        CURLMsg *message = curl_multi_info_read(multi, &left);
        if (!message) {
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
            continue;
        }
        CURL *easy = message->easy_handle;
        end(easy, message->data.result);
        curl_multi_remove_handle(multi, easy);
        curl_easy_cleanup(easy);
        done++;
    }
    curl_multi_cleanup(multi);
    free(transfers);
    for (size_t i = 0; i < batch->n; i++)
        batch->successful += batch->completions[i].success;
    batch->elapsed_time = async_now() - start;
    return 0;
}
