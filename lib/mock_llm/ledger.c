/*
 * ledger.c - one array of requests in the order of their arrival, and a tree
 * that counts how often each request was seen before.
 *
 * A retry sends the same bytes to the same path. Each such pair is held once,
 * by its sighting in the tree; the requests point to it.
 */
#include "mock_llm/ledger.h"
#include "scenario/plan.h"
#include "scenario/utf8.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sighting {
    char *path, *body;
    size_t body_size;
    int times;
    long first; /* the number of the first request */
};

static int compare_sightings(const void *left, const void *right)
{
    const struct sighting *a = left, *b = right;

    if (a->body_size != b->body_size)
        return a->body_size < b->body_size ? -1 : 1;

    int order = memcmp(a->body, b->body, a->body_size);

    return order != 0 ? order : strcmp(a->path, b->path);
}

static void free_sighting(struct sighting *sighting)
{
    free(sighting->path);
    free(sighting->body);
    free(sighting);
}

/* A copy of size bytes and a NUL. */
static char *copy_bytes(const char *bytes, size_t size)
{
    char *copy = malloc(size + 1);

    if (copy) {
        memcpy(copy, bytes, size);
        copy[size] = '\0';
    }
    return copy;
}

static struct sighting *new_sighting(const struct sighting *like)
{
    struct sighting *sighting = calloc(1, sizeof *sighting);

    if (!sighting)
        return NULL;
    sighting->path = strdup(like->path);
    sighting->body = copy_bytes(like->body, like->body_size);
    sighting->body_size = like->body_size;
    if (!sighting->path || !sighting->body) {
        free_sighting(sighting);
        return NULL;
    }
    return sighting;
}

/* The tree's sighting of this request, a new one if need be; NULL: no memory */
static struct sighting *see(struct ledger *ledger,
                            const struct mock_llm_request *request)
{
    struct sighting key = {.path = request->path,
                           .body = request->body,
                           .body_size = request->body_size};
    /* The tree's nodes begin with the pointer that they were given. */
    struct sighting **node = tfind(&key, &ledger->seen, compare_sightings);

    if (node)
        return *node;

    struct sighting *sighting = new_sighting(&key);

    if (sighting &&
        tsearch(sighting, &ledger->seen, compare_sightings) == NULL) {
        free_sighting(sighting);
        return NULL;
    }
    return sighting;
}

/* Makes room for one more request. */
static bool grow(struct ledger *ledger)
{
    struct mock_llm_ledger *book = &ledger->book;
    size_t capacity = ledger->capacity > 0 ? 2 * ledger->capacity : 64;
    struct mock_llm_request *requests;

    if (book->n < ledger->capacity)
        return true;
    requests = realloc(book->requests, capacity * sizeof *requests);
    if (!requests)
        return false;
    book->requests = requests;
    ledger->capacity = capacity;
    return true;
}

void mock_llm_ledger_init(struct ledger *ledger)
{
    *ledger = (struct ledger){.mutex = PTHREAD_MUTEX_INITIALIZER};
}

void mock_llm_ledger_destroy(struct ledger *ledger)
{
    /* Not tdestroy: only glibc and its like have it. */
    while (ledger->seen) {
        struct sighting *sighting = *(struct sighting **)ledger->seen;

        tdelete(sighting, &ledger->seen, compare_sightings);
        free_sighting(sighting);
    }
    free(ledger->book.requests);
    pthread_mutex_destroy(&ledger->mutex);
}

long mock_llm_ledger_begin(struct ledger *ledger, double now,
                           struct mock_llm_request *arrival)
{
    struct mock_llm_ledger *book = &ledger->book;
    struct sighting *sighting = NULL;
    long number = 0;

    pthread_mutex_lock(&ledger->mutex);
    if (grow(ledger))
        sighting = see(ledger, arrival);
    if (sighting) {
        number = (long)++book->n;
        book->in_flight++;
        if (book->in_flight > book->max_in_flight)
            book->max_in_flight = book->in_flight;

        if (sighting->times++ == 0)
            sighting->first = number;
        arrival->attempt = sighting->times;

        struct mock_llm_request *request = &book->requests[number - 1];

        *request = (struct mock_llm_request){
            .arrival = now,
            .begin = INFINITY,
            .end = INFINITY,
            .in_flight = book->in_flight,
            .attempt = sighting->times,
            .first_attempt = sighting->first,
            .client_port = arrival->client_port,
            .method = arrival->method,
            .path = sighting->path,
            .body = sighting->body,
            .body_size = sighting->body_size,
        };
        scenario_id(number, request->id);
        if (ledger->observe)
            ledger->observe(ledger->observer, number, request);
    }
    pthread_mutex_unlock(&ledger->mutex);
    return number;
}

void mock_llm_ledger_reply(struct ledger *ledger, long number, double now)
{
    pthread_mutex_lock(&ledger->mutex);
    ledger->book.requests[number - 1].begin = now;
    pthread_mutex_unlock(&ledger->mutex);
}

void mock_llm_ledger_end(struct ledger *ledger, long number, double now,
                         const struct mock_llm_request *ending)
{
    struct mock_llm_ledger *book = &ledger->book;

    pthread_mutex_lock(&ledger->mutex);

    struct mock_llm_request *request = &book->requests[number - 1];

    request->end = now;
    request->status = ending->status;
    request->answered = ending->answered;
    memcpy(request->fault, ending->fault, sizeof request->fault);
    request->disconnected = ending->disconnected;
    request->prompt_tokens = ending->prompt_tokens;
    request->completion_tokens = ending->completion_tokens;
    request->cost = ending->cost;
    book->in_flight--;
    book->answered += ending->answered;
    book->prompt_tokens += ending->prompt_tokens;
    book->completion_tokens += ending->completion_tokens;
    book->cost += ending->cost;
    if (ledger->observe)
        ledger->observe(ledger->observer, number, request);
    pthread_mutex_unlock(&ledger->mutex);
}

void mock_llm_ledger_gate_filled(struct ledger *ledger)
{
    pthread_mutex_lock(&ledger->mutex);
    ledger->book.gate_filled++;
    pthread_mutex_unlock(&ledger->mutex);
}

void mock_llm_ledger_gate_opened(struct ledger *ledger)
{
    pthread_mutex_lock(&ledger->mutex);
    ledger->book.gate_opened = true;
    pthread_mutex_unlock(&ledger->mutex);
}

/* copy->requests[i] is as the original, but owns its strings. */
static bool copy_request(struct mock_llm_request *copy,
                         const struct mock_llm_request *original)
{
    *copy = *original;
    copy->path = strdup(original->path);
    copy->body = copy_bytes(original->body, original->body_size);
    return copy->path && copy->body;
}

int mock_llm_ledger_snapshot(struct ledger *ledger,
                             struct mock_llm_ledger *copy)
{
    const struct mock_llm_ledger *book = &ledger->book;
    bool copied;

    pthread_mutex_lock(&ledger->mutex);
    *copy = *book;
    copy->n = 0;
    copy->requests = calloc(book->n > 0 ? book->n : 1, sizeof *copy->requests);
    copied = copy->requests;
    while (copied && copy->n < book->n) {
        size_t i = copy->n++;

        copied = copy_request(&copy->requests[i], &book->requests[i]);
    }
    pthread_mutex_unlock(&ledger->mutex);
    if (!copied) {
        mock_llm_ledger_free(copy);
        return -ENOMEM;
    }
    return 0;
}

void mock_llm_ledger_free(struct mock_llm_ledger *ledger)
{
    for (size_t i = 0; i < ledger->n; i++) {
        free(ledger->requests[i].path);
        free(ledger->requests[i].body);
    }
    free(ledger->requests);
    *ledger = (struct mock_llm_ledger){0};
}

static bool add_request(cJSON *requests, const struct mock_llm_request *request)
{
    cJSON *json = cJSON_CreateObject();
    char *body = scenario_utf8_clean(request->body, request->body_size);
    bool complete =
        body && cJSON_AddStringToObject(json, "id", request->id) &&
        cJSON_AddStringToObject(json, "method", request->method) &&
        cJSON_AddStringToObject(json, "path", request->path) &&
        cJSON_AddNumberToObject(json, "arrival", request->arrival) &&
        /* JSON has no infinity: null stands for it. */
        cJSON_AddNumberToObject(json, "begin", request->begin) &&
        cJSON_AddNumberToObject(json, "end", request->end) &&
        cJSON_AddNumberToObject(json, "in_flight", request->in_flight) &&
        cJSON_AddNumberToObject(json, "attempt", request->attempt) &&
        cJSON_AddNumberToObject(json, "first_attempt",
                                (double)request->first_attempt) &&
        cJSON_AddNumberToObject(json, "client_port", request->client_port) &&
        cJSON_AddNumberToObject(json, "status", request->status) &&
        cJSON_AddBoolToObject(json, "answered", request->answered) &&
        cJSON_AddStringToObject(json, "fault", request->fault) &&
        cJSON_AddBoolToObject(json, "disconnected", request->disconnected) &&
        cJSON_AddNumberToObject(json, "prompt_tokens",
                                request->prompt_tokens) &&
        cJSON_AddNumberToObject(json, "completion_tokens",
                                request->completion_tokens) &&
        cJSON_AddNumberToObject(json, "cost", request->cost) &&
        cJSON_AddStringToObject(json, "body", body);

    free(body);
    if (complete && cJSON_AddItemToArray(requests, json))
        return true;
    cJSON_Delete(json);
    return false;
}

static bool add_sums(cJSON *json, const struct mock_llm_ledger *book)
{
    return cJSON_AddNumberToObject(json, "in_flight", book->in_flight) &&
           cJSON_AddNumberToObject(json, "max_in_flight",
                                   book->max_in_flight) &&
           cJSON_AddNumberToObject(json, "answered", (double)book->answered) &&
           cJSON_AddNumberToObject(json, "prompt_tokens",
                                   (double)book->prompt_tokens) &&
           cJSON_AddNumberToObject(json, "completion_tokens",
                                   (double)book->completion_tokens) &&
           cJSON_AddNumberToObject(json, "cost", book->cost) &&
           cJSON_AddNumberToObject(json, "gate_filled",
                                   (double)book->gate_filled) &&
           cJSON_AddBoolToObject(json, "gate_opened", book->gate_opened);
}

char *mock_llm_ledger_json(struct ledger *ledger)
{
    const struct mock_llm_ledger *book = &ledger->book;
    cJSON *json = cJSON_CreateObject();
    cJSON *requests;
    bool complete;
    char *text;

    pthread_mutex_lock(&ledger->mutex);
    complete = add_sums(json, book);
    requests = cJSON_AddArrayToObject(json, "requests");
    for (size_t i = 0; complete && i < book->n; i++)
        complete = add_request(requests, &book->requests[i]);
    pthread_mutex_unlock(&ledger->mutex);
    text = complete && requests ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    return text;
}
