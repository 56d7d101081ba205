/*
 * openai.h - OpenAI's JSON: what a chat request must hold, and the shapes of
 * its answers and errors. Nothing here knows of HTTP beyond the status.
 *
 * Functions that return JSON return a string to be freed with cJSON_free, or
 * NULL without memory.
 */
#ifndef MOCK_LLM_OPENAI_H
#define MOCK_LLM_OPENAI_H

#include "scenario/scenario.h"

#include <cjson/cJSON.h>

/* Why a request was refused. type and code are static; "" is null in JSON. */
struct openai_error {
    int status; /* HTTP's */
    const char *type, *code;
    char param[64];
    char message[320];
};

/*
 * Fills in an error of the type "invalid_request_error". Returns false, for
 * functions that say whether a request is right.
 */
bool mock_llm_refuse(struct openai_error *error, int status, const char *code,
                     const char *param, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

char *mock_llm_error_json(const struct openai_error *error);

struct openai_chat {
    cJSON *json; /* owns what the others point to */
    const char *model;
    struct scenario_request request;
};

/*
 * Reads a chat request of size bytes with a NUL behind them. If it is not a
 * right one, false, and error says why. Either way it ends with
 * mock_llm_chat_free.
 */
bool mock_llm_chat_read(struct openai_chat *chat, const char *body, size_t size,
                        struct openai_error *error);
void mock_llm_chat_free(struct openai_chat *chat);

/* The answer to a chat request, with the request's number for its id. */
char *mock_llm_chat_answer(const struct openai_chat *chat, long number,
                           const struct scenario_reply *reply);

/* The models with prices. */
char *mock_llm_model_list(void);

#endif
