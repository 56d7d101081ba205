/*
 * server.h - what the two halves of the mock server share: mock_llm.c starts
 * and stops it, exchange.c serves a request.
 *
 * Everything but the ledger belongs to the server's thread while that runs.
 */
#ifndef MOCK_LLM_SERVER_H
#define MOCK_LLM_SERVER_H

#include "mock_llm/ledger.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/http.h>
#include <event2/listener.h>

/* A body up to here is read; a longer one is refused with 413. */
#define MAX_BODY (4 << 20)

struct mock_llm {
    struct scenario scenario;
    struct ledger ledger;
    double started; /* real seconds */
    double speed;   /* the server's seconds in a real one */
    char base_url[64];

    pthread_t thread;
    int stop_fd; /* written to once, when the thread is to end */
    struct event stop;
    struct event_base *base;
    struct evhttp *http;
};

/* Seconds on the server's clock. */
double mock_llm_now(const struct mock_llm *server);

/* evhttp's callback: a request has been read. arg is the server. */
void mock_llm_exchange_begin(struct evhttp_request *request, void *arg);

#endif
