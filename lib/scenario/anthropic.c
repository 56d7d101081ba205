/*
 * anthropic.c - Anthropic's protocol: POST /v1/messages.
 */
#include "scenario/protocol.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- The request ------------------------------------------------------- */

/* A system prompt stands beside the messages, not among them. */
static bool read_system(struct scenario_chat *chat,
                        struct scenario_refusal *refusal)
{
    const char *system;

    if (!scenario_field(chat->json, "system"))
        return true;
    system = scenario_content(chat->json, "system");
    if (!system)
        return scenario_refuse(refusal, 400, "", "system",
                               "'system' must be a string, or an array of "
                               "{\"type\": \"text\", \"text\": ...}.");
    scenario_add_message(&chat->request, "system", system);
    return true;
}

static bool read_chat(struct scenario_chat *chat,
                      struct scenario_refusal *refusal)
{
    static const char *const roles[] = {"user", "assistant", NULL};
    int *max_tokens = &chat->request.max_tokens;
    double temperature = 1;

    if (!scenario_read_model(chat, refusal) ||
        !scenario_read_count(chat, "max_tokens", max_tokens, refusal))
        return false;
    if (*max_tokens == 0)
        return scenario_refuse(refusal, 400, "", "max_tokens",
                               "The parameter 'max_tokens' is missing.");
    return read_system(chat, refusal) &&
           scenario_read_messages(chat, roles, refusal) &&
           scenario_read_number(chat, "temperature", 0, 1, &temperature,
                                refusal) &&
           scenario_read_stream(chat, refusal);
}

/* ---- The answer -------------------------------------------------------- */

static const char *stop_reason(const struct scenario_chat *chat)
{
    return chat->reply.cut ? "max_tokens" : "end_turn";
}

static bool fill_text(cJSON *block, const char *type, const char *text)
{
    return cJSON_AddStringToObject(block, "type", type) &&
           cJSON_AddStringToObject(block, "text", text);
}

static bool add_usage(cJSON *message, int input_tokens, int output_tokens)
{
    cJSON *usage = cJSON_AddObjectToObject(message, "usage");

    return scenario_add_integer(usage, "input_tokens", input_tokens) &&
           scenario_add_integer(usage, "output_tokens", output_tokens);
}

/* A message as it is at a stream's start: empty, and its end not known; or all
   of it. */
static bool fill_message(cJSON *message, const struct scenario_chat *chat,
                         bool whole)
{
    const struct scenario_reply *reply = &chat->reply;
    cJSON *content;
    char id[64];

    snprintf(id, sizeof id, "msg_%06ld", chat->number);
    return cJSON_AddStringToObject(message, "id", id) &&
           cJSON_AddStringToObject(message, "type", "message") &&
           cJSON_AddStringToObject(message, "role", "assistant") &&
           cJSON_AddStringToObject(message, "model", chat->model) &&
           (content = cJSON_AddArrayToObject(message, "content")) &&
           (!whole ||
            fill_text(scenario_add_object(content), "text", reply->text)) &&
           scenario_add_string(message, "stop_reason",
                               whole ? stop_reason(chat) : "") &&
           cJSON_AddNullToObject(message, "stop_sequence") &&
           add_usage(message, reply->prompt_tokens,
                     whole ? reply->completion_tokens : 1);
}

static char *write_answer(const struct scenario_chat *chat)
{
    cJSON *json = cJSON_CreateObject();

    return scenario_print(json, fill_message(json, chat, true));
}

/* ---- The stream -------------------------------------------------------- */

static cJSON *new_event(const char *type, bool *complete)
{
    cJSON *json = cJSON_CreateObject();

    *complete = cJSON_AddStringToObject(json, "type", type);
    return json;
}

static char *message_start(const struct scenario_chat *chat)
{
    bool complete;
    cJSON *json = new_event("message_start", &complete);
    cJSON *message = cJSON_AddObjectToObject(json, "message");

    complete = complete && fill_message(message, chat, false);
    return scenario_event("message_start", json, complete);
}

/* An event of the one block that there is. field is its object with a text, or
   NULL if it has none. */
static char *block_event(const char *name, const char *field, const char *type,
                         const char *text)
{
    bool complete;
    cJSON *json = new_event(name, &complete);

    complete =
        complete && scenario_add_integer(json, "index", 0) &&
        (!field || fill_text(cJSON_AddObjectToObject(json, field), type, text));
    return scenario_event(name, json, complete);
}

static char *simple_event(const char *name)
{
    bool complete;
    cJSON *json = new_event(name, &complete);

    return scenario_event(name, json, complete);
}

static char *message_delta(const struct scenario_chat *chat)
{
    bool complete;
    cJSON *json = new_event("message_delta", &complete);
    cJSON *delta = cJSON_AddObjectToObject(json, "delta");
    cJSON *usage = cJSON_AddObjectToObject(json, "usage");

    complete =
        complete &&
        cJSON_AddStringToObject(delta, "stop_reason", stop_reason(chat)) &&
        cJSON_AddNullToObject(delta, "stop_sequence") &&
        scenario_add_integer(usage, "output_tokens",
                             chat->reply.completion_tokens);
    return scenario_event("message_delta", json, complete);
}

static char *write_part(const struct scenario_chat *chat, int part)
{
    const char *text = chat->reply.text;
    char token[16];
    size_t start;

    if (part == 0)
        return scenario_join(
            message_start(chat),
            scenario_join(
                block_event("content_block_start", "content_block", "text", ""),
                simple_event("ping")));
    if (part > chat->reply.completion_tokens)
        return scenario_join(
            block_event("content_block_stop", NULL, NULL, NULL),
            scenario_join(message_delta(chat), simple_event("message_stop")));
    start = scenario_token_start(text, part - 1);
    snprintf(token, sizeof token, "%.*s",
             (int)(scenario_token_start(text, part) - start), text + start);
    return block_event("content_block_delta", "delta", "text_delta", token);
}

/* ---- Errors and the rest ----------------------------------------------- */

static const char *error_type(const struct scenario_refusal *refusal)
{
    static const struct {
        int status;
        const char *type;
    } types[] = {
        {401, "authentication_error"}, {402, "billing_error"},
        {403, "permission_error"},     {404, "not_found_error"},
        {413, "request_too_large"},    {429, "rate_limit_error"},
        {504, "timeout_error"},        {529, "overloaded_error"},
    };

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].status == refusal->status)
            return types[i].type;
    return refusal->status < 500 ? "invalid_request_error" : "api_error";
}

static char *write_error(const struct scenario_refusal *refusal, const char *id)
{
    cJSON *json = cJSON_CreateObject();
    bool complete = cJSON_AddStringToObject(json, "type", "error");
    cJSON *error = cJSON_AddObjectToObject(json, "error");

    return scenario_print(
        json, complete &&
                  cJSON_AddStringToObject(error, "type", error_type(refusal)) &&
                  cJSON_AddStringToObject(error, "message", refusal->message) &&
                  cJSON_AddStringToObject(json, "request_id", id));
}

static char *write_models(void)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *data = cJSON_AddArrayToObject(json, "data");
    size_t n;
    const struct scenario_model *models = scenario_anthropic_models(&n);
    bool complete =
        cJSON_AddFalseToObject(json, "has_more") &&
        cJSON_AddStringToObject(json, "first_id", models[0].name) &&
        cJSON_AddStringToObject(json, "last_id", models[n - 1].name);

    for (size_t i = 0; complete && i < n; i++) {
        const char *name = models[i].name;
        cJSON *model = scenario_add_object(data);

        complete = cJSON_AddStringToObject(model, "type", "model") &&
                   cJSON_AddStringToObject(model, "id", name) &&
                   cJSON_AddStringToObject(model, "display_name", name) &&
                   cJSON_AddStringToObject(model, "created_at",
                                           "1970-01-01T00:00:00Z");
    }
    return scenario_print(json, complete);
}

/* RFC 3339, in whole seconds, rounded up. */
static void add_reset(struct scenario_headers *headers, const char *name,
                      double moment)
{
    time_t when = (time_t)ceil(moment);
    struct tm parts;
    char date[64];

    if (gmtime_r(&when, &parts) &&
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0)
        scenario_add_header(headers, name, "%s", date);
}

static void add_limits(struct scenario_headers *headers,
                       const struct scenario_limits *limits,
                       const struct scenario_meter *meter, double now)
{
    struct scenario_allowance left = scenario_allowance(limits, meter);

    if (limits->requests_per_minute > 0) {
        scenario_add_header(headers, "anthropic-ratelimit-requests-limit", "%d",
                            limits->requests_per_minute);
        scenario_add_header(headers, "anthropic-ratelimit-requests-remaining",
                            "%d", left.requests);
        add_reset(headers, "anthropic-ratelimit-requests-reset",
                  now + left.requests_reset);
    }
    if (limits->tokens_per_minute > 0) {
        scenario_add_header(headers, "anthropic-ratelimit-tokens-limit", "%d",
                            limits->tokens_per_minute);
        scenario_add_header(headers, "anthropic-ratelimit-tokens-remaining",
                            "%d", left.tokens);
        add_reset(headers, "anthropic-ratelimit-tokens-reset",
                  now + left.tokens_reset);
    }
}

const struct scenario_protocol scenario_anthropic = {
    .id_header = "request-id",
    .read = read_chat,
    .answer = write_answer,
    .error = write_error,
    .models = write_models,
    .stream_part = write_part,
    .error_event = "error",
    .bad_event = "event: content_block_delta\ndata: {\"type\":\"content\n\n",
    .add_limits = add_limits,
};
