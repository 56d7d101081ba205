/*
 * mock_llm.h - a web server on this machine that pretends to be OpenAI's, and
 * Anthropic's, so that calls to an LLM cost nothing and need no network.
 *
 *     struct mock_llm_options options = {.scenario.latency = 0.5};
 *     char error[MOCK_LLM_ERROR_SIZE];
 *     struct mock_llm *server = mock_llm_start(&options, error);
 *     ...                     send requests to mock_llm_base_url(server)
 *     mock_llm_stop(server);
 *
 * It serves
 *     POST /v1/chat/completions    OpenAI's answer, whole or as a stream
 *     POST /v1/messages            Anthropic's
 *     GET  /v1/models              the models, in the asking client's protocol
 *     GET  /posts/1 ... 100        small JSON documents; need no key
 *     GET  /ledger                 the ledger as JSON; needs no key
 *     POST /gate/open              as mock_llm_open_gate; needs no key
 * and takes any key.
 *
 * It keeps a ledger of every request but the last two kinds: when it came, how
 * many others were being answered then, how it ended. What a client did is read
 * from there, not from what the client says. Keys never get in: the ledger
 * holds no headers. (What is not HTTP, or has more than 64 KiB of headers or 64
 * MiB of body, is refused before it gets to the ledger.)
 */
#ifndef MOCK_LLM_H
#define MOCK_LLM_H

#include "scenario/scenario.h"

#include <stdbool.h>
#include <stddef.h>

struct mock_llm_request; /* see below, at the ledger */

/* All zeroes: any free port, and replies at once. */
struct mock_llm_options {
    struct scenario scenario; /* how the pretended LLM behaves */
    int port;                 /* 0: any free one */

    /*
     * How many times as fast as the real clock the server's runs, 1e-6 to 1e6;
     * 0 is 1. At 10 a latency of 0.5 takes 0.05 seconds and still reads 0.5 in
     * the ledger: for a program whose own clock runs like that.
     */
    double speed;

    /*
     * The gate proves that requests come concurrently: replies are held until
     * so many wait behind it. Then all are let go, and the gate stays open; or,
     * one by one, the oldest is let go each time that so many wait again.
     * Refusals, which are sent at once, do not go through it.
     */
    int gate; /* 0: there is none */
    bool gate_one_by_one;
    double gate_patience; /* seconds with nobody coming until it opens for good;
                             0: it does not */

    /*
     * For whoever judges a program by the ledger, and lets it reach nothing but
     * the paths that a real provider has, too.
     */
    int listener; /* a socket that listens already, the server's from now on;
                     0: it opens one itself, on port */
    bool closed;  /* there is no /ledger and no /gate/open */
    /* Called in the server's thread at each request's arrival and at its end
       (then end is no longer INFINITY); it must not call the server. */
    void (*observe)(void *observer, long number,
                    const struct mock_llm_request *request);
    void *observer;
};

struct mock_llm;

/* Room for an error's text, the final NUL included. */
#define MOCK_LLM_ERROR_SIZE 256

/*
 * Starts a server on 127.0.0.1, in a thread of its own; requests are taken from
 * when this returns. NULL if that cannot be done: error then holds a sentence
 * that says why and what to do.
 *
 * The thread leaves all signals to the program's other threads and changes no
 * signal's action; a client that goes away does not raise SIGPIPE.
 */
struct mock_llm *mock_llm_start(const struct mock_llm_options *options,
                                char error[MOCK_LLM_ERROR_SIZE]);

/* "http://127.0.0.1:PORT/v1", what OPENAI_BASE_URL takes. The server's. */
const char *mock_llm_base_url(const struct mock_llm *server);

/* "http://127.0.0.1:PORT", what ANTHROPIC_BASE_URL takes. The server's. */
const char *mock_llm_root_url(const struct mock_llm *server);

/* Lets all go who wait behind the gate, and all who come; from any thread. */
void mock_llm_open_gate(struct mock_llm *server);

/* Lets the oldest go who waits behind the gate; from any thread. */
void mock_llm_let_go(struct mock_llm *server);

/*
 * Stops the server, waits for its thread and frees everything. Clients that
 * still wait for a reply see their connection close. NULL is allowed.
 */
void mock_llm_stop(struct mock_llm *server);

/* ---- The ledger -------------------------------------------------------- */

/*
 * One request. Times are seconds on the server's clock, 0 when it started. A
 * request is in flight from its arrival, when all of it has been read, to its
 * end, just before the last of the reply is sent (of a stream its last event,
 * else all of it): a client that waits for a reply before it sends the next
 * request is never seen with two in flight.
 */
struct mock_llm_request {
    char id[SCENARIO_ID_SIZE]; /* the reply's x-request-id or request-id */
    double arrival;
    double begin;       /* of the reply; INFINITY if there was none yet */
    double end;         /* INFINITY while in flight */
    int in_flight;      /* at its arrival, itself included */
    int attempt;        /* 1, or 2 if the same path and body came before, ... */
    long first_attempt; /* the number, from 1, of the request that was 1 */
    int client_port;    /* the connection's other end: who asked */
    int status;         /* HTTP's; 0 while in flight, or if never answered */
    bool answered;      /* wholly and rightly */
    bool disconnected;  /* the client left before it was answered */
    char fault[SCENARIO_NAME_SIZE]; /* its name; "limit": 429 for a limit; "" */
    int prompt_tokens;              /* tokens and cost: 0 unless answered */
    int completion_tokens;
    double cost; /* dollars */
    const char *method;
    char *path;       /* without the query */
    char *body;       /* as it came, and a NUL; empty if refused with 413 */
    size_t body_size; /* without that NUL */
};

/*
 * The requests in the order of their arrival, and what they add up to. All are
 * kept until the server stops; bodies sent again (retries) are held once.
 */
struct mock_llm_ledger {
    struct mock_llm_request *requests;
    size_t n;
    int in_flight;     /* now */
    int max_in_flight; /* at any time */
    size_t answered;   /* wholly and rightly */
    long prompt_tokens, completion_tokens;
    double cost;
    size_t gate_filled; /* how often as many waited as the gate wants */
    bool gate_opened;   /* by mock_llm_open_gate, or for want of patience */
};

/*
 * Copies the ledger as it is at this moment; from any thread. The copy is the
 * caller's, outlives the server and ends with mock_llm_ledger_free. Returns 0,
 * or -ENOMEM with an empty ledger, which may be freed, too.
 */
int mock_llm_ledger_copy(struct mock_llm *server,
                         struct mock_llm_ledger *ledger);

/* Frees what a copy holds and leaves it empty. */
void mock_llm_ledger_free(struct mock_llm_ledger *ledger);

#endif
