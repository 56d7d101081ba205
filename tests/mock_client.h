/*
 * mock_client.h - what the tests of the mock server ask it with: curl where the
 * reply counts, sockets where the connection does.
 */
#ifndef MOCK_CLIENT_H
#define MOCK_CLIENT_H

#include "mock_llm/mock_llm.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#define HOUR         3600.0
#define KEY          "sk-never-to-be-seen"
#define LENGTH(list) (sizeof(list) / sizeof(list)[0])

/* A chat request in OpenAI's protocol: 11 tokens, and 18 of the answer. */
extern const char hello[];

/* ---- Servers ----------------------------------------------------------- */

/* A mock server; the test has failed if there is none. */
struct mock_llm *start_mock_with(const struct mock_llm_options *options);

/* The same, and the scenario is this text. */
struct mock_llm *start_scenario(const char *text);

int port_in(const char *base_url);
int port_of(const struct mock_llm *server);

/* To be freed. */
struct mock_llm_ledger ledger_of(struct mock_llm *server);

/*
 * Returns once the ledger holds n requests, in_flight of them unanswered. The
 * minute is for a server that is broken; nothing else comes near it.
 */
void wait_for(struct mock_llm *server, size_t n, int in_flight);

/* ---- Requests by curl -------------------------------------------------- */

/* What to send, and what came back. Empty or 0: the usual. */
struct call {
    const char *url; /* from its path on */
    const char *method, *body, *authorization;
    size_t body_size;
    const char *headers[4]; /* more of them, "name: value" */
    CURL *easy;             /* to be used again, or NULL */
    CURLcode expected;      /* what curl says of it */
    long status;
    char *head; /* the reply's header lines */
    char *text;
    size_t head_size, size;
    cJSON *json;
};

/* Sends a request and waits for its reply. It ends with clear. */
void perform(struct mock_llm *server, struct call *call);

/* Frees what came back; easy stays. */
void clear(struct call *call);

/* A reply's header, in static memory; NULL if it has none of that name. */
const char *header_of(const struct call *call, const char *name);

/* Sends a request with a body, or without one if it is NULL: its status. */
long status_of(struct mock_llm *server, const char *url, const char *body);

/* The item at a path of names and of numbers, for array elements. */
const cJSON *at(const cJSON *json, const char *path);
const char *string_at(const cJSON *json, const char *path);
double number_at(const cJSON *json, const char *path);

/* ---- Requests by hand -------------------------------------------------- */

int connect_to(int port);

/* A request for this path, whole: with a body it is a POST. */
void send_request(int fd, const char *path, const char *body);

/* A chat: the body above. */
void send_hello(int fd);

/* Reads a reply's headers and body; its status, or 0 if the server hung up. */
int read_reply(int fd);

/* Closes with a reset instead of a goodbye. */
void reset(int fd);

#endif
