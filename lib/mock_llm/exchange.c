/*
 * exchange.c - one request, from its arrival to its reply.
 *
 * An exchange ends in one of two ways. Its reply is due: finish(). Or its
 * connection goes, because the client left or the server stops: then evhttp
 * calls connection_closed() first. Either way it ends in the ledger, too.
 */
#include "mock_llm/openai.h"
#include "mock_llm/server.h"
#include "mock_llm/utf8.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct exchange {
    struct mock_llm *server;
    struct evhttp_request *request;
    long number;                    /* in the ledger */
    struct mock_llm_request ending; /* what the ledger gets to know */
    char *reply;                    /* JSON */
    double latency;
    struct event due;    /* the moment to reply */
    struct event client; /* something happened at the client's end */
};

/* Thirty years: at a speed near 0 a latency has no end that time_t could hold.
 */
#define LONGEST_DELAY_US 1e15

/* ---- Replying ---------------------------------------------------------- */

/* Sends json, NULL being lack of memory, and frees it. Gives request back. */
static void send_json(struct evhttp_request *request, int status, char *json)
{
    struct evbuffer *output = evhttp_request_get_output_buffer(request);
    /* A reply to HEAD ends with its headers, and evhttp would send a body. */
    bool bare = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;

    if (!json || (!bare && evbuffer_add(output, json, strlen(json)) != 0)) {
        evhttp_send_error(request, HTTP_INTERNAL, "Out of memory");
    } else {
        evhttp_add_header(evhttp_request_get_output_headers(request),
                          "Content-Type", "application/json");
        evhttp_send_reply(request, status, NULL, NULL);
    }
    cJSON_free(json);
}

static void free_exchange(struct exchange *exchange)
{
    event_del(&exchange->due);
    event_del(&exchange->client);
    free(exchange);
}

static void end_in_ledger(struct exchange *exchange)
{
    struct mock_llm *server = exchange->server;

    mock_llm_ledger_end(&server->ledger, exchange->number, mock_llm_now(server),
                        &exchange->ending);
}

/*
 * The ledger first: once the client has a byte of the reply it may send its
 * next request, and must not be found with two in flight.
 */
static void finish(struct exchange *exchange)
{
    struct evhttp_request *request = exchange->request;
    char id[MOCK_LLM_ID_SIZE];

    end_in_ledger(exchange);
    mock_llm_ledger_id(exchange->number, id);
    evhttp_add_header(evhttp_request_get_output_headers(request),
                      "x-request-id", id);
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), NULL,
                                  NULL);
    send_json(request, exchange->ending.status, exchange->reply);
    free_exchange(exchange);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    finish(arg);
}

/* ---- Clients that leave ------------------------------------------------ */

/*
 * evhttp frees the connection, and with it the request, unless it has taken the
 * request off the connection: then it has forgotten the request.
 */
static void connection_closed(struct evhttp_connection *connection, void *arg)
{
    struct exchange *exchange = arg;

    (void)connection;
    exchange->ending = (struct mock_llm_request){.disconnected = true};
    end_in_ledger(exchange);
    if (evhttp_request_get_connection(exchange->request) == NULL)
        evhttp_request_free(exchange->request);
    cJSON_free(exchange->reply);
    free_exchange(exchange);
}

/*
 * While a request waits for its reply evhttp does not look at the connection,
 * and would not notice that the client has left. So we watch the socket. What
 * can happen there is a hang-up, a reset, or bytes of a next request sent ahead
 * of time. These stay unread, for evhttp; the event is edge-triggered, so that
 * it does not come again and again for them, but does for a hang-up after them.
 * A client that shut down only its sending half counts as gone.
 */
static void on_client(evutil_socket_t fd, short what, void *arg)
{
    struct exchange *exchange = arg;
    struct pollfd client = {.fd = fd, .events = POLLRDHUP};

    (void)what;
    if (poll(&client, 1, 0) > 0)
        evhttp_connection_free(
            evhttp_request_get_connection(exchange->request));
}

/* ---- What a request gets ----------------------------------------------- */

static void serve_chat(struct exchange *exchange,
                       const struct mock_llm_request *arrival,
                       struct openai_error *error)
{
    struct mock_llm_request *ending = &exchange->ending;
    struct openai_chat chat;

    if (mock_llm_chat_read(&chat, arrival->body, arrival->body_size, error)) {
        struct scenario_reply reply;

        scenario_respond(&exchange->server->scenario, &chat.request, &reply);
        exchange->latency = reply.latency;
        exchange->reply = mock_llm_chat_answer(&chat, exchange->number, &reply);
        ending->status = HTTP_OK;
        ending->prompt_tokens = reply.prompt_tokens;
        ending->completion_tokens = reply.completion_tokens;
        ending->cost = scenario_cost(chat.model, reply.prompt_tokens,
                                     reply.completion_tokens);
    }
    mock_llm_chat_free(&chat);
}

static void serve_models(struct exchange *exchange,
                         const struct mock_llm_request *arrival,
                         struct openai_error *error)
{
    (void)arrival;
    (void)error;
    exchange->reply = mock_llm_model_list();
    exchange->ending.status = HTTP_OK;
}

/* serve sets the exchange's reply and ending, or error. */
struct route {
    const char *path, *method;
    void (*serve)(struct exchange *exchange,
                  const struct mock_llm_request *arrival,
                  struct openai_error *error);
};

static const struct route routes[] = {
    {"/v1/chat/completions", "POST", serve_chat},
    {"/v1/models", "GET", serve_models},
};

static const struct route *find_route(const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (strcmp(routes[i].path, path) == 0)
            return &routes[i];
    return NULL;
}

static bool has_key(struct evhttp_request *request)
{
    static const char scheme[] = "Bearer ";
    const char *value = evhttp_find_header(
        evhttp_request_get_input_headers(request), "Authorization");

    return value && strncasecmp(value, scheme, strlen(scheme)) == 0 &&
           value[strlen(scheme)] != '\0';
}

static bool refuse_method(struct evhttp_request *request, const char *allowed,
                          const struct mock_llm_request *arrival,
                          struct openai_error *error)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), "Allow",
                      allowed);
    return mock_llm_refuse(error, 405, "", "", "%s takes %s, not %s.",
                           arrival->path, allowed, arrival->method);
}

static bool may_be_served(struct evhttp_request *request,
                          const struct route *route,
                          const struct mock_llm_request *arrival,
                          struct openai_error *error)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(request);

    if (!route)
        return mock_llm_refuse(error, 404, "", "",
                               "There is no %s here: this server has "
                               "/v1/chat/completions and /v1/models.",
                               arrival->path);
    if (strcmp(route->method, arrival->method) != 0)
        return refuse_method(request, route->method, arrival, error);
    if (!has_key(request))
        return mock_llm_refuse(error, 401, "", "",
                               "The API key is missing: send the header "
                               "\"Authorization: Bearer KEY\".");
    if (evbuffer_get_length(input) > MAX_BODY)
        return mock_llm_refuse(error, 413, "", "",
                               "The body has %zu bytes, %d are allowed.",
                               evbuffer_get_length(input), MAX_BODY);
    return true;
}

/* Decides the exchange's reply, ending and latency. */
static void serve(struct exchange *exchange,
                  const struct mock_llm_request *arrival)
{
    const struct route *route = find_route(arrival->path);
    struct openai_error error = {0};

    if (may_be_served(exchange->request, route, arrival, &error))
        route->serve(exchange, arrival, &error);
    if (error.status != 0) {
        exchange->reply = mock_llm_error_json(&error);
        exchange->ending.status = error.status;
    }
    if (!exchange->reply)
        exchange->ending = (struct mock_llm_request){.status = HTTP_INTERNAL};
}

/* ---- Arriving ---------------------------------------------------------- */

static const char *method_name(const struct evhttp_request *request)
{
    switch (evhttp_request_get_command(request)) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_HEAD:
        return "HEAD";
    case EVHTTP_REQ_PUT:
        return "PUT";
    case EVHTTP_REQ_DELETE:
        return "DELETE";
    case EVHTTP_REQ_OPTIONS:
        return "OPTIONS";
    default:
        return "PATCH";
    }
}

/* A NUL is put behind the body. The path is the caller's to free. */
static bool read_arrival(struct evhttp_request *request,
                         struct mock_llm_request *arrival)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    size_t size = evbuffer_get_length(input);
    const char *path =
        evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));

    arrival->method = method_name(request);
    arrival->path = mock_llm_utf8_clean(path, strlen(path));
    if (size > MAX_BODY) {
        arrival->body = "";
    } else if (evbuffer_add(input, "", 1) == 0) {
        arrival->body = (char *)evbuffer_pullup(input, -1);
        arrival->body_size = size;
    }
    return arrival->path && arrival->body;
}

static struct exchange *new_exchange(struct mock_llm *server,
                                     struct evhttp_request *request,
                                     const struct mock_llm_request *arrival)
{
    struct evhttp_connection *connection =
        evhttp_request_get_connection(request);
    struct exchange *exchange = calloc(1, sizeof *exchange);

    if (!exchange)
        return NULL;
    exchange->server = server;
    exchange->request = request;
    exchange->number =
        mock_llm_ledger_begin(&server->ledger, mock_llm_now(server), arrival);
    if (exchange->number == 0) {
        free(exchange);
        return NULL;
    }
    evtimer_assign(&exchange->due, server->base, on_due, exchange);
    event_assign(
        &exchange->client, server->base,
        bufferevent_getfd(evhttp_connection_get_bufferevent(connection)),
        EV_READ | EV_ET | EV_PERSIST, on_client, exchange);
    evhttp_connection_set_closecb(connection, connection_closed, exchange);
    return exchange;
}

/* Replies once the latency is over; at once, too, if that cannot be awaited. */
static void finish_later(struct exchange *exchange)
{
    /* Rounded up: no reply is early, not even by a microsecond. */
    double us = fmin(ceil(exchange->latency / exchange->server->speed * 1e6),
                     LONGEST_DELAY_US);
    struct timeval delay = {.tv_sec = (time_t)(us / 1e6),
                            .tv_usec = (suseconds_t)fmod(us, 1e6)};

    if (us <= 0 || event_add(&exchange->client, NULL) != 0 ||
        event_add(&exchange->due, &delay) != 0)
        finish(exchange);
}

static void show_ledger(struct mock_llm *server, struct evhttp_request *request,
                        const struct mock_llm_request *arrival)
{
    struct openai_error error;

    if (strcmp(arrival->method, "GET") == 0) {
        send_json(request, HTTP_OK, mock_llm_ledger_json(&server->ledger));
    } else {
        refuse_method(request, "GET", arrival, &error);
        send_json(request, error.status, mock_llm_error_json(&error));
    }
}

void mock_llm_exchange_begin(struct evhttp_request *request, void *arg)
{
    struct mock_llm *server = arg;
    struct mock_llm_request arrival = {0};
    struct exchange *exchange = NULL;

    if (!read_arrival(request, &arrival)) {
        send_json(request, HTTP_INTERNAL, NULL);
    } else if (strcmp(arrival.path, "/ledger") == 0) {
        /* Not entered: looking at the ledger must not change it. */
        show_ledger(server, request, &arrival);
    } else if (!(exchange = new_exchange(server, request, &arrival))) {
        send_json(request, HTTP_INTERNAL, NULL);
    } else {
        serve(exchange, &arrival);
        finish_later(exchange);
    }
    free(arrival.path);
}
