/*
 * api.h - the providers' JSON: what a chat request must hold, and the shapes of
 * answers, streams and errors. Nothing here knows of sockets or time.
 *
 * openai.c and anthropic.c are the two providers, api.c is what they share.
 * Functions that return JSON return a string to be freed with cJSON_free, or
 * NULL without memory.
 */
#ifndef MOCK_LLM_API_H
#define MOCK_LLM_API_H

#include "scenario/scenario.h"

#include <cjson/cJSON.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

/* Why a request was refused, or failed. */
struct refusal {
    int status; /* HTTP's */
    /* OpenAI's; "" is null in JSON. Anthropic's type is in the status. */
    const char *type, *code;
    char param[64];
    char message[320];
    double retry_after; /* seconds to be told to wait; 0: none */
    enum scenario_spelling spelling;
    bool for_good; /* not worth a retry, although the status is */
};

/*
 * Fills in a refusal of the type "invalid_request_error". Returns false, for
 * functions that say whether a request is right.
 */
bool mock_llm_refuse(struct refusal *refusal, int status, const char *code,
                     const char *param, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Refuses a method, and names the one that is allowed in a reply's headers. */
bool mock_llm_refuse_method(struct refusal *refusal, struct evkeyvalq *headers,
                            const char *path, const char *method,
                            const char *allowed);

/* A chat: the request as it came, and the reply that it gets. */
struct chat {
    cJSON *json; /* the request; owns what the others point to */
    const char *model;
    bool stream;
    bool stream_usage; /* OpenAI's stream_options.include_usage */
    long number;       /* the request's, for the answer's id */
    double created;    /* seconds since 1970 */
    struct scenario_request request;
    struct scenario_reply reply;
};

/* A provider's protocol. */
struct api {
    const char *id_header; /* of the request's id */

    /* Whether the headers are right: a key, and what else there must be. */
    bool (*check_headers)(const struct evkeyvalq *headers,
                          struct refusal *refusal);
    /* Reads the chat's request from its json, an object. */
    bool (*read)(struct chat *chat, struct refusal *refusal);

    char *(*answer)(const struct chat *chat);
    /* id is the request's. */
    char *(*error)(const struct refusal *refusal, const char *id);
    char *(*models)(void);

    /*
     * Adds a part of an answer's stream to out: part 0 are the events before
     * the first token, part n those of token n (from 1), and the part behind
     * the last token's ends the stream. False without memory.
     */
    bool (*stream_part)(const struct chat *chat, int part,
                        struct evbuffer *out);
    /* Adds the event that tells of an error in the middle; error is its JSON,
       and is freed. */
    bool (*stream_error)(char *error, struct evbuffer *out);
    const char *bad_event; /* whose JSON ends in the middle */

    /* Adds what is left of the limits to a reply's headers. */
    void (*add_limits)(struct evkeyvalq *headers,
                       const struct scenario_limits *limits,
                       const struct scenario_meter *meter);
};

extern const struct api mock_llm_openai, mock_llm_anthropic;

/*
 * Reads a chat request of size bytes with a NUL behind them. If it is not a
 * right one, false, and the refusal says why.
 */
bool mock_llm_chat_read(const struct api *api, struct chat *chat,
                        const char *body, size_t size, struct refusal *refusal);

/* Frees a chat that came from calloc, or nothing if it is NULL. */
void mock_llm_chat_free(struct chat *chat);

/*
 * Adds what a refusal says of waiting to a reply's headers. now is in seconds
 * since 1970.
 */
void mock_llm_add_retry_after(struct evkeyvalq *headers,
                              const struct refusal *refusal, double now);

/* ---- What the two share (api.c) ---------------------------------------- */

/* The field, or NULL if it is absent or null: both take that as not set. */
cJSON *mock_llm_field(const cJSON *object, const char *name);

/* Reads a number into *value, which is left alone if the request has none. */
bool mock_llm_read_number(const struct chat *chat, const char *name, double min,
                          double max, double *value, struct refusal *refusal);
/* The same for a whole number from 1 on. */
bool mock_llm_read_count(const struct chat *chat, const char *name, int *value,
                         struct refusal *refusal);
bool mock_llm_read_stream(struct chat *chat, struct refusal *refusal);
bool mock_llm_read_model(struct chat *chat, struct refusal *refusal);

/*
 * Reads the messages, whose roles must be among roles (the last one is NULL),
 * and whose content is a string or an array of parts with text.
 */
bool mock_llm_read_messages(struct chat *chat, const char *const *roles,
                            struct refusal *refusal);

/*
 * The text of a content, which is the object's field with this name: the string
 * that it is, or its parts put together, then the object's from now on. NULL if
 * it is something else.
 */
const char *mock_llm_content(cJSON *object, const char *name);

/* Adds an object to an array; NULL without memory. */
cJSON *mock_llm_add_object(cJSON *array);

/* An empty value is null. */
bool mock_llm_add_string(cJSON *object, const char *name, const char *value);

/* Prints what was built, if all of it was, and frees it. */
char *mock_llm_print(cJSON *json, bool complete);

/* Whether the headers hold "Authorization: Bearer KEY". */
bool mock_llm_has_bearer(const struct evkeyvalq *headers);

/* Adds an event of this name (NULL: without one) to a stream, with json, if all
   of it was built, for its data; json is freed. False without memory. */
bool mock_llm_add_event(struct evbuffer *out, const char *name, cJSON *json,
                        bool complete);

/* Adds a header with formatted text. */
void mock_llm_add_header(struct evkeyvalq *headers, const char *name,
                         const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
