/*
 * scenario.h - what a pretended LLM does with a request: how long it thinks,
 * what it answers, how many tokens that is and what it costs.
 *
 * Everything here is a pure function: no clock, no network, no memory to free.
 * The same request always gets the same reply. Whoever calls does the waiting
 * and the sending: the mock server over HTTP, the LLM client's "simulated"
 * provider inside the program. That is why the two agree to the token.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

/* How the pretended LLM behaves. All zeroes: it answers everything at once. */
struct scenario {
    double latency; /* seconds between a request and its reply */
};

/* The longest latency, in seconds: a day. */
#define SCENARIO_MAX_LATENCY 86400.0

/* What is wrong with the scenario, as a sentence; NULL if nothing is. */
const char *scenario_problem(const struct scenario *scenario);

/*
 * A chat request. Start with zeroes and the request's own limit, then add its
 * messages in order:
 *
 *     struct scenario_request request = {.max_tokens = 50};
 *     scenario_add_message(&request, "user", "What is Python?");
 */
struct scenario_request {
    int max_tokens;     /* in: the reply's longest length; 0: no limit */
    int prompt_tokens;  /* of all messages */
    const char *prompt; /* the last user message, borrowed from the caller */
};

/* Adds a message. The content must outlive the request. */
void scenario_add_message(struct scenario_request *request, const char *role,
                          const char *content);

/* Room for the longest reply, the final NUL included. */
#define SCENARIO_TEXT_SIZE 1024

struct scenario_reply {
    double latency; /* seconds to wait before replying */
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
 */
void scenario_respond(const struct scenario *scenario,
                      const struct scenario_request *request,
                      struct scenario_reply *reply);

/*
 * An estimate of the text's tokens: one for every four bytes begun, about right
 * for English. A message costs four more, for its role and its frame, and a
 * request three, for the beginning of the reply.
 */
int scenario_tokens(const char *text);

/* A model that has a price, in dollars for 1,000 tokens. */
struct scenario_model {
    const char *name;
    double input, output;
};

/* The models with prices, *n of them; static memory. */
const struct scenario_model *scenario_models(size_t *n);

/* What a request costs, in dollars; an unknown model as gpt-3.5-turbo. */
double scenario_cost(const char *model, int prompt_tokens,
                     int completion_tokens);

#endif
