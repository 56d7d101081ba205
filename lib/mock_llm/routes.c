/*
 * routes.c - which paths there are, and whether a request for one of them is in
 * order: its method, its key, its size. What it then gets is the scenario's.
 */
#include "mock_llm/server.h"

#include <string.h>
#include <strings.h>
#include <time.h>

struct route {
    const char *path, *method;
    const struct scenario_protocol *protocol; /* NULL: the headers tell */
    bool open;                                /* needs no key */
    void (*plan)(struct scenario_plan *plan, struct scenario_call *call);
};

/* A path that ends in a '/' stands for all that begin with it. */
static const struct route routes[] = {
    {"/v1/chat/completions", "POST", &scenario_openai, false,
     scenario_plan_chat},
    {"/v1/messages", "POST", &scenario_anthropic, false, scenario_plan_chat},
    {"/v1/models", "GET", NULL, false, scenario_plan_models},
    {"/posts/", "GET", &scenario_openai, true, scenario_plan_post},
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

/* The route's; of a path that is both providers', or neither's, the client's.
 */
static const struct scenario_protocol *
protocol_of(const struct route *route, const struct evkeyvalq *headers)
{
    if (route && route->protocol)
        return route->protocol;
    return evhttp_find_header(headers, "anthropic-version")
               ? &scenario_anthropic
               : &scenario_openai;
}

static bool has_bearer(const struct evkeyvalq *headers)
{
    static const char scheme[] = "Bearer ";
    const char *value = evhttp_find_header(headers, "Authorization");

    return value && strncasecmp(value, scheme, strlen(scheme)) == 0 &&
           value[strlen(scheme)] != '\0';
}

/*
 * Anthropic's clients up to 2026 send their key as x-api-key, later ones as
 * "Authorization: Bearer"; each with its own anthropic-version. Both are right.
 */
static bool check_headers(const struct scenario_protocol *protocol,
                          const struct evkeyvalq *headers,
                          struct scenario_refusal *refusal)
{
    bool anthropic = protocol == &scenario_anthropic;
    const char *key = evhttp_find_header(headers, "x-api-key");

    if (!has_bearer(headers) && !(anthropic && key && *key))
        return scenario_refuse(
            refusal, 401, "", "",
            "The API key is missing: send the header %s\"Authorization: Bearer "
            "KEY\".",
            anthropic ? "\"x-api-key: KEY\" or " : "");
    return !anthropic || evhttp_find_header(headers, "anthropic-version") ||
           scenario_refuse(refusal, 400, "", "",
                           "The header \"anthropic-version\" is missing: send "
                           "\"anthropic-version: 2023-06-01\".");
}

bool mock_llm_check_method(const struct mock_llm_request *arrival,
                           const char *allowed, struct evkeyvalq *headers,
                           struct scenario_refusal *refusal)
{
    if (strcmp(allowed, arrival->method) == 0)
        return true;
    evhttp_add_header(headers, "Allow", allowed);
    return scenario_refuse(refusal, 405, "", "", "%s takes %s, not %s.",
                           arrival->path, allowed, arrival->method);
}

static bool may_be_served(const struct exchange *exchange,
                          const struct route *route,
                          const struct scenario_call *call,
                          const struct mock_llm_request *arrival,
                          struct scenario_refusal *refusal)
{
    struct evhttp_request *request = exchange->request;
    size_t size = evbuffer_get_length(evhttp_request_get_input_buffer(request));

    if (!route)
        return scenario_refuse(refusal, 404, "", "",
                               "There is no %s here: this server has "
                               "/v1/chat/completions, /v1/messages, /v1/models "
                               "and /posts/1 to /posts/%d.",
                               arrival->path, SCENARIO_POSTS);
    if (!mock_llm_check_method(arrival, route->method,
                               evhttp_request_get_output_headers(request),
                               refusal))
        return false;
    if (!route->open &&
        !check_headers(call->protocol,
                       evhttp_request_get_input_headers(request), refusal))
        return false;
    return size <= MAX_BODY ||
           scenario_refuse(refusal, 413, "", "",
                           "The body has %zu bytes, %d are allowed.", size,
                           MAX_BODY);
}

void mock_llm_plan(struct exchange *exchange,
                   const struct mock_llm_request *arrival)
{
    struct mock_llm *server = exchange->server;
    const struct route *route = find_route(arrival->path);
    struct scenario_refusal refusal;
    struct scenario_call call = {
        .scenario = &server->scenario,
        .meter = &server->meter,
        .protocol = protocol_of(
            route, evhttp_request_get_input_headers(exchange->request)),
        .number = exchange->number,
        .attempt = arrival->attempt,
        .path = arrival->path,
        .body = arrival->body,
        .size = arrival->body_size,
        .now = mock_llm_now(server),
        .date = (double)time(NULL),
    };

    if (may_be_served(exchange, route, &call, arrival, &refusal))
        route->plan(&exchange->plan, &call);
    else
        scenario_plan_refusal(&exchange->plan, &call, &refusal);
    for (int i = 0; i < call.headers.n; i++)
        evhttp_add_header(evhttp_request_get_output_headers(exchange->request),
                          call.headers.list[i].name,
                          call.headers.list[i].value);
}
