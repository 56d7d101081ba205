/*
 * plan.h - what a pretended provider sends: a scenario's reply, or what a fault
 * leaves of it, as the bytes of a protocol.
 *
 * The mock server sends them over a network, the client's "simulated" provider
 * hands them to itself. Both ask for the parts one after another:
 *
 *     struct scenario_call call = {...};
 *     struct scenario_plan plan;
 *
 *     scenario_plan_chat(&plan, &call);
 *     for (int i = 0; i < plan.parts_sent; i++) {
 *         (wait for scenario_plan_wait(&plan, i) seconds)
 *         part = scenario_plan_part(&plan, i, &size);
 *         ...
 *     }
 *     (do what plan.ending says)
 *     if (plan.entered)
 *         scenario_leave(&meter);
 *     scenario_plan_free(&plan);
 */
#ifndef SCENARIO_PLAN_H
#define SCENARIO_PLAN_H

#include "scenario/protocol.h"

/* The id of the request with this number. */
void scenario_id(long number, char id[SCENARIO_ID_SIZE]);

/* One request, and when it came. Everything is borrowed. */
struct scenario_call {
    const struct scenario *scenario;
    struct scenario_meter *meter;
    const struct scenario_protocol *protocol;
    long number;      /* in the order of arrival, from 1 */
    int attempt;      /* 1, or 2 if the same request came before, ... */
    const char *path; /* such as "/v1/chat/completions" */
    const char *body; /* a chat's, with a NUL behind it */
    size_t size;
    double now;  /* on the meter's clock */
    double date; /* seconds since 1970 */

    struct scenario_headers headers; /* out: of the reply, start with none */
};

/* What comes behind the parts of a reply. */
enum scenario_ending {
    SCENARIO_ENDS_WELL,   /* the reply is complete, or looks so */
    SCENARIO_ENDS_CLOSED, /* the connection closes */
    SCENARIO_ENDS_RESET,  /* it is reset */
    SCENARIO_HANGS        /* nothing, ever */
};

struct scenario_plan {
    int status;       /* HTTP's; 0: no reply at all */
    const char *type; /* Content-Type */
    char *body;       /* NULL: no memory. Of a stream: what comes last instead
                         of its end, or NULL */
    size_t size;
    struct scenario_chat *chat; /* not NULL: a stream, with chunks */
    const struct scenario_protocol *protocol;
    double latency;  /* seconds until the first part */
    double interval; /* seconds from one part to the next */
    int parts;       /* of all that there would be */
    int parts_sent;
    enum scenario_ending ending;

    bool held;     /* pretended work: it may be held back behind a gate */
    bool answered; /* wholly and rightly */
    bool entered;  /* it counts in the meter until scenario_leave */
    char fault[SCENARIO_NAME_SIZE]; /* its name; "limit"; "" */
    int prompt_tokens;              /* tokens and cost: 0 unless answered */
    int completion_tokens;
    double cost;
};

/* Plans the reply to a chat; to a request for a document, /posts/1 to 100. */
void scenario_plan_chat(struct scenario_plan *plan, struct scenario_call *call);
void scenario_plan_post(struct scenario_plan *plan, struct scenario_call *call);

/* Plans a list of the protocol's models. */
void scenario_plan_models(struct scenario_plan *plan,
                          struct scenario_call *call);

/* Plans a refusal by the caller. */
void scenario_plan_refusal(struct scenario_plan *plan,
                           struct scenario_call *call,
                           const struct scenario_refusal *refusal);

/* Seconds between the request (i = 0) or the part before and part i. */
double scenario_plan_wait(const struct scenario_plan *plan, int i);

/* Part i, counted from 0, of *size bytes and a NUL, for cJSON_free; NULL
   without memory. */
char *scenario_plan_part(const struct scenario_plan *plan, int i, size_t *size);

void scenario_plan_free(struct scenario_plan *plan);

/* posts.c: document id as JSON, or NULL without memory. */
char *scenario_post(int id);
enum { SCENARIO_POSTS = 100 };

#endif
