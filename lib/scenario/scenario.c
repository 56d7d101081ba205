/*
 * scenario.c - the pretended LLM: one hash of the prompt picks everything that
 * its reply says, so the reply is as good as random and always the same.
 */
#include "scenario/scenario_private.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    BYTES_PER_TOKEN = 4,
    TOKENS_PER_MESSAGE = 4, /* the role, and what sets a message apart */
    TOKENS_PER_REQUEST = 3, /* the reply's own beginning */
    TOPIC_SIZE = 48,        /* the words of the prompt that a reply quotes */
    MAX_BULLETS = 12,       /* of them, SCENARIO_TEXT_SIZE has room */
    KINDS = 3,              /* of findings */
    FINDINGS = 8            /* of each kind */
};

/* A report says what was analysed, what was seen and what is to be done. */
static const char *const findings[KINDS][FINDINGS] = {
    {
        "the bearing capacity of the foundation is adequate",
        "settlement stays below 25 mm",
        "all pile tests exceed the working load",
        "the beams carry the design load with a reserve of 18%",
        "the retaining wall is safe against sliding",
        "concrete cores reach the specified strength",
        "soil borings agree with the design assumptions",
        "the drainage has room for a ten-year storm",
    },
    {
        "hairline cracks in two slabs, within limits",
        "surface corrosion on one bearing plate",
        "water stains at a joint",
        "spalling at the edge of one column",
        "a railing is loose on level 2",
        "scour at the north abutment, 0.3 m deep",
        "no damage was found",
        "two anchor bolts lack their washers",
    },
    {
        "inspect again after the winter",
        "monitor settlement every month",
        "seal the cracks within a year",
        "renew the coating at the supports",
        "replace the joint before the wet season",
        "no action is required",
        "repeat the load test in five years",
        "send the drawings back for revision",
    },
};

/* Prices as the chapter has them. The first one is for unknown models. */
static const struct scenario_model openai_models[] = {
    {"gpt-3.5-turbo", 0.001, 0.002},
    {"gpt-4", 0.03, 0.06},
};

static const struct scenario_model anthropic_models[] = {
    {"claude-sonnet-4-5", 0.003, 0.015},
    {"claude-haiku-4-5", 0.001, 0.005},
};

enum {
    OPENAI_MODELS = sizeof openai_models / sizeof openai_models[0],
    ANTHROPIC_MODELS = sizeof anthropic_models / sizeof anthropic_models[0]
};

int scenario_tokens(const char *text)
{
    return (int)((strlen(text) + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN);
}

void scenario_add_message(struct scenario_request *request, const char *role,
                          const char *content)
{
    if (request->prompt_tokens == 0)
        request->prompt_tokens = TOKENS_PER_REQUEST;
    request->prompt_tokens += TOKENS_PER_MESSAGE + scenario_tokens(content);
    if (strcmp(role, "user") == 0)
        request->prompt = content;
}

uint64_t scenario_hash(const char *text)
{
    uint64_t h = 0xcbf29ce484222325;

    for (; *text != '\0'; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001b3;
    return h;
}

/* The longest length up to size that splits no UTF-8 character of text. */
static size_t whole_characters(const char *text, size_t size)
{
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    return size;
}

/*
 * Copies the first words of text, as many as fit, one space between them and no
 * full stops at the end. The topic of "..." is empty.
 */
static void first_words(const char *text, char topic[TOPIC_SIZE])
{
    size_t used = 0;

    for (;;) {
        text += strspn(text, " \t\r\n");
        size_t word = strcspn(text, " \t\r\n");
        size_t room = TOPIC_SIZE - 1 - used - (used > 0);

        if (word > room && used == 0)
            word = whole_characters(text, room);
        else if (word > room)
            break;
        if (word == 0)
            break;
        if (used > 0)
            topic[used++] = ' ';
        memcpy(topic + used, text, word);
        used += word;
        text += word;
        if (used == TOPIC_SIZE - 1)
            break;
    }
    while (used > 0 && topic[used - 1] == '.')
        used--;
    topic[used] = '\0';
}

/* The text to summarize stands behind the instruction and its colon. */
static const char *document_in(const char *prompt)
{
    const char *colon = strchr(prompt, ':');

    return colon ? colon + 1 : prompt;
}

/* The n of "in n bullet points", as far as there is room; or 0. */
static int bullets_wanted(const char *prompt)
{
    const char *number = strstr(prompt, " bullet");
    int n = 0;

    if (!number)
        return 0;
    while (number > prompt && isdigit((unsigned char)number[-1]))
        number--;
    for (; isdigit((unsigned char)*number) && n < MAX_BULLETS; number++)
        n = 10 * n + (*number - '0');
    return n < MAX_BULLETS ? n : MAX_BULLETS;
}

static void summarize(const char *prompt, char *text, size_t size)
{
    uint64_t h = scenario_hash(prompt);
    int bullets = bullets_wanted(prompt);
    int count = bullets > 0 ? bullets : KINDS;
    char topic[TOPIC_SIZE];
    size_t used;

    first_words(document_in(prompt), topic);
    used = (size_t)snprintf(text, size, "%s%s: ", bullets > 0 ? "- " : "",
                            topic[0] != '\0' ? topic : "The document");
    for (int i = 0; i < count; i++) {
        int kind = i % KINDS;
        /* i / KINDS goes on to the next one: no finding comes twice. */
        size_t pick = ((h >> (16 * kind)) + (uint64_t)(i / KINDS)) % FINDINGS;
        const char *between = i == 0 ? "" : bullets > 0 ? "\n- " : "; ";

        used += (size_t)snprintf(text + used, size - used, "%s%s", between,
                                 findings[kind][pick]);
    }
}

static void decline(const char *prompt, char *text, size_t size)
{
    char topic[TOPIC_SIZE];

    first_words(prompt, topic);
    snprintf(text, size,
             "This is a pretended answer to \"%s\": no model has read it.",
             topic);
}

size_t scenario_token_start(const char *text, int i)
{
    size_t size = strlen(text), start = (size_t)i * BYTES_PER_TOKEN;

    return start < size ? whole_characters(text, start) : size;
}

static void write_text(const struct scenario_request *request,
                       struct scenario_reply *reply)
{
    const char *prompt = request->prompt ? request->prompt : "";
    const char summarize_verb[] = "Summarize";

    if (strncasecmp(prompt, summarize_verb, strlen(summarize_verb)) == 0)
        summarize(prompt, reply->text, sizeof reply->text);
    else
        decline(prompt, reply->text, sizeof reply->text);

    int tokens = scenario_tokens(reply->text);

    reply->cut = request->max_tokens > 0 && tokens > request->max_tokens;
    if (reply->cut) {
        reply->text[scenario_token_start(reply->text, request->max_tokens)] =
            '\0';
        tokens = scenario_tokens(reply->text);
    }
    reply->prompt_tokens = request->prompt_tokens;
    reply->completion_tokens = tokens;
}

void scenario_respond(const struct scenario *scenario,
                      const struct scenario_request *request,
                      struct scenario_reply *reply)
{
    const struct scenario_fault *fault = scenario_fault_of(scenario, request);

    write_text(request, reply);
    reply->fault = fault;
    reply->per_token = 0;
    if (scenario->tokens_per_second > 0)
        reply->per_token = 1 / scenario->tokens_per_second;
    reply->latency = scenario_latency_of(scenario, request) +
                     reply->completion_tokens * reply->per_token;
    if (fault && (fault->kind == SCENARIO_QUOTA ||
                  (fault->kind == SCENARIO_STATUS && fault->status < 500)))
        reply->latency = reply->per_token = 0;
}

const char *scenario_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {400, "The request is not right (a pretended fault)."},
        {401, "The API key is not right (a pretended fault)."},
        {403, "This key may not do that (a pretended fault)."},
        {404, "There is no such thing here (a pretended fault)."},
        {408, "The request took too long to arrive (a pretended fault)."},
        {409, "The request is in conflict with another (a pretended fault)."},
        {413, "The request is too large (a pretended fault)."},
        {422, "The request cannot be processed (a pretended fault)."},
        {429, "Too many requests: try again later (a pretended fault)."},
        {500, "The server had an error (a pretended fault)."},
        {502, "The server behind this one had an error (a pretended fault)."},
        {503, "The server is overloaded: try again later (a pretended "
              "fault)."},
        {504, "The server behind this one took too long (a pretended fault)."},
        {529, "The server is overloaded: try again later (a pretended "
              "fault)."},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].status == status)
            return texts[i].text;
    return status < 500 ? "The request was refused (a pretended fault)."
                        : "The server failed (a pretended fault).";
}

const struct scenario_model *scenario_models(size_t *n)
{
    *n = OPENAI_MODELS;
    return openai_models;
}

const struct scenario_model *scenario_anthropic_models(size_t *n)
{
    *n = ANTHROPIC_MODELS;
    return anthropic_models;
}

static const struct scenario_model *price_of(const char *model)
{
    for (size_t i = 0; i < OPENAI_MODELS; i++)
        if (strcmp(openai_models[i].name, model) == 0)
            return &openai_models[i];
    for (size_t i = 0; i < ANTHROPIC_MODELS; i++)
        if (strcmp(anthropic_models[i].name, model) == 0)
            return &anthropic_models[i];
    return &openai_models[0];
}

double scenario_cost(const char *model, int prompt_tokens,
                     int completion_tokens)
{
    const struct scenario_model *price = price_of(model);

    return prompt_tokens / 1000.0 * price->input +
           completion_tokens / 1000.0 * price->output;
}
