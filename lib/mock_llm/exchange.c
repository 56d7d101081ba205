/*
 * exchange.c - one request, from its arrival to its end.
 *
 * An exchange ends in one of two ways. Its reply has been sent: reply.c ends
 * it. Or its connection goes, because the client left, the server stops or a
 * fault wants it: then evhttp calls connection_closed() first. Either way it
 * ends in the ledger, too.
 */
#include "mock_llm/platform.h"
#include "mock_llm/server.h"
#include "scenario/utf8.h"

#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>

/* ---- Ending ------------------------------------------------------------ */

void mock_llm_exchange_end(struct exchange *exchange)
{
    struct mock_llm *server = exchange->server;
    const struct scenario_plan *plan = &exchange->plan;
    bool answered = plan->answered && !exchange->disconnected;
    struct mock_llm_request ending = {
        .status = exchange->disconnected && !exchange->begun ? 0 : plan->status,
        .answered = answered,
        .disconnected = exchange->disconnected,
        .prompt_tokens = answered ? plan->prompt_tokens : 0,
        .completion_tokens = answered ? plan->completion_tokens : 0,
        .cost = answered ? plan->cost : 0,
    };

    if (exchange->number == 0)
        return;
    memcpy(ending.fault, plan->fault, sizeof ending.fault);
    mock_llm_ledger_end(&server->ledger, exchange->number, mock_llm_now(server),
                        &ending);
    exchange->number = 0;
    if (plan->entered)
        scenario_leave(&server->meter);
    mock_llm_gate_leave(exchange);
}

void mock_llm_exchange_free(struct exchange *exchange)
{
    event_del(&exchange->due);
    event_del(&exchange->client);
    scenario_plan_free(&exchange->plan);
    free(exchange);
}

/*
 * evhttp frees the connection, and with it the request, unless it has taken the
 * request off the connection: then it has forgotten the request.
 */
static void connection_closed(struct evhttp_connection *connection, void *arg)
{
    struct exchange *exchange = arg;

    (void)connection;
    exchange->disconnected = true;
    mock_llm_exchange_end(exchange);
    if (evhttp_request_get_connection(exchange->request) == NULL)
        evhttp_request_free(exchange->request);
    mock_llm_exchange_free(exchange);
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

    (void)what;
    if (mock_llm_peer_has_left(fd))
        evhttp_connection_free(
            evhttp_request_get_connection(exchange->request));
}

void mock_llm_exchange_watch(struct exchange *exchange)
{
    struct bufferevent *connection = evhttp_connection_get_bufferevent(
        evhttp_request_get_connection(exchange->request));

    event_del(&exchange->client);
    event_assign(&exchange->client, exchange->server->base,
                 bufferevent_getfd(connection), EV_READ | EV_ET | EV_PERSIST,
                 on_client, exchange);
    event_add(&exchange->client, NULL);
}

/* ---- Waiting ----------------------------------------------------------- */

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    struct exchange *exchange = arg;

    (void)fd;
    (void)what;
    if (exchange->gate == HELD)
        exchange->gate = HELD_AND_DUE; /* gate.c will come back to it */
    else
        mock_llm_reply(exchange);
}

void mock_llm_exchange_in(struct exchange *exchange, double seconds)
{
    struct timeval delay = mock_llm_real_time(exchange->server, seconds);

    /* Without memory for a timer, at once. */
    if (event_add(&exchange->due, &delay) != 0)
        event_active(&exchange->due, EV_TIMEOUT, 0);
}

static void reply_later(struct exchange *exchange)
{
    const struct scenario_plan *plan = &exchange->plan;
    bool plain = plan->ending == SCENARIO_ENDS_WELL && plan->parts == 1;

    mock_llm_gate_enter(exchange);
    if (plain && plan->latency <= 0 && exchange->gate == NOT_HELD) {
        mock_llm_reply(exchange);
    } else {
        mock_llm_exchange_watch(exchange);
        mock_llm_exchange_in(exchange, plan->latency);
    }
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
    arrival->path = scenario_utf8_clean(path, strlen(path));
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
                                     struct mock_llm_request *arrival)
{
    struct evhttp_connection *connection =
        evhttp_request_get_connection(request);
    struct exchange *exchange = calloc(1, sizeof *exchange);
    char *address;
    uint16_t port = 0;

    if (!exchange)
        return NULL;
    evhttp_connection_get_peer(connection, &address, &port);
    arrival->client_port = port;
    exchange->server = server;
    exchange->request = request;
    exchange->number =
        mock_llm_ledger_begin(&server->ledger, mock_llm_now(server), arrival);
    if (exchange->number == 0) {
        free(exchange);
        return NULL;
    }
    evtimer_assign(&exchange->due, server->base, on_due, exchange);
    event_assign(&exchange->client, server->base, -1, 0, on_client, exchange);
    evhttp_connection_set_closecb(connection, connection_closed, exchange);
    return exchange;
}

/* Sends json, NULL being lack of memory, and frees it. */
static void send_json(struct evhttp_request *request, int status, char *json)
{
    mock_llm_send(request, status, "application/json", json,
                  json ? strlen(json) : 0);
    cJSON_free(json);
}

static void show_ledger(struct mock_llm *server, struct evhttp_request *request)
{
    send_json(request, HTTP_OK, mock_llm_ledger_json(&server->ledger));
}

static void open_gate(struct mock_llm *server, struct evhttp_request *request)
{
    static const char opened[] = "{\"open\":true}";

    mock_llm_gate_open(server);
    send_json(request, HTTP_OK, scenario_copy(opened, strlen(opened)));
}

/* Requests about the server itself. They are not in the ledger: looking at it
   must not change it. */
static const struct {
    const char *path, *method;
    void (*serve)(struct mock_llm *server, struct evhttp_request *request);
} controls[] = {
    {"/ledger", "GET", show_ledger},
    {"/gate/open", "POST", open_gate},
};

static bool serve_control(struct mock_llm *server,
                          struct evhttp_request *request,
                          const struct mock_llm_request *arrival)
{
    struct scenario_refusal refusal;

    for (size_t i = 0;
         !server->closed && i < sizeof controls / sizeof controls[0]; i++) {
        if (strcmp(arrival->path, controls[i].path) != 0)
            continue;
        if (mock_llm_check_method(arrival, controls[i].method,
                                  evhttp_request_get_output_headers(request),
                                  &refusal))
            controls[i].serve(server, request);
        else
            send_json(request, refusal.status,
                      scenario_openai.error(&refusal, ""));
        return true;
    }
    return false;
}

void mock_llm_exchange_begin(struct evhttp_request *request, void *arg)
{
    struct mock_llm *server = arg;
    struct mock_llm_request arrival = {0};
    struct exchange *exchange = NULL;

    if (!read_arrival(request, &arrival)) {
        mock_llm_send(request, HTTP_INTERNAL, NULL, NULL, 0);
    } else if (serve_control(server, request, &arrival)) {
        /* done */
    } else if (!(exchange = new_exchange(server, request, &arrival))) {
        mock_llm_send(request, HTTP_INTERNAL, NULL, NULL, 0);
    } else {
        mock_llm_plan(exchange, &arrival);
        reply_later(exchange);
    }
    free(arrival.path);
}
