/*
 * protocol.h - the providers' JSON: what a chat request must hold, and the
 * shapes of answers, streams and errors. Nothing here knows of sockets or time.
 *
 * openai.c and anthropic.c are the two protocols, protocol.c is what they
 * share. Functions that return JSON return a string to be freed with
 * cJSON_free, or NULL without memory.
 */
#ifndef SCENARIO_PROTOCOL_H
#define SCENARIO_PROTOCOL_H

#include "scenario/scenario.h"

#include <cjson/cJSON.h>

/* Why a request was refused, or failed. */
struct scenario_refusal {
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
bool scenario_refuse(struct scenario_refusal *refusal, int status,
                     const char *code, const char *param, const char *format,
                     ...) __attribute__((format(printf, 5, 6)));

/* A reply's headers, but for its type and its length. */
struct scenario_headers {
    struct {
        char name[48], value[64];
    } list[12];
    int n;
};

/* Adds a header with formatted text. */
void scenario_add_header(struct scenario_headers *headers, const char *name,
                         const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A chat: the request as it came, and the reply that it gets. */
struct scenario_chat {
    cJSON *json; /* the request; owns what the others point to */
    const char *model;
    bool stream;
    bool stream_usage; /* OpenAI's stream_options.include_usage */
    long number;       /* the request's, for the answer's id */
    long created;      /* seconds since 1970 */
    struct scenario_request request;
    struct scenario_reply reply;
};

/* A provider's protocol. */
struct scenario_protocol {
    const char *id_header; /* of the request's id */

    /* Reads the chat's request from its json, an object. */
    bool (*read)(struct scenario_chat *chat, struct scenario_refusal *refusal);

    char *(*answer)(const struct scenario_chat *chat);
    /* id is the request's. */
    char *(*error)(const struct scenario_refusal *refusal, const char *id);
    char *(*models)(void);

    /*
     * A part of an answer's stream: part 0 are the events before the first
     * token, part n those of token n (from 1), and the part behind the last
     * token's ends the stream.
     */
    char *(*stream_part)(const struct scenario_chat *chat, int part);
    const char *error_event; /* the name of the event that tells of an error in
                                the middle; NULL: it has none */
    const char *bad_event;   /* whose JSON ends in the middle */

    /* Adds what is left of the limits to a reply's headers. now is in seconds
       since 1970. */
    void (*add_limits)(struct scenario_headers *headers,
                       const struct scenario_limits *limits,
                       const struct scenario_meter *meter, double now);
};

extern const struct scenario_protocol scenario_openai, scenario_anthropic;

/*
 * Reads a chat request of size bytes with a NUL behind them. If it is not a
 * right one, false, and the refusal says why.
 */
bool scenario_chat_read(const struct scenario_protocol *protocol,
                        struct scenario_chat *chat, const char *body,
                        size_t size, struct scenario_refusal *refusal);

/* Frees a chat that came from calloc, or nothing if it is NULL. */
void scenario_chat_free(struct scenario_chat *chat);

/*
 * Adds what a refusal says of waiting to a reply's headers. now is in seconds
 * since 1970.
 */
void scenario_add_retry_after(struct scenario_headers *headers,
                              const struct scenario_refusal *refusal,
                              double now);

/* ---- What the two share (protocol.c) ----------------------------------- */

/* The field, or NULL if it is absent or null: both take that as not set. */
cJSON *scenario_field(const cJSON *object, const char *name);

/* Reads a number into *value, which is left alone if the request has none. */
bool scenario_read_number(const struct scenario_chat *chat, const char *name,
                          double min, double max, double *value,
                          struct scenario_refusal *refusal);
/* The same for a whole number from 1 on. */
bool scenario_read_count(const struct scenario_chat *chat, const char *name,
                         int *value, struct scenario_refusal *refusal);
bool scenario_read_stream(struct scenario_chat *chat,
                          struct scenario_refusal *refusal);
bool scenario_read_model(struct scenario_chat *chat,
                         struct scenario_refusal *refusal);

/*
 * Reads the messages, whose roles must be among roles (the last one is NULL),
 * and whose content is a string or an array of parts with text.
 */
bool scenario_read_messages(struct scenario_chat *chat,
                            const char *const *roles,
                            struct scenario_refusal *refusal);

/*
 * The text of a content, which is the object's field with this name: the string
 * that it is, or its parts put together, then the object's from now on. NULL if
 * it is something else.
 */
const char *scenario_content(cJSON *object, const char *name);

/* Adds an object to an array; NULL without memory. */
cJSON *scenario_add_object(cJSON *array);

/*
 * Adds a whole number. cJSON would print it as a double, and read it back to
 * see whether it is the same: for an answer's five, a tenth of all that the
 * server does for a request.
 */
bool scenario_add_integer(cJSON *object, const char *name, long number);

/* An empty value is null. */
bool scenario_add_string(cJSON *object, const char *name, const char *value);

/* Prints what was built, if all of it was, and frees it. */
char *scenario_print(cJSON *json, bool complete);

/*
 * An event of a stream, with this name (NULL: without one), whose data is json,
 * if all of it was built. json is freed.
 */
char *scenario_event(const char *name, cJSON *json, bool complete);

/* The same of a text of JSON, which is freed; NULL if that is NULL. */
char *scenario_event_of_text(const char *name, char *json);

/* A copy, for cJSON_free. */
char *scenario_copy(const char *text, size_t size);

/* Both texts one after the other; both are freed. NULL if one of them is. */
char *scenario_join(char *left, char *right);

#endif
