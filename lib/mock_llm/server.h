/*
 * server.h - what the parts of the mock server share.
 *
 * A request goes through four hands. exchange.c takes it in, waits and lets it
 * go; routes.c has it planned what it gets; gate.c may hold it back; reply.c
 * sends. mock_llm.c starts and stops the server itself.
 *
 * Everything but the ledger belongs to the server's thread while that runs.
 */
#ifndef MOCK_LLM_SERVER_H
#define MOCK_LLM_SERVER_H

#include "mock_llm/ledger.h"
#include "scenario/plan.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/http.h>
#include <event2/listener.h>

/* A body up to here is read; a longer one is refused with 413. */
#define MAX_BODY (4 << 20)

/* Those who wait behind the gate, in the order of their arrival. */
struct gate {
    int size; /* 0: it is open */
    bool one_by_one;
    double patience;
    int held;
    struct exchange *oldest, *newest; /* of those held */
    struct event impatience;
};

struct mock_llm {
    struct scenario scenario;
    struct scenario_meter meter;
    struct ledger ledger;
    struct gate gate;
    double started; /* real seconds */
    double speed;   /* the server's seconds in a real one */
    bool closed;    /* serves no controls */
    char root_url[64], base_url[64];

    pthread_t thread;
    int command_fds[2]; /* what other threads want: enum command, a byte each */
    int null_fd;        /* of /dev/null; see reply.c */
    struct event command;
    struct event_base *base;
    struct evhttp *http;
};

/* Seconds on the server's clock, and how long so many of them really take. */
double mock_llm_now(const struct mock_llm *server);
struct timeval mock_llm_real_time(const struct mock_llm *server,
                                  double seconds);

/* ---- An exchange: one request and its reply ---------------------------- */

struct exchange {
    struct mock_llm *server;
    struct evhttp_request *request;
    long number;       /* in the ledger; 0: it has ended there */
    bool disconnected; /* the client left */
    struct scenario_plan plan;

    struct event due;    /* the moment to send the next part */
    struct event client; /* something happened at the client's end */
    bool begun;          /* the reply's headers have been sent */
    bool ended;          /* all that the plan has was sent */
    int part;            /* the next one */
    double next;         /* when it is due, on the server's clock */

    enum { NOT_HELD, HELD, HELD_AND_DUE } gate;
    struct exchange *older, *newer; /* in the gate's list, if it is held */
};

/* evhttp's callback: a request has been read. arg is the server. */
void mock_llm_exchange_begin(struct evhttp_request *request, void *arg);

/* Ends it in the ledger and the meter, unless it has ended there. */
void mock_llm_exchange_end(struct exchange *exchange);

/* Frees it, and nothing else; it has ended. */
void mock_llm_exchange_free(struct exchange *exchange);

/* From now on the connection goes if the client leaves. Only while evhttp has
   nothing to write. */
void mock_llm_exchange_watch(struct exchange *exchange);

/* Calls mock_llm_reply after so many seconds of the server's clock. */
void mock_llm_exchange_in(struct exchange *exchange, double seconds);

/* routes.c: plans what the request gets. arrival is as in the ledger. */
void mock_llm_plan(struct exchange *exchange,
                   const struct mock_llm_request *arrival);

/* routes.c: whether the method is the one that is allowed. If not, the reply's
   headers name that, and the refusal says so. */
bool mock_llm_check_method(const struct mock_llm_request *arrival,
                           const char *allowed, struct evkeyvalq *headers,
                           struct scenario_refusal *refusal);

/* gate.c: the gate takes an exchange in, or has it taken away. */
void mock_llm_gate_init(struct mock_llm *server,
                        const struct mock_llm_options *options);
void mock_llm_gate_enter(struct exchange *exchange);
void mock_llm_gate_leave(struct exchange *exchange);
void mock_llm_gate_open(struct mock_llm *server);
void mock_llm_gate_let_go(struct mock_llm *server); /* the oldest */

/*
 * reply.c: sends what is due of the reply. It may end the exchange and free it.
 * May be called within evhttp's callback only for a reply sent whole.
 */
void mock_llm_reply(struct exchange *exchange);

/* reply.c: sends size bytes of a body; NULL is lack of memory. Gives the
   request back to evhttp. */
void mock_llm_send(struct evhttp_request *request, int status, const char *type,
                   const char *body, size_t size);

#endif
