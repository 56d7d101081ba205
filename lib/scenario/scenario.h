/*
 * scenario.h - what a pretended LLM does with a request: how long it thinks,
 * what it answers, how many tokens that is, what it costs, and what goes wrong.
 *
 * Everything here is a pure function: no clock, no network, no memory to free.
 * The same request always gets the same reply. Whoever calls does the waiting
 * and the sending: the mock server over HTTP, the LLM client's "simulated"
 * provider inside the program. That is why the two agree to the token.
 *
 * In C a scenario is a struct to fill in; in a file, or on a command line, it
 * is text: see scenario_read.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- What goes wrong --------------------------------------------------- */

enum scenario_fault_kind {
    SCENARIO_NO_FAULT,
    SCENARIO_STATUS,     /* an error of this status, in the provider's shape */
    SCENARIO_QUOTA,      /* 429, but because the money is spent: for good */
    SCENARIO_HANG,       /* nothing comes, ever; the connection stays open */
    SCENARIO_RESET,      /* the connection is reset instead of an answer */
    SCENARIO_TRUNCATE,   /* half of the answer, then the connection closes */
    SCENARIO_MALFORMED,  /* status 200, but the JSON ends in the middle */
    SCENARIO_WRONG_TYPE, /* status 200 and a page of HTML, as a proxy sends */
    SCENARIO_EMPTY,      /* status 200 and nothing else */
    SCENARIO_DRIP        /* the right answer, but a little at a time */
};

/* How a server says when to come back. */
enum scenario_spelling {
    SCENARIO_SECONDS,      /* Retry-After: 2 */
    SCENARIO_MILLISECONDS, /* retry-after-ms: 1500, and Retry-After: 2 */
    SCENARIO_DATE          /* Retry-After: Wed, 21 Oct 2026 07:28:00 GMT */
};

/* Room for a fault's match, the final NUL included. */
#define SCENARIO_MATCH_SIZE 64

/*
 * One fault and whom it hits: the requests that pass all of match, attempts and
 * requests, and of these as many as rate says.
 */
struct scenario_fault {
    enum scenario_fault_kind kind;
    double rate; /* 0: none of them, 0.1: one in ten, 1: all */

    /* Only requests with this path, or whose prompt holds these words; ""
       matches all. "Report 1" is not found in "Report 12". */
    char match[SCENARIO_MATCH_SIZE];
    /* Only these attempts at one thing, the first being 1, and only these
       requests in the order of their arrival. 0: no bound. */
    int first_attempt, last_attempt;
    long first_request, last_request;

    int status;         /* STATUS: 400 to 599 */
    double retry_after; /* STATUS: seconds to be told; 0: does not say */
    enum scenario_spelling spelling;
    double seconds;   /* DRIP: how much longer it takes */
    int after_tokens; /* of a stream, so many come before the fault */
};

/* ---- The scenario ------------------------------------------------------ */

#define SCENARIO_MAX_FAULTS 16

/* What a provider lets through; 0 is no limit. Above it comes a 429. */
struct scenario_limits {
    int in_flight; /* requests at the same time */
    int requests_per_minute;
    int tokens_per_minute; /* of prompts and answers together */
    int burst; /* requests at once, after a rest; 0: as many as a minute's */
};

/* How the pretended LLM behaves. All zeroes: it answers everything at once. */
struct scenario {
    double latency;           /* seconds between a request and its reply, or */
    double max_latency;       /* if not 0: anything between latency and this */
    double tokens_per_second; /* the answer takes so much longer; 0: no time */
    uint64_t seed;            /* another one: other faults, other latencies */
    struct scenario_limits limits;
    /* Of those that hit a request the first one counts. */
    struct scenario_fault faults[SCENARIO_MAX_FAULTS];
};

/* The longest latency, in seconds: a day. */
#define SCENARIO_MAX_LATENCY 86400.0

/* What is wrong with the scenario, as a sentence; NULL if nothing is. */
const char *scenario_problem(const struct scenario *scenario);

/* Room for an error's text, the final NUL included. */
#define SCENARIO_ERROR_SIZE 256

/*
 * Changes one setting, given as text:
 *
 *     latency              0.5, or 0.2..0.8 for anything between
 *     tokens-per-second    50
 *     seed                 7
 *     max-in-flight        10
 *     requests-per-minute  60
 *     burst                5
 *     tokens-per-minute    90000
 *     fault                429 rate=0.1 retry-after=2
 *
 * fault adds one. Its first word is a status from 400 to 599, or one of quota,
 * hang, reset, truncate, malformed, html, empty and drip. Then, in any order:
 * rate=0.1 (otherwise 1), attempts=1 or 2-3 or 2-, requests=5 or 5-8,
 * match=WORD or match="SOME WORDS", retry-after=2 or retry-after-ms=1500 or
 * retry-after-date=2, seconds=5, after-tokens=10.
 *
 * False if that cannot be: error then says why and what to write instead, and
 * the scenario is as it was.
 */
bool scenario_set(struct scenario *scenario, const char *name,
                  const char *value, char error[SCENARIO_ERROR_SIZE]);

/*
 * The same for a text with a setting in each line, "name = value". Empty lines
 * and what follows a '#' at the beginning of a line do not count. An error
 * begins with the line's number; the lines before it have been set.
 */
bool scenario_read(struct scenario *scenario, const char *text,
                   char error[SCENARIO_ERROR_SIZE]);

/* Room for a request's id, the final NUL included. */
#define SCENARIO_ID_SIZE 32

/* ---- Requests and replies ---------------------------------------------- */

/*
 * A chat request. Start with zeroes and what is known of the request, then add
 * its messages in order:
 *
 *     struct scenario_request request = {.max_tokens = 50};
 *     scenario_add_message(&request, "user", "What is Python?");
 */
struct scenario_request {
    int max_tokens;   /* in: the reply's longest length; 0: no limit */
    int attempt;      /* in: 2 if the same request came once before; 0 is 1 */
    long number;      /* in: its place in the order of arrival, from 1; or 0 */
    const char *path; /* in: "/v1/messages", or NULL; borrowed */

    int prompt_tokens;  /* of all messages */
    const char *prompt; /* the last user message, borrowed from the caller */
};

/* Adds a message. The content must outlive the request. */
void scenario_add_message(struct scenario_request *request, const char *role,
                          const char *content);

/* Room for the longest reply, the final NUL included. */
#define SCENARIO_TEXT_SIZE 1024

struct scenario_reply {
    const struct scenario_fault *fault; /* the scenario's; NULL: all is well */
    double latency;   /* seconds until all of the reply is there */
    double per_token; /* of them, seconds from one token to the next */
    int prompt_tokens;
    int completion_tokens;
    bool cut; /* max_tokens ended the text, not the pretended model */
    char text[SCENARIO_TEXT_SIZE];
};

/*
 * Replies to the request. A prompt that begins with "Summarize" gets findings
 * such as an engineering document holds, in a line, or as n lines if it asks
 * for n bullet points. Any other prompt is told that no model has read it.
 * Either way the reply quotes the prompt's first words, so that it shows which
 * request it belongs to. Without any message the prompt is empty.
 *
 * Latency and faults are drawn by lot, but the lot is in the request: seed,
 * path, prompt and attempt decide, not the order in which requests come.
 * A request that is refused (a fault with a status below 500) has no latency.
 */
void scenario_respond(const struct scenario *scenario,
                      const struct scenario_request *request,
                      struct scenario_reply *reply);

/*
 * The part of the text that is its token i, counted from 0, and where the next
 * one begins: how an answer is cut up for a stream.
 */
size_t scenario_token_start(const char *text, int i);

/*
 * An estimate of the text's tokens: one for every four bytes begun, about right
 * for English. A message costs four more, for its role and its frame, and a
 * request three, for the beginning of the reply.
 */
int scenario_tokens(const char *text);

/* Room for a fault's name, the final NUL included. */
#define SCENARIO_NAME_SIZE 16

/* The fault's first word in a scenario's text, such as "429" or "reset". */
void scenario_fault_name(const struct scenario_fault *fault,
                         char name[SCENARIO_NAME_SIZE]);

/* What a server says to a status from 400 on: a sentence, in static memory. */
const char *scenario_status_text(int status);

/* ---- Limits ------------------------------------------------------------ */

/*
 * What was let through lately. Start with zeroes. Each limit a minute is a
 * bucket that was full at first and is filled again at an even rate.
 */
struct scenario_meter {
    int in_flight;
    double requests, tokens; /* taken out and not filled in again, by then: */
    double now;
};

/* Which limit a request would exceed. */
enum scenario_limit {
    SCENARIO_WITHIN_LIMITS,
    SCENARIO_IN_FLIGHT_LIMIT,
    SCENARIO_REQUEST_LIMIT,
    SCENARIO_TOKEN_LIMIT
};

/*
 * Lets a request with so many tokens, of its prompt and its answer, through, or
 * says which limit forbids it; a request that is refused costs nothing. now is
 * in seconds on any clock and never runs back. *wait is set to the seconds
 * after which the request will be let through if no other comes first: 0 if
 * nobody knows (requests in flight), INFINITY if never (larger than a minute's
 * tokens). Each request that was let through ends with scenario_leave.
 */
enum scenario_limit scenario_enter(const struct scenario_limits *limits,
                                   struct scenario_meter *meter, double now,
                                   int tokens, double *wait);
void scenario_leave(struct scenario_meter *meter);

/* What is left, and after how many seconds of rest all would be there again;
   zeroes for what has no limit. */
struct scenario_allowance {
    int requests, tokens;
    double requests_reset, tokens_reset;
};

/* As of the moment of the last scenario_enter. */
struct scenario_allowance
scenario_allowance(const struct scenario_limits *limits,
                   const struct scenario_meter *meter);

/* ---- Models ------------------------------------------------------------ */

/* A model that has a price, in dollars for 1,000 tokens. */
struct scenario_model {
    const char *name;
    double input, output;
};

/* The models with prices, OpenAI's and Anthropic's, *n of them; static memory.
 */
const struct scenario_model *scenario_models(size_t *n);
const struct scenario_model *scenario_anthropic_models(size_t *n);

/* What a request costs, in dollars; an unknown model as gpt-3.5-turbo. */
double scenario_cost(const char *model, int prompt_tokens,
                     int completion_tokens);

#endif
