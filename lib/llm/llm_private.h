/*
 * llm_private.h - what the files of the client share; nobody else includes it.
 *
 * A chat goes through three hands. llm.c checks it and keeps the totals;
 * the provider (openai.c) knows how a request and an answer are written in
 * JSON; http.c carries JSON to a server and back, whoever's it is.
 */
#ifndef LLM_PRIVATE_H
#define LLM_PRIVATE_H

#include "llm/llm.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>

/* ---- Providers --------------------------------------------------------- */

/* What tells one provider from another. */
struct llm_provider {
    const char *name;
    const char *model;    /* unless the options name another */
    const char *base_url; /* unless the options or the environment do */
    const char *path;     /* of chats, behind the base URL */
    const char *key_variable, *base_url_variable; /* in the environment */

    /* Adds what the server wants to know of the client to its headers. */
    int (*add_headers)(struct llm_client *client,
                       const struct llm_options *options, const char *key);

    /* The chat as JSON, to be freed with cJSON_free; NULL without memory. */
    char *(*write_request)(const struct llm_chat *chat);

    /* Fills the chat's out fields, but for provider and cost, from a reply with
       status 200. Returns an error code. */
    int (*read_answer)(struct llm_chat *chat, const cJSON *reply);

    /* Fills type and message of the chat's error from a reply with another
       status, as far as they are there. Returns the error code if the status
       alone does not tell it, else 0. */
    int (*read_error)(struct llm_chat *chat, const cJSON *reply);
};

extern const struct llm_provider llm_openai;

/* ---- http.c: the way to a server and back ------------------------------ */

struct llm_client_private {
    const struct llm_provider *provider;
    char *model, *key, *url;
    bool local;                 /* the server is on this machine */
    struct curl_slist *headers; /* of every request */
    double timeout, connect_timeout;
    struct llm_price price;

    /* Handles that no chat uses now. A used one costs less than a new one. */
    CURL **idle;
    size_t n_idle, room;
};

/* What came back. All zeroes, then llm_http_post, then llm_reply_free. */
struct llm_reply {
    int status;
    double retry_after;   /* seconds; 0 if the server did not say */
    char request_id[256]; /* as it came */
    char *body;           /* NULL if it is empty, else with a NUL behind it */
    size_t size, room;
    bool begun, too_large;
};

/*
 * Adds "name: value" to the headers of every request. source says where the
 * value comes from, for people: it must be printable and without blanks, and
 * may be secret. Returns an error code.
 */
int llm_http_add_header(struct llm_client *client, const char *name,
                        const char *value, const char *source);

/* Sets url from its two parts, base_url having come from source. */
int llm_http_set_url(struct llm_client *client, const char *base_url,
                     const char *path, const char *source);

/*
 * Sends the JSON and waits for the reply, as a task or blocking the thread.
 * Returns 0 if one came, whatever its status, or an error code.
 */
int llm_http_post(struct llm_client *client, const char *json, bool blocking,
                  struct llm_reply *reply);

void llm_reply_free(struct llm_reply *reply);

/* Frees what the functions above have put into a client. */
void llm_http_free(struct llm_client_private *private);

/* ---- text.c: text of unknown origin ------------------------------------ */

/* How many bytes the UTF-8 character at text has; 0 if it is not one. */
size_t llm_utf8_size(const char *text);

/* Where text ceases to be UTF-8; its end, a NUL, if it never does. */
const char *llm_utf8_end(const char *text);

/*
 * Copies what somebody else wrote so that it can be printed: control characters
 * become blanks, bytes that are not UTF-8 question marks, and secret (if not
 * NULL) becomes "***". What does not fit is cut off, with "..." instead.
 */
void llm_copy_text(char *to, size_t size, const char *text, const char *secret);

/* ---- error.c ----------------------------------------------------------- */

/* The error code of an HTTP status that is not 200. */
int llm_error_of_status(int status);

#endif
