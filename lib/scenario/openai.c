/*
 * openai.c - OpenAI's protocol: POST /v1/chat/completions.
 */
#include "scenario/protocol.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- The request ------------------------------------------------------- */

static bool read_stream_options(struct scenario_chat *chat,
                                struct scenario_refusal *refusal)
{
    const cJSON *options = scenario_field(chat->json, "stream_options");

    if (!scenario_read_stream(chat, refusal))
        return false;
    if (options && !chat->stream)
        return scenario_refuse(refusal, 400, "", "stream_options",
                               "'stream_options' goes with 'stream': true "
                               "only.");
    chat->stream_usage = cJSON_IsTrue(scenario_field(options, "include_usage"));
    return true;
}

static bool read_chat(struct scenario_chat *chat,
                      struct scenario_refusal *refusal)
{
    static const char *const roles[] = {
        "system", "developer", "user", "assistant", "tool", "function", NULL};
    int *max_tokens = &chat->request.max_tokens, choices = 1;
    double temperature = 1;

    if (!scenario_read_model(chat, refusal) ||
        !scenario_read_messages(chat, roles, refusal) ||
        !scenario_read_count(chat, "max_tokens", max_tokens, refusal) ||
        !scenario_read_count(chat, "max_completion_tokens", max_tokens,
                             refusal) ||
        !scenario_read_number(chat, "temperature", 0, 2, &temperature,
                              refusal) ||
        !scenario_read_count(chat, "n", &choices, refusal) ||
        !read_stream_options(chat, refusal))
        return false;
    return choices == 1 ||
           scenario_refuse(refusal, 400, "unsupported_value", "n",
                           "This server gives one choice: leave 'n' out, or "
                           "set it to 1.");
}

/* ---- The answer -------------------------------------------------------- */

static const char *finish_reason(const struct scenario_chat *chat)
{
    return chat->reply.cut ? "length" : "stop";
}

static cJSON *new_answer(const struct scenario_chat *chat, const char *object,
                         bool *complete)
{
    cJSON *json = cJSON_CreateObject();
    char id[64];

    snprintf(id, sizeof id, "chatcmpl-%06ld", chat->number);
    *complete = cJSON_AddStringToObject(json, "id", id) &&
                cJSON_AddStringToObject(json, "object", object) &&
                scenario_add_integer(json, "created", chat->created) &&
                cJSON_AddStringToObject(json, "model", chat->model);
    return json;
}

static bool add_usage(cJSON *json, const struct scenario_reply *reply)
{
    cJSON *usage = cJSON_AddObjectToObject(json, "usage");
    int prompt = reply->prompt_tokens, completion = reply->completion_tokens;

    return scenario_add_integer(usage, "prompt_tokens", prompt) &&
           scenario_add_integer(usage, "completion_tokens", completion) &&
           scenario_add_integer(usage, "total_tokens", prompt + completion);
}

static char *write_answer(const struct scenario_chat *chat)
{
    bool complete;
    cJSON *json = new_answer(chat, "chat.completion", &complete);
    cJSON *choice =
        scenario_add_object(cJSON_AddArrayToObject(json, "choices"));
    cJSON *message;

    return scenario_print(
        json,
        complete && scenario_add_integer(choice, "index", 0) &&
            (message = cJSON_AddObjectToObject(choice, "message")) &&
            cJSON_AddStringToObject(message, "role", "assistant") &&
            cJSON_AddStringToObject(message, "content", chat->reply.text) &&
            cJSON_AddNullToObject(message, "refusal") &&
            cJSON_AddNullToObject(choice, "logprobs") &&
            cJSON_AddStringToObject(choice, "finish_reason",
                                    finish_reason(chat)) &&
            add_usage(json, &chat->reply));
}

/* ---- The stream -------------------------------------------------------- */

/* What is new in this part: the role, a token, or nothing at the end. */
static bool add_delta(cJSON *choice, const struct scenario_chat *chat, int part)
{
    cJSON *delta = cJSON_AddObjectToObject(choice, "delta");
    const char *text = chat->reply.text;
    char token[16];

    if (part == 0)
        return cJSON_AddStringToObject(delta, "role", "assistant") &&
               cJSON_AddStringToObject(delta, "content", "") &&
               cJSON_AddNullToObject(delta, "refusal");
    if (part > chat->reply.completion_tokens)
        return delta;

    size_t start = scenario_token_start(text, part - 1);

    snprintf(token, sizeof token, "%.*s",
             (int)(scenario_token_start(text, part) - start), text + start);
    return cJSON_AddStringToObject(delta, "content", token);
}

static char *write_chunk(const struct scenario_chat *chat, int part)
{
    bool last = part > chat->reply.completion_tokens, complete;
    cJSON *json = new_answer(chat, "chat.completion.chunk", &complete);
    cJSON *choice =
        scenario_add_object(cJSON_AddArrayToObject(json, "choices"));

    complete = complete && scenario_add_integer(choice, "index", 0) &&
               add_delta(choice, chat, part) &&
               cJSON_AddNullToObject(choice, "logprobs") &&
               scenario_add_string(choice, "finish_reason",
                                   last ? finish_reason(chat) : "") &&
               (!chat->stream_usage || cJSON_AddNullToObject(json, "usage"));
    return scenario_event(NULL, json, complete);
}

static char *write_usage_chunk(const struct scenario_chat *chat)
{
    bool complete;
    cJSON *json = new_answer(chat, "chat.completion.chunk", &complete);

    complete = complete && cJSON_AddArrayToObject(json, "choices") &&
               add_usage(json, &chat->reply);
    return scenario_event(NULL, json, complete);
}

static char *write_part(const struct scenario_chat *chat, int part)
{
    static const char done[] = "data: [DONE]\n\n";
    char *text = write_chunk(chat, part);

    if (part <= chat->reply.completion_tokens)
        return text;
    if (chat->stream_usage)
        text = scenario_join(text, write_usage_chunk(chat));
    return scenario_join(text, scenario_copy(done, strlen(done)));
}

/* ---- Errors and the rest ----------------------------------------------- */

static char *write_error(const struct scenario_refusal *refusal, const char *id)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *fields = cJSON_AddObjectToObject(json, "error");

    (void)id;
    return scenario_print(
        json, scenario_add_string(fields, "message", refusal->message) &&
                  scenario_add_string(fields, "type", refusal->type) &&
                  scenario_add_string(fields, "param", refusal->param) &&
                  scenario_add_string(fields, "code", refusal->code));
}

static char *write_models(void)
{
    cJSON *json = cJSON_CreateObject();
    size_t n;
    const struct scenario_model *models = scenario_models(&n);
    bool complete = cJSON_AddStringToObject(json, "object", "list");
    cJSON *data = cJSON_AddArrayToObject(json, "data");

    for (size_t i = 0; complete && i < n; i++) {
        cJSON *model = scenario_add_object(data);

        complete = cJSON_AddStringToObject(model, "id", models[i].name) &&
                   cJSON_AddStringToObject(model, "object", "model") &&
                   scenario_add_integer(model, "created", 0) &&
                   cJSON_AddStringToObject(model, "owned_by", "mock_llm");
    }
    return scenario_print(json, complete);
}

/* As OpenAI writes it: "20ms", "1.5s", "6m0s". */
static void add_reset(struct scenario_headers *headers, const char *name,
                      double seconds)
{
    double ms = ceil(seconds * 1000), s = ceil(ms / 10) / 100;

    if (ms < 1000)
        scenario_add_header(headers, name, "%.0fms", ms);
    else if (s < 60)
        scenario_add_header(headers, name, "%.10gs", s);
    else
        scenario_add_header(headers, name, "%.0fm%.10gs", floor(s / 60),
                            ceil(fmod(s, 60)));
}

static void add_limits(struct scenario_headers *headers,
                       const struct scenario_limits *limits,
                       const struct scenario_meter *meter, double now)
{
    struct scenario_allowance left = scenario_allowance(limits, meter);

    (void)now;
    if (limits->requests_per_minute > 0) {
        scenario_add_header(headers, "x-ratelimit-limit-requests", "%d",
                            limits->requests_per_minute);
        scenario_add_header(headers, "x-ratelimit-remaining-requests", "%d",
                            left.requests);
        add_reset(headers, "x-ratelimit-reset-requests", left.requests_reset);
    }
    if (limits->tokens_per_minute > 0) {
        scenario_add_header(headers, "x-ratelimit-limit-tokens", "%d",
                            limits->tokens_per_minute);
        scenario_add_header(headers, "x-ratelimit-remaining-tokens", "%d",
                            left.tokens);
        add_reset(headers, "x-ratelimit-reset-tokens", left.tokens_reset);
    }
}

const struct scenario_protocol scenario_openai = {
    .id_header = "x-request-id",
    .read = read_chat,
    .answer = write_answer,
    .error = write_error,
    .models = write_models,
    .stream_part = write_part,
    .bad_event = "data: {\"id\":\"chatcmpl-\n\n",
    .add_limits = add_limits,
};
