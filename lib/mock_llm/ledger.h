/*
 * ledger.h - the mock server's record of every request. The server's thread
 * writes it, any thread may read it.
 */
#ifndef MOCK_LLM_LEDGER_H
#define MOCK_LLM_LEDGER_H

#include "mock_llm/mock_llm.h"

#include <pthread.h>

/* mutex guards all the rest. */
struct ledger {
    pthread_mutex_t mutex;
    struct mock_llm_ledger book; /* methods are static, path and body seen's */
    size_t capacity;             /* of book.requests */
    void *seen;                  /* a tree of struct sighting */
    void (*observe)(void *observer, long number,
                    const struct mock_llm_request *request); /* or NULL */
    void *observer;
};

void mock_llm_ledger_init(struct ledger *ledger);

/* Nobody else may use the ledger any more. */
void mock_llm_ledger_destroy(struct ledger *ledger);

/*
 * Enters a request that arrived at `now`. arrival needs method, path, body,
 * body_size and client_port; all but the method are copied; its attempt is set.
 * Returns its number, counted from 1 and needed to end it; 0 without memory,
 * and nothing was entered.
 */
long mock_llm_ledger_begin(struct ledger *ledger, double now,
                           struct mock_llm_request *arrival);

/* The first byte of the request's reply is about to be sent, at `now`. */
void mock_llm_ledger_reply(struct ledger *ledger, long number, double now);

/*
 * Ends a request at `now`. ending needs status, answered, disconnected, fault,
 * tokens and cost.
 */
void mock_llm_ledger_end(struct ledger *ledger, long number, double now,
                         const struct mock_llm_request *ending);

/* The gate was full once more; or opened before it was. */
void mock_llm_ledger_gate_filled(struct ledger *ledger);
void mock_llm_ledger_gate_opened(struct ledger *ledger);

/* As mock_llm_ledger_copy. */
int mock_llm_ledger_snapshot(struct ledger *ledger,
                             struct mock_llm_ledger *copy);

/* The ledger as JSON, to be freed with cJSON_free; NULL without memory. */
char *mock_llm_ledger_json(struct ledger *ledger);

#endif
