/*
 * plan.c - decides what a request gets: an answer, a refusal, or the fault that
 * the scenario has for it.
 */
#include "scenario/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The most pieces in which a reply drips. */
enum { DRIPS = 100 };

static const char json_type[] = "application/json";

void scenario_id(long number, char id[SCENARIO_ID_SIZE])
{
    snprintf(id, SCENARIO_ID_SIZE, "req_%06ld", number);
}

/* ---- Bodies ------------------------------------------------------------ */

/* The plan is this body, whole; it becomes the plan's. NULL: no memory. */
static void plan_body(struct scenario_plan *plan, int status, const char *type,
                      char *body)
{
    scenario_chat_free(plan->chat);
    plan->chat = NULL;
    cJSON_free(plan->body);
    plan->body = body;
    plan->size = body ? strlen(body) : 0;
    plan->type = type;
    plan->parts = plan->parts_sent = 1;
    plan->status = body ? status : 500;
    plan->answered = body && status == 200;
}

/* Turns what the plan was into a refusal. */
static void refuse(struct scenario_plan *plan, struct scenario_call *call,
                   const struct scenario_refusal *refusal)
{
    char id[SCENARIO_ID_SIZE];

    scenario_id(call->number, id);
    scenario_add_retry_after(&call->headers, refusal, call->date);
    plan->ending = SCENARIO_ENDS_WELL;
    plan->held = false;
    plan_body(plan, refusal->status, json_type,
              call->protocol->error(refusal, id));
}

/* An empty plan, which without memory would be all. */
static void begin_plan(struct scenario_plan *plan, struct scenario_call *call)
{
    char id[SCENARIO_ID_SIZE];

    scenario_id(call->number, id);
    scenario_add_header(&call->headers, call->protocol->id_header, "%s", id);
    *plan = (struct scenario_plan){.protocol = call->protocol};
    plan_body(plan, 500, json_type, NULL);
}

void scenario_plan_refusal(struct scenario_plan *plan,
                           struct scenario_call *call,
                           const struct scenario_refusal *refusal)
{
    begin_plan(plan, call);
    refuse(plan, call, refusal);
}

/* ---- Faults ------------------------------------------------------------ */

static bool has_status(const struct scenario_fault *fault)
{
    return fault->kind == SCENARIO_STATUS || fault->kind == SCENARIO_QUOTA;
}

/* The error that a fault with a status is. */
static void fault_to_refusal(const struct scenario_protocol *protocol,
                             const struct scenario_fault *fault,
                             struct scenario_refusal *refusal)
{
    int status = fault->status;

    if (fault->kind == SCENARIO_QUOTA) {
        status = protocol == &scenario_anthropic ? 402 : 429;
        scenario_refuse(refusal, status, "insufficient_quota", "",
                        "Your credit is used up: more of it, not a retry, "
                        "will help (a pretended fault).");
        refusal->type = "insufficient_quota";
        refusal->for_good = true;
        return;
    }
    scenario_refuse(refusal, status, "", "", "%s",
                    scenario_status_text(status));
    refusal->retry_after = fault->retry_after;
    refusal->spelling = fault->spelling;
    if (status == 401)
        refusal->code = "invalid_api_key";
    else if (status == 429)
        refusal->type = "requests", refusal->code = "rate_limit_exceeded";
    else if (status >= 500)
        refusal->type = "server_error";
}

static char *copy_of(const char *text)
{
    return scenario_copy(text, strlen(text));
}

/* Where a reply that is sent in one piece goes wrong. */
static void spoil_body(struct scenario_plan *plan,
                       const struct scenario_fault *fault)
{
    static const char page[] = "<!DOCTYPE html>\n<html><head><title>Welcome"
                               "</title></head>\n<body>This is a page of a "
                               "proxy, not an answer (a pretended fault)."
                               "</body></html>\n";

    switch (fault->kind) {
    case SCENARIO_TRUNCATE:
        plan->parts = 2;
        plan->ending = SCENARIO_ENDS_CLOSED;
        break;
    case SCENARIO_MALFORMED:
        plan->size /= 2;
        break;
    case SCENARIO_WRONG_TYPE:
        plan_body(plan, 200, "text/html", copy_of(page));
        break;
    case SCENARIO_EMPTY:
        plan_body(plan, 200, json_type, copy_of(""));
        break;
    case SCENARIO_DRIP:
        plan->parts = plan->size < DRIPS ? (int)plan->size : DRIPS;
        plan->parts_sent = plan->parts;
        plan->interval = fault->seconds / plan->parts;
        break;
    default:
        break;
    }
}

/* The event that tells of an error in the middle of a stream. */
static char *error_event(const struct scenario_call *call,
                         const struct scenario_fault *fault)
{
    struct scenario_refusal refusal;
    char id[SCENARIO_ID_SIZE];

    scenario_id(call->number, id);
    fault_to_refusal(call->protocol, fault, &refusal);
    return scenario_event_of_text(call->protocol->error_event,
                                  call->protocol->error(&refusal, id));
}

/* Where a stream goes wrong, after some of its tokens. */
static void spoil_stream(struct scenario_plan *plan,
                         const struct scenario_call *call,
                         const struct scenario_fault *fault)
{
    int tokens = plan->parts - 2, sent = fault->after_tokens;
    bool has_last = has_status(fault) || fault->kind == SCENARIO_MALFORMED;

    if (fault->kind == SCENARIO_DRIP) {
        plan->interval += fault->seconds / plan->parts;
        return;
    }
    if (sent == 0)
        sent = tokens / 2;
    plan->parts_sent = 1 + (sent < tokens ? sent : tokens) + has_last;
    if (fault->kind == SCENARIO_TRUNCATE)
        plan->ending = SCENARIO_ENDS_CLOSED;
    if (!has_last)
        return;
    plan->body = has_status(fault) ? error_event(call, fault)
                                   : copy_of(call->protocol->bad_event);
    plan->size = plan->body ? strlen(plan->body) : 0;
    if (!plan->body) /* no memory: the stream breaks off */
        plan->ending = SCENARIO_ENDS_CLOSED, plan->parts_sent--;
}

/* Changes the plan of a right answer into the fault's. */
static void spoil(struct scenario_plan *plan, struct scenario_call *call,
                  const struct scenario_fault *fault)
{
    bool in_the_middle = plan->chat && fault->after_tokens > 0;
    struct scenario_refusal refusal;

    if (!plan->body && !plan->chat)
        return; /* no memory: nothing there that could go wrong */
    scenario_fault_name(fault, plan->fault);
    if (fault->kind == SCENARIO_HANG)
        plan->ending = SCENARIO_HANGS;
    else if (fault->kind == SCENARIO_RESET)
        plan->ending = SCENARIO_ENDS_RESET;

    if (has_status(fault) && !in_the_middle) {
        fault_to_refusal(call->protocol, fault, &refusal);
        refuse(plan, call, &refusal);
    } else if (plan->ending != SCENARIO_ENDS_WELL && !in_the_middle) {
        plan->parts_sent = 0;
        plan->status = 0;
    } else if (plan->chat && fault->kind != SCENARIO_WRONG_TYPE &&
               fault->kind != SCENARIO_EMPTY) {
        spoil_stream(plan, call, fault);
    } else {
        spoil_body(plan, fault);
    }
    plan->answered = fault->kind == SCENARIO_DRIP;
}

/* ---- Limits ------------------------------------------------------------ */

static void refuse_for_limit(enum scenario_limit limit,
                             const struct scenario_limits *limits, double wait,
                             struct scenario_refusal *refusal)
{
    static const char code[] = "rate_limit_exceeded";

    if (limit == SCENARIO_IN_FLIGHT_LIMIT)
        scenario_refuse(refusal, 429, code, "",
                        "Rate limit reached: %d requests may be in flight at "
                        "once.",
                        limits->in_flight);
    else if (isinf(wait))
        scenario_refuse(refusal, 429, code, "",
                        "Request too large: the limit is %d tokens a minute.",
                        limits->tokens_per_minute);
    else
        scenario_refuse(
            refusal, 429, code, "",
            "Rate limit reached: %d %s per min. Please try again in %.3gs.",
            limit == SCENARIO_REQUEST_LIMIT ? limits->requests_per_minute
                                            : limits->tokens_per_minute,
            limit == SCENARIO_REQUEST_LIMIT ? "requests" : "tokens", wait);
    refusal->type = limit == SCENARIO_TOKEN_LIMIT ? "tokens" : "requests";
    refusal->for_good = isinf(wait);
    refusal->spelling = SCENARIO_MILLISECONDS;
    refusal->retry_after = isinf(wait) ? 0 : ceil(wait * 1000) / 1000;
}

/* Enters the meter, and tells the client what is left. */
static bool within_limits(struct scenario_plan *plan,
                          struct scenario_call *call, int tokens)
{
    const struct scenario_limits *limits = &call->scenario->limits;
    struct scenario_refusal refusal;
    double wait;
    enum scenario_limit limit =
        scenario_enter(limits, call->meter, call->now, tokens, &wait);

    plan->entered = limit == SCENARIO_WITHIN_LIMITS;
    call->protocol->add_limits(&call->headers, limits, call->meter, call->date);
    if (plan->entered)
        return true;
    strcpy(plan->fault, "limit");
    refuse_for_limit(limit, limits, wait, &refusal);
    plan->latency = 0;
    refuse(plan, call, &refusal);
    return false;
}

/* ---- Plans ------------------------------------------------------------- */

/* Only what was answered was worth its tokens. */
static void finish_plan(struct scenario_plan *plan)
{
    if (plan->answered)
        return;
    plan->prompt_tokens = plan->completion_tokens = 0;
    plan->cost = 0;
}

/* The right answer to a chat, whole or as a stream. The chat is the plan's. */
static void plan_answer(struct scenario_plan *plan, struct scenario_chat *chat)
{
    const struct scenario_reply *reply = &chat->reply;

    plan->prompt_tokens = reply->prompt_tokens;
    plan->completion_tokens = reply->completion_tokens;
    plan->cost = scenario_cost(chat->model, reply->prompt_tokens,
                               reply->completion_tokens);
    plan->latency = reply->latency;
    plan->held = true;
    plan->chat = chat;
    if (!chat->stream) {
        plan_body(plan, 200, json_type, plan->protocol->answer(chat));
        return;
    }
    plan->status = 200;
    plan->answered = true;
    plan->type = "text/event-stream";
    plan->latency -= reply->per_token * reply->completion_tokens;
    plan->interval = reply->per_token;
    plan->parts = plan->parts_sent = reply->completion_tokens + 2;
}

void scenario_plan_chat(struct scenario_plan *plan, struct scenario_call *call)
{
    struct scenario_chat *chat = calloc(1, sizeof *chat);
    const struct scenario_fault *fault;
    struct scenario_refusal refusal;
    int tokens;

    begin_plan(plan, call);
    if (!chat)
        return;
    chat->number = call->number;
    chat->created = (long)call->date;
    chat->request.number = call->number;
    chat->request.attempt = call->attempt;
    chat->request.path = call->path;
    if (!scenario_chat_read(call->protocol, chat, call->body, call->size,
                            &refusal)) {
        scenario_chat_free(chat);
        refuse(plan, call, &refusal);
        return;
    }
    scenario_respond(call->scenario, &chat->request, &chat->reply);
    fault = chat->reply.fault;
    tokens = chat->reply.prompt_tokens + chat->reply.completion_tokens;
    plan_answer(plan, chat);
    if (within_limits(plan, call, tokens) && fault)
        spoil(plan, call, fault);
    finish_plan(plan);
}

/* The number behind /posts/; 0 if there is no such document. */
static int post_number(const char *path)
{
    const char *digits = path + strlen("/posts/");
    char *end;
    long number = strtol(digits, &end, 10);

    return *digits >= '1' && *digits <= '9' && *end == '\0' &&
                   number <= SCENARIO_POSTS
               ? (int)number
               : 0;
}

void scenario_plan_post(struct scenario_plan *plan, struct scenario_call *call)
{
    struct scenario_request request = {
        .number = call->number, .attempt = call->attempt, .path = call->path};
    struct scenario_reply reply;
    struct scenario_refusal refusal;
    int id = post_number(call->path);

    begin_plan(plan, call);
    if (id == 0) {
        scenario_refuse(&refusal, 404, "", "",
                        "There is no %s: there are /posts/1 to /posts/%d.",
                        call->path, SCENARIO_POSTS);
        refuse(plan, call, &refusal);
        return;
    }
    scenario_respond(call->scenario, &request, &reply);
    /* A document is not thought out token by token. */
    plan->latency = reply.latency - reply.per_token * reply.completion_tokens;
    plan->held = true;
    plan_body(plan, 200, json_type, scenario_post(id));
    if (within_limits(plan, call, 0) && reply.fault)
        spoil(plan, call, reply.fault);
}

void scenario_plan_models(struct scenario_plan *plan,
                          struct scenario_call *call)
{
    begin_plan(plan, call);
    plan_body(plan, 200, json_type, call->protocol->models());
}

/* ---- Parts ------------------------------------------------------------- */

double scenario_plan_wait(const struct scenario_plan *plan, int i)
{
    if (i == 0)
        return plan->latency;
    /* The end of a stream comes together with its last token. */
    return plan->chat && i == plan->parts - 1 ? 0 : plan->interval;
}

char *scenario_plan_part(const struct scenario_plan *plan, int i, size_t *size)
{
    size_t parts = (size_t)plan->parts, part = (size_t)i;
    size_t from = plan->size * part / parts;
    size_t to = plan->size * (part + 1) / parts;
    char *text = NULL;

    if (plan->chat && plan->body && i == plan->parts_sent - 1)
        text = scenario_copy(plan->body, plan->size);
    else if (plan->chat)
        text = plan->protocol->stream_part(plan->chat, i);
    else if (plan->body)
        text = scenario_copy(plan->body + from, to - from);
    *size = !text ? 0 : plan->chat ? strlen(text) : to - from;
    return text;
}

void scenario_plan_free(struct scenario_plan *plan)
{
    cJSON_free(plan->body);
    scenario_chat_free(plan->chat);
}
