/*
 * reply.c - sends a reply: whole, or part by part, or as much of it as a fault
 * leaves, and then ends the exchange as planned.
 *
 * The ledger comes first, always: once the client has the last byte of a reply
 * it may send its next request, and must not be found with two in flight.
 */
#include "mock_llm/platform.h"
#include "mock_llm/server.h"

#include <event2/bufferevent.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The words behind a status of which evhttp knows only the class. */
static const char *reason_of(int status)
{
    return status == 409   ? "Conflict"
           : status == 422 ? "Unprocessable Content"
           : status == 429 ? "Too Many Requests"
           : status == 529 ? "Site Is Overloaded"
                           : NULL;
}

void mock_llm_send(struct evhttp_request *request, int status, const char *type,
                   const char *body, size_t size)
{
    struct evbuffer *output = evhttp_request_get_output_buffer(request);
    /* A reply to HEAD ends with its headers, and evhttp would send a body. */
    bool bare = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;

    if (!body || (!bare && evbuffer_add(output, body, size) != 0)) {
        evhttp_send_error(request, HTTP_INTERNAL, "Out of memory");
        return;
    }
    evhttp_add_header(evhttp_request_get_output_headers(request),
                      "Content-Type", type);
    evhttp_send_reply(request, status, reason_of(status), NULL);
}

/* ---- The ways to end --------------------------------------------------- */

/* The request is evhttp's again, and what becomes of it no longer ours. */
static void let_go_of_connection(struct exchange *exchange)
{
    event_del(&exchange->client);
    evhttp_connection_set_closecb(
        evhttp_request_get_connection(exchange->request), NULL, NULL);
}

/*
 * To a connection closed with SO_LINGER at 0 the kernel sends a reset; but
 * evhttp would say goodbye first, by a shutdown. So it gets another descriptor
 * to do that with, and the socket is closed by dup2.
 */
static void reset_socket(const struct exchange *exchange)
{
    struct bufferevent *connection = evhttp_connection_get_bufferevent(
        evhttp_request_get_connection(exchange->request));
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int fd = bufferevent_getfd(connection);

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    dup2(exchange->server->null_fd, fd);
}

/* evhttp frees the request and tells exchange.c, which frees the exchange. */
static void close_connection(struct exchange *exchange)
{
    mock_llm_exchange_end(exchange);
    event_del(&exchange->client);
    if (exchange->plan.ending == SCENARIO_ENDS_RESET)
        reset_socket(exchange);
    evhttp_connection_free(evhttp_request_get_connection(exchange->request));
}

/* ---- Parts ------------------------------------------------------------- */

static void on_client_while_sending(evutil_socket_t fd, short what, void *arg)
{
    struct exchange *exchange = arg;

    (void)what;
    if (mock_llm_peer_has_left(fd))
        evhttp_connection_free(
            evhttp_request_get_connection(exchange->request));
    else
        /* Bytes of a next request. They would call us again and again; from
           now on a write will notice that the client has left. */
        event_del(&exchange->client);
}

/* evhttp writes to the socket from now on, by events that are not
   edge-triggered; and these do not mix with exchange.c's on one descriptor. */
static void watch_while_sending(struct exchange *exchange)
{
    struct bufferevent *connection = evhttp_connection_get_bufferevent(
        evhttp_request_get_connection(exchange->request));

    event_del(&exchange->client);
    event_assign(&exchange->client, exchange->server->base,
                 bufferevent_getfd(connection), EV_READ | EV_PERSIST,
                 on_client_while_sending, exchange);
    event_add(&exchange->client, NULL);
}

static void add_length(struct evkeyvalq *headers, size_t size)
{
    char number[32];

    snprintf(number, sizeof number, "%zu", size);
    evhttp_add_header(headers, "Content-Length", number);
}

static void begin(struct exchange *exchange)
{
    struct mock_llm *server = exchange->server;
    struct evkeyvalq *headers =
        evhttp_request_get_output_headers(exchange->request);

    exchange->begun = true;
    exchange->next = mock_llm_now(server);
    mock_llm_ledger_reply(&server->ledger, exchange->number, exchange->next);
    evhttp_add_header(headers, "Content-Type", exchange->plan.type);
    /* Without a length evhttp sends chunks, as streams are sent. */
    if (!exchange->plan.chat)
        add_length(headers, exchange->plan.size);
    watch_while_sending(exchange);
    evhttp_send_reply_start(exchange->request, exchange->plan.status, NULL);
}

/* Adds all parts that are due to out; false without memory. */
static bool make_due_parts(struct exchange *exchange, struct evbuffer *out)
{
    const struct scenario_plan *plan = &exchange->plan;
    double now = mock_llm_now(exchange->server);

    while (exchange->part < plan->parts_sent && exchange->next <= now) {
        size_t size;
        char *part = scenario_plan_part(plan, exchange->part++, &size);
        bool added = part && evbuffer_add(out, part, size) == 0;

        cJSON_free(part);
        if (!added)
            return false;
        exchange->next += scenario_plan_wait(plan, exchange->part);
    }
    exchange->ended = exchange->part == plan->parts_sent;
    return true;
}

/* The last parts are on their way: the connection may close, but not from
   within evhttp's writing; or nothing more comes, and only the client can end
   that. */
static void on_written(struct evhttp_connection *connection, void *arg)
{
    struct exchange *exchange = arg;

    (void)connection;
    if (exchange->plan.ending == SCENARIO_HANGS)
        mock_llm_exchange_watch(exchange);
    else
        mock_llm_exchange_in(exchange, 0);
}

/* Sends what has been made; exchange->ended says whether that was the last. */
static void send_parts(struct exchange *exchange, struct evbuffer *out)
{
    struct evhttp_request *request = exchange->request;
    enum scenario_ending ending = exchange->plan.ending;

    if (!exchange->ended) {
        evhttp_send_reply_chunk(request, out);
        mock_llm_exchange_in(exchange,
                             exchange->next - mock_llm_now(exchange->server));
        return;
    }
    if (ending != SCENARIO_HANGS)
        mock_llm_exchange_end(exchange);
    if (ending == SCENARIO_ENDS_WELL) {
        evhttp_send_reply_chunk(request, out);
        let_go_of_connection(exchange);
        evhttp_send_reply_end(request);
        mock_llm_exchange_free(exchange);
    } else {
        evhttp_send_reply_chunk_with_cb(request, out, on_written, exchange);
    }
}

static void reply_in_parts(struct exchange *exchange)
{
    struct evbuffer *out = evbuffer_new();

    if (!exchange->begun)
        begin(exchange);
    if (out && make_due_parts(exchange, out)) {
        send_parts(exchange, out);
    } else {
        /* No memory in the middle of a reply: it breaks off. */
        exchange->plan.ending = SCENARIO_ENDS_CLOSED;
        exchange->plan.answered = false;
        exchange->ended = true;
        mock_llm_exchange_in(exchange, 0);
    }
    if (out)
        evbuffer_free(out);
}

static void reply_whole(struct exchange *exchange)
{
    struct evhttp_request *request = exchange->request;
    struct mock_llm *server = exchange->server;
    const struct scenario_plan *plan = &exchange->plan;

    mock_llm_ledger_reply(&server->ledger, exchange->number,
                          mock_llm_now(server));
    mock_llm_exchange_end(exchange);
    let_go_of_connection(exchange);
    mock_llm_send(request, exchange->plan.status, plan->type, plan->body,
                  plan->size);
    mock_llm_exchange_free(exchange);
}

void mock_llm_reply(struct exchange *exchange)
{
    const struct scenario_plan *plan = &exchange->plan;

    if (exchange->ended || plan->parts_sent == 0) {
        if (plan->ending != SCENARIO_HANGS)
            close_connection(exchange);
    } else if (plan->ending == SCENARIO_ENDS_WELL && plan->parts == 1) {
        reply_whole(exchange);
    } else {
        reply_in_parts(exchange);
    }
}
