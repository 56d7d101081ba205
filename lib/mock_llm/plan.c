/*
 * plan.c - decides what a request gets: an answer, a refusal, or the fault that
 * the scenario has for it.
 */
#include "mock_llm/server.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* The most pieces in which a reply drips. */
enum { DRIPS = 100 };

static const char json_type[] = "application/json";

/* A route serves a request: it makes the plan and returns true, or refuses. */
struct route {
    const char *path, *method;
    const struct api *api; /* NULL: the client's headers tell */
    bool open;             /* needs no key */
    bool (*serve)(struct exchange *exchange,
                  const struct mock_llm_request *arrival,
                  struct refusal *refusal);
};

/* ---- Bodies ------------------------------------------------------------ */

/* The plan is this body, whole; it becomes the plan's. NULL: no memory. */
static void plan_body(struct exchange *exchange, int status, const char *type,
                      char *body)
{
    struct plan *plan = &exchange->plan;

    mock_llm_chat_free(plan->chat);
    plan->chat = NULL;
    cJSON_free(plan->body);
    plan->body = body;
    plan->size = body ? strlen(body) : 0;
    plan->type = type;
    plan->parts = plan->parts_sent = 1;
    exchange->ending.status = body ? status : HTTP_INTERNAL;
    exchange->ending.answered = body && status == HTTP_OK;
}

static char *copy_of(const char *text)
{
    char *copy = cJSON_malloc(strlen(text) + 1);

    return copy ? strcpy(copy, text) : NULL;
}

static void plan_refusal(struct exchange *exchange,
                         const struct refusal *refusal)
{
    struct evkeyvalq *headers =
        evhttp_request_get_output_headers(exchange->request);
    char id[MOCK_LLM_ID_SIZE];

    mock_llm_ledger_id(exchange->number, id);
    mock_llm_add_retry_after(headers, refusal, (double)time(NULL));
    exchange->plan.held = false;
    exchange->plan.ending = END_WELL;
    plan_body(exchange, refusal->status, json_type,
              exchange->api->error(refusal, id));
}

/* ---- Faults ------------------------------------------------------------ */

/* The error that a fault of the kind STATUS or QUOTA is. */
static void fault_to_refusal(const struct exchange *exchange,
                             const struct scenario_fault *fault,
                             struct refusal *refusal)
{
    int status = fault->status;

    if (fault->kind == SCENARIO_QUOTA) {
        status = exchange->api == &mock_llm_anthropic ? 402 : 429;
        mock_llm_refuse(refusal, status, "insufficient_quota", "",
                        "Your credit is used up: more of it, not a retry, "
                        "will help (a pretended fault).");
        refusal->type = "insufficient_quota";
        refusal->for_good = true;
        return;
    }
    mock_llm_refuse(refusal, status, "", "", "%s",
                    scenario_status_text(status));
    refusal->retry_after = fault->retry_after;
    refusal->spelling = fault->spelling;
    if (status == 401)
        refusal->code = "invalid_api_key";
    else if (status == 429)
        refusal->type = "requests", refusal->code = "rate_limit_exceeded";
    else if (status >= 500)
        refusal->type = "server_error";
}

/* Where a reply that is sent in one piece goes wrong. */
static void spoil_body(struct exchange *exchange,
                       const struct scenario_fault *fault)
{
    static const char page[] = "<!DOCTYPE html>\n<html><head><title>Welcome"
                               "</title></head>\n<body>This is a page of a "
                               "proxy, not an answer (a pretended fault)."
                               "</body></html>\n";
    struct plan *plan = &exchange->plan;

    switch (fault->kind) {
    case SCENARIO_TRUNCATE:
        plan->parts = 2;
        plan->ending = END_CLOSE;
        break;
    case SCENARIO_MALFORMED:
        plan->size /= 2;
        break;
    case SCENARIO_WRONG_TYPE:
        plan_body(exchange, HTTP_OK, "text/html", copy_of(page));
        break;
    case SCENARIO_EMPTY:
        plan_body(exchange, HTTP_OK, json_type, copy_of(""));
        break;
    case SCENARIO_DRIP:
        plan->parts = plan->size < DRIPS ? (int)plan->size : DRIPS;
        plan->parts_sent = plan->parts;
        plan->interval = fault->seconds / plan->parts;
        break;
    default:
        break;
    }
}

/* A stream's tail in the place of what would have come. */
static void plan_tail(struct plan *plan, char *tail)
{
    plan->body = tail;
    plan->size = tail ? strlen(tail) : 0;
    if (!tail) /* no memory: the stream breaks off */
        plan->ending = END_CLOSE;
}

/* The event that tells of an error in the middle of a stream. */
static char *error_event(const struct exchange *exchange,
                         const struct scenario_fault *fault)
{
    struct evbuffer *out = evbuffer_new();
    struct refusal refusal;
    char id[MOCK_LLM_ID_SIZE], *text = NULL;
    size_t size;

    mock_llm_ledger_id(exchange->number, id);
    fault_to_refusal(exchange, fault, &refusal);
    if (out &&
        exchange->api->stream_error(exchange->api->error(&refusal, id), out)) {
        size = evbuffer_get_length(out);
        text = cJSON_malloc(size + 1);
        if (text) {
            evbuffer_remove(out, text, size);
            text[size] = '\0';
        }
    }
    if (out)
        evbuffer_free(out);
    return text;
}

/* Where a stream goes wrong, after some of its tokens. */
static void spoil_stream(struct exchange *exchange,
                         const struct scenario_fault *fault)
{
    struct plan *plan = &exchange->plan;
    int tokens = plan->parts - 2, sent = fault->after_tokens;

    if (fault->kind == SCENARIO_DRIP) {
        plan->interval += fault->seconds / plan->parts;
        return;
    }
    if (sent == 0)
        sent = tokens / 2;
    plan->parts_sent = 1 + (sent < tokens ? sent : tokens);
    if (fault->kind == SCENARIO_TRUNCATE)
        plan->ending = END_CLOSE;
    else if (fault->kind == SCENARIO_MALFORMED)
        plan_tail(plan, copy_of(exchange->api->bad_event));
    else if (fault->kind == SCENARIO_STATUS || fault->kind == SCENARIO_QUOTA)
        plan_tail(plan, error_event(exchange, fault));
}

/* Changes the plan of a right answer into the fault's. False: a refusal. */
static bool plan_fault(struct exchange *exchange,
                       const struct scenario_fault *fault,
                       struct refusal *refusal)
{
    struct plan *plan = &exchange->plan;
    bool in_the_middle = plan->chat && fault->after_tokens > 0;

    scenario_fault_name(fault, exchange->ending.fault);
    if (!plan->body && !plan->chat)
        return true; /* no memory: nothing there that could go wrong */
    if (fault->kind == SCENARIO_HANG)
        plan->ending = END_HANG;
    else if (fault->kind == SCENARIO_RESET)
        plan->ending = END_RESET;
    else if (!in_the_middle && (fault->kind == SCENARIO_STATUS ||
                                fault->kind == SCENARIO_QUOTA)) {
        fault_to_refusal(exchange, fault, refusal);
        return false;
    }
    if (plan->ending != END_WELL && !in_the_middle) {
        plan->parts_sent = 0;
        exchange->ending.status = 0;
    } else if (plan->chat && fault->kind != SCENARIO_WRONG_TYPE &&
               fault->kind != SCENARIO_EMPTY) {
        spoil_stream(exchange, fault);
    } else {
        spoil_body(exchange, fault);
    }
    exchange->ending.answered = fault->kind == SCENARIO_DRIP;
    return true;
}

/* ---- Limits ------------------------------------------------------------ */

static void refuse_for_limit(enum scenario_limit limit,
                             const struct scenario_limits *limits, double wait,
                             struct refusal *refusal)
{
    static const char code[] = "rate_limit_exceeded";

    if (limit == SCENARIO_IN_FLIGHT_LIMIT)
        mock_llm_refuse(refusal, 429, code, "",
                        "Rate limit reached: %d requests may be in flight at "
                        "once.",
                        limits->in_flight);
    else if (isinf(wait))
        mock_llm_refuse(refusal, 429, code, "",
                        "Request too large: the limit is %d tokens a minute.",
                        limits->tokens_per_minute);
    else
        mock_llm_refuse(
            refusal, 429, code, "",
            "Rate limit reached: %d %s per min. Please try again in %.3gs.",
            limit == SCENARIO_REQUEST_LIMIT ? limits->requests_per_minute
                                            : limits->tokens_per_minute,
            limit == SCENARIO_REQUEST_LIMIT ? "requests" : "tokens", wait);
    refusal->type = limit == SCENARIO_TOKEN_LIMIT ? "tokens" : "requests";
    refusal->for_good = isinf(wait);
    refusal->retry_after = isinf(wait) ? 0 : wait;
}

/* Enters the meter, and tells the client what is left. */
static bool within_limits(struct exchange *exchange, int tokens,
                          struct refusal *refusal)
{
    struct mock_llm *server = exchange->server;
    const struct scenario_limits *limits = &server->scenario.limits;
    struct evkeyvalq *headers =
        evhttp_request_get_output_headers(exchange->request);
    double wait;
    enum scenario_limit limit = scenario_enter(
        limits, &server->meter, mock_llm_now(server), tokens, &wait);

    exchange->entered = limit == SCENARIO_WITHIN_LIMITS;
    exchange->api->add_limits(headers, limits, &server->meter);
    if (exchange->entered)
        return true;
    strcpy(exchange->ending.fault, "limit");
    refuse_for_limit(limit, limits, wait, refusal);
    /* Both spellings, as OpenAI sends them: whole seconds for all clients, and
       how long it really is. */
    if (refusal->retry_after > 0) {
        mock_llm_add_header(headers, "retry-after-ms", "%.0f",
                            ceil(wait * 1000));
        refusal->retry_after = ceil(wait);
    }
    return false;
}

/* ---- What is served ---------------------------------------------------- */

/* The right answer to a chat, whole or as a stream. The chat is the plan's. */
static void plan_answer(struct exchange *exchange, struct chat *chat)
{
    const struct scenario_reply *reply = &chat->reply;
    struct mock_llm_request *ending = &exchange->ending;
    struct plan *plan = &exchange->plan;

    ending->status = HTTP_OK;
    ending->answered = true;
    ending->prompt_tokens = reply->prompt_tokens;
    ending->completion_tokens = reply->completion_tokens;
    ending->cost = scenario_cost(chat->model, reply->prompt_tokens,
                                 reply->completion_tokens);
    plan->held = true;
    plan->latency = reply->latency;
    plan->chat = chat;
    if (!chat->stream) {
        plan_body(exchange, HTTP_OK, json_type, exchange->api->answer(chat));
        return;
    }
    plan->type = "text/event-stream";
    plan->latency -= reply->per_token * reply->completion_tokens;
    plan->interval = reply->per_token;
    plan->parts = plan->parts_sent = reply->completion_tokens + 2;
}

static bool serve_chat(struct exchange *exchange,
                       const struct mock_llm_request *arrival,
                       struct refusal *refusal)
{
    const struct scenario *scenario = &exchange->server->scenario;
    struct chat *chat = calloc(1, sizeof *chat);

    if (!chat)
        return true; /* the plan is still empty: no memory */
    chat->number = exchange->number;
    chat->request.number = exchange->number;
    chat->request.attempt = arrival->attempt;
    chat->request.path = arrival->path;
    if (!mock_llm_chat_read(exchange->api, chat, arrival->body,
                            arrival->body_size, refusal)) {
        mock_llm_chat_free(chat);
        return false;
    }
    scenario_respond(scenario, &chat->request, &chat->reply);

    const struct scenario_fault *fault = chat->reply.fault;
    int tokens = chat->reply.prompt_tokens + chat->reply.completion_tokens;

    plan_answer(exchange, chat);
    if (!within_limits(exchange, tokens, refusal)) {
        exchange->plan.latency = 0;
        return false;
    }
    return !fault || plan_fault(exchange, fault, refusal);
}

static bool serve_models(struct exchange *exchange,
                         const struct mock_llm_request *arrival,
                         struct refusal *refusal)
{
    (void)arrival;
    (void)refusal;
    plan_body(exchange, HTTP_OK, json_type, exchange->api->models());
    return true;
}

/* The number behind /posts/; 0 if there is no such document. */
static int post_number(const char *path)
{
    char *end;
    long number = strtol(path, &end, 10);

    return *path >= '1' && *path <= '9' && *end == '\0' &&
                   number <= MOCK_LLM_POSTS
               ? (int)number
               : 0;
}

static bool serve_post(struct exchange *exchange,
                       const struct mock_llm_request *arrival,
                       struct refusal *refusal)
{
    struct scenario_request request = {.number = exchange->number,
                                       .attempt = arrival->attempt,
                                       .path = arrival->path};
    struct scenario_reply reply;
    int id = post_number(arrival->path + strlen("/posts/"));

    if (id == 0)
        return mock_llm_refuse(refusal, 404, "", "",
                               "There is no %s: there are /posts/1 to "
                               "/posts/%d.",
                               arrival->path, MOCK_LLM_POSTS);
    scenario_respond(&exchange->server->scenario, &request, &reply);
    exchange->plan.held = true;
    /* A document is not thought out token by token. */
    exchange->plan.latency =
        reply.latency - reply.per_token * reply.completion_tokens;
    plan_body(exchange, HTTP_OK, json_type, mock_llm_post(id));
    if (!within_limits(exchange, 0, refusal)) {
        exchange->plan.latency = 0;
        return false;
    }
    return !reply.fault || plan_fault(exchange, reply.fault, refusal);
}

/* ---- Routes ------------------------------------------------------------ */

/* A path that ends in a '/' stands for all that begin with it. */
static const struct route routes[] = {
    {"/v1/chat/completions", "POST", &mock_llm_openai, false, serve_chat},
    {"/v1/messages", "POST", &mock_llm_anthropic, false, serve_chat},
    {"/v1/models", "GET", NULL, false, serve_models},
    {"/posts/", "GET", &mock_llm_openai, true, serve_post},
};

static const struct route *find_route(const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        size_t size = strlen(routes[i].path);

        if (strncmp(path, routes[i].path, size) == 0 &&
            (path[size] == '\0' || path[size - 1] == '/'))
            return &routes[i];
    }
    return NULL;
}

/* Of a path that is both providers', or neither's. */
static const struct api *api_of_client(const struct evkeyvalq *headers)
{
    return evhttp_find_header(headers, "anthropic-version")
               ? &mock_llm_anthropic
               : &mock_llm_openai;
}

static bool may_be_served(struct exchange *exchange, const struct route *route,
                          const struct mock_llm_request *arrival,
                          struct refusal *refusal)
{
    struct evhttp_request *request = exchange->request;
    size_t size = evbuffer_get_length(evhttp_request_get_input_buffer(request));

    if (!route)
        return mock_llm_refuse(refusal, 404, "", "",
                               "There is no %s here: this server has "
                               "/v1/chat/completions, /v1/messages, /v1/models "
                               "and /posts/1 to /posts/%d.",
                               arrival->path, MOCK_LLM_POSTS);
    if (strcmp(route->method, arrival->method) != 0)
        return mock_llm_refuse_method(
            refusal, evhttp_request_get_output_headers(request), arrival->path,
            arrival->method, route->method);
    if (!route->open && !exchange->api->check_headers(
                            evhttp_request_get_input_headers(request), refusal))
        return false;
    return size <= MAX_BODY ||
           mock_llm_refuse(refusal, 413, "", "",
                           "The body has %zu bytes, %d are allowed.", size,
                           MAX_BODY);
}

void mock_llm_plan(struct exchange *exchange,
                   const struct mock_llm_request *arrival)
{
    const struct route *route = find_route(arrival->path);
    struct refusal refusal;
    char id[MOCK_LLM_ID_SIZE];

    exchange->api = route && route->api
                        ? route->api
                        : api_of_client(evhttp_request_get_input_headers(
                              exchange->request));
    exchange->plan.parts = exchange->plan.parts_sent = 1;
    exchange->ending.status = HTTP_INTERNAL;
    mock_llm_ledger_id(exchange->number, id);
    evhttp_add_header(evhttp_request_get_output_headers(exchange->request),
                      exchange->api->id_header, id);
    if (!may_be_served(exchange, route, arrival, &refusal) ||
        !route->serve(exchange, arrival, &refusal))
        plan_refusal(exchange, &refusal);
}
