/*
 * llm_private.h - what the files of the client share; nobody else includes it,
 * but for tests that need no server.
 *
 * A chat goes through four hands. chat.c checks it, sends it again where that
 * helps (retry.c), and keeps the totals; the provider (openai.c) knows how a
 * request and an answer are written in JSON; http.c carries JSON to a server,
 * whoever's it is, and brings a reply back; reply.c reads that.
 */
#ifndef LLM_PRIVATE_H
#define LLM_PRIVATE_H

#include "async_curl/async_curl.h"
#include "llm/llm.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdint.h>

/* ---- Providers --------------------------------------------------------- */

struct llm_reply;
struct llm_source;
struct llm_sse;

/* What an event of a stream brings. */
struct llm_piece {
    cJSON *json;      /* the event's, in which text is; NULL if it has none */
    const char *text; /* NULL: none */
    bool stopped;     /* stays true: the model has said why it stops */
    bool last;        /* no event of interest follows */
};

/* What tells one provider from another. */
struct llm_provider {
    const char *name;
    const char *model;    /* unless the options name another */
    const char *base_url; /* unless the options or the environment do */
    const char *path;     /* of chats, behind the base URL */
    const char *key_variable, *base_url_variable; /* in the environment */
    double max_temperature;

    /* What a provider without a server needs, instead of what follows; or NULL.
       Returns an error code. */
    int (*set_up)(struct llm_client *client, const struct llm_options *options);

    /* Adds what the server wants to know of the client to its headers. */
    int (*add_headers)(struct llm_client *client,
                       const struct llm_options *options, const char *key);

    /* What its protocol wants of messages beyond what all want, or NULL. */
    int (*check_messages)(const struct llm_chat *chat);

    /* The chat as JSON, its answer in one piece or as a stream, to be freed
       with cJSON_free; NULL without memory. */
    char *(*write_request)(const struct llm_chat *chat, bool stream);

    /* Sends the chat and waits for the reply, as a task or blocking the thread.
       Returns 0 if one came, whatever its status, or an error code. */
    int (*send)(struct llm_chat *chat, bool blocking, struct llm_reply *reply);

    /* Fills content, model, tokens and cut, which are zeroed, from a reply with
       status 200. Returns an error code. */
    int (*read_answer)(struct llm_chat *chat, const cJSON *reply);

    /* Fills type and message of the chat's error from a reply with another
       status, as far as they are there. Returns the error code if the status
       alone does not tell it, else 0. */
    int (*read_error)(struct llm_chat *chat, const cJSON *reply);

    /*
     * A stream: open sends the chat and waits until the reply begins, read
     * waits for more bytes of its body (none: it has ended), until the source's
     * deadline, which open sets, too. An open source is closed once, by whoever
     * opened it. They return error codes.
     */
    int (*open)(struct llm_chat *chat, struct llm_reply *reply,
                struct llm_source *source);
    int (*read)(struct llm_chat *chat, struct llm_source *source, char *buffer,
                size_t size, size_t *n);
    void (*close)(struct llm_chat *chat, struct llm_source *source);

    /* Reads one event of a stream: a piece, or one of the chat's fields. */
    int (*read_event)(struct llm_chat *chat, const struct llm_sse *event,
                      struct llm_piece *piece);
};

extern const struct llm_provider llm_openai, llm_anthropic, llm_simulated;

struct llm_client_private {
    const struct llm_provider *provider;
    char *model, *key;
    char *ca_file; /* NULL: the system's */
    CURLU *url;
    CURLSH *share;                /* of all handles: host names, TLS sessions */
    bool local;                   /* the server is on this machine */
    struct curl_slist *headers;   /* of every request */
    struct async_event looked_up; /* the transfer that was looking has ended */
    bool looking;                 /* one looks the host up */
    bool known;                   /* it has been found */
    double known_since;           /* then; on the runtime's clock */
    double timeout, connect_timeout;
    int max_retries;
    uint64_t random; /* the state of the generator */
    struct llm_price price;
    struct llm_limiter *limiter;       /* or NULL */
    struct llm_simulation *simulation; /* or NULL */

    /* Handles that no chat uses now. A used one costs less than a new one. */
    CURL **idle;
    size_t n_idle, room;
};

/* ---- reply.c: what came back ------------------------------------------- */

/* Bytes. No answer of a model comes near it. */
enum { LLM_LARGEST_REPLY = 16 * 1024 * 1024 };

/* All zeroes, then filled by a provider's send, then llm_reply_free. */
struct llm_reply {
    bool begun;           /* a status has come */
    int status;           /* HTTP's */
    double retry_after;   /* seconds; 0 if the server did not say */
    int should_retry;     /* the server's word: 1 yes, -1 no, 0 none */
    char request_id[256]; /* as it came */
    char *body;           /* NULL if it is empty, else with a NUL behind it */
    size_t size, room;
    int err; /* why the body was not read to its end */
};

/* Notes what a header line says; it need not end in a NUL. */
void llm_reply_header(struct llm_reply *reply, const char *data, size_t size);

/* Adds to the body. LLM_EMALFORMED, without a text, if it gets too large. */
int llm_reply_add(struct llm_reply *reply, const char *data, size_t size);

/* Fills the chat's error with what the headers say, for better or worse. */
void llm_read_head(struct llm_chat *chat, const struct llm_reply *reply);

/* Then the rest: the answer's fields, or the error's. Returns the error code.
 */
int llm_read_body(struct llm_chat *chat, const struct llm_reply *reply);

/* Raises what LLM_EMALFORMED of llm_reply_add means. */
int llm_raise_too_large(void);

/* Raises err with the reason that stands in the chat's error. */
int llm_raise_refusal(struct llm_chat *chat, int err);

void llm_reply_free(struct llm_reply *reply);

/* ---- chat.c ------------------------------------------------------------ */

/* Sends a chat once; job is the caller's. Returns an error code. */
typedef int llm_attempt(struct llm_chat *chat, bool blocking,
                        struct llm_reply *reply, void *job);

/* Clears the chat's out fields, and checks the others. */
int llm_begin(struct llm_chat *chat);

/* Attempts until one succeeds or no other is worth it. reply is the last one's,
   to be freed. */
int llm_persist(struct llm_chat *chat, bool blocking, llm_attempt *attempt,
                struct llm_reply *reply, void *job);

/* Adds the chat up, or completes its error. Returns err. */
int llm_conclude(struct llm_chat *chat, int err);

/* ---- openai.c: its format, for others who speak it --------------------- */

char *llm_openai_write_request(const struct llm_chat *chat, bool stream);
int llm_openai_read_answer(struct llm_chat *chat, const cJSON *reply);
int llm_openai_read_error(struct llm_chat *chat, const cJSON *reply);
int llm_openai_read_event(struct llm_chat *chat, const struct llm_sse *event,
                          struct llm_piece *piece);

/* ---- simulated.c ------------------------------------------------------- */

void llm_simulation_free(struct llm_simulation *simulation);

/* ---- retry.c ----------------------------------------------------------- */

/* Whether an attempt that ended so is worth another one. */
bool llm_should_retry(int err, const struct llm_reply *reply);

/*
 * Seconds to wait before the n-th retry, counted from 0; retry_after is what
 * the server asked for, or 0.
 */
double llm_retry_wait(int n, double retry_after, uint64_t *random);

/* ---- limiter.c --------------------------------------------------------- */

/* llm_limiter_acquire for those who block the thread. */
int llm_limiter_block(struct llm_limiter *limiter, int tokens);

/* A request took so many tokens more than it was let through with, or fewer. */
void llm_limiter_correct(struct llm_limiter *limiter, int tokens);

/* ---- http.c: the way to a server and back ------------------------------ */

/*
 * Adds "name: value" to the headers of every request. source says where the
 * value comes from, for people: it must be printable and without blanks, and
 * may be secret. Returns an error code.
 */
int llm_http_add_header(struct llm_client *client, const char *name,
                        const char *value, const char *source);

/* Trusts these certificates only; NULL: the system's. */
int llm_http_set_ca_file(struct llm_client *client, const char *path);

/* Sets url from its two parts, base_url having come from source. */
int llm_http_set_url(struct llm_client *client, const char *base_url,
                     const char *path, const char *source);

/* Where the bytes of a stream come from. */
struct llm_source {
    char *json; /* the request's */
    CURL *easy;
    struct async_curl_stream curl;
    struct llm_reply *reply;
    size_t bytes;    /* that have come */
    double deadline; /* of what is being read; on the runtime's clock */

    struct llm_simulated *simulated; /* instead of all that */
};

/* struct llm_provider's functions, over HTTP. */
int llm_http_send(struct llm_chat *chat, bool blocking,
                  struct llm_reply *reply);
int llm_http_open(struct llm_chat *chat, struct llm_reply *reply,
                  struct llm_source *source);
int llm_http_read(struct llm_chat *chat, struct llm_source *source,
                  char *buffer, size_t size, size_t *n);
void llm_http_close(struct llm_chat *chat, struct llm_source *source);

/* Frees what the functions above have put into a client. */
void llm_http_free(struct llm_client_private *private);

/* ---- json.c ------------------------------------------------------------ */

/*
 * The text as JSON, *json to be freed; or an error code, *json being NULL. what
 * names the text in the error. Strings hold no NUL.
 */
int llm_json_parse(const char *what, const char *text, size_t size,
                   cJSON **json);

/* NULL if it is not there; the string also if it is something else. */
const cJSON *llm_json_member(const cJSON *object, const char *name);
const char *llm_json_string(const cJSON *object, const char *name);

/* A number of tokens; *tokens stays as it is if there is none. Returns an error
   code for what is no such number. */
int llm_json_tokens(const cJSON *usage, const char *name, int *tokens);

/* Adds {role, content}; false without memory. */
bool llm_json_add_message(cJSON *messages, const struct llm_message *message);

/* The same with the chat's temperature, unless it is the model's own. */
bool llm_json_add_temperature(cJSON *request, const struct llm_chat *chat);

/* Adds the chat's extra, or puts it in the place of what is there. */
bool llm_json_add_extra(cJSON *request, const struct llm_chat *chat);

/* Fill the chat's fields, or leave them alone if nothing is there. cut is the
   reason that means max_tokens. */
void llm_read_model(struct llm_chat *chat, const cJSON *reply);
void llm_read_finish(struct llm_chat *chat, const char *reason,
                     const char *cut);
void llm_read_error_texts(struct llm_chat *chat, const cJSON *reply);

/* Adds to the chat's content what must be UTF-8. Returns an error code. */
int llm_add_content(struct llm_chat *chat, const char *text);

/* ---- sse.c: server-sent events ----------------------------------------- */

struct llm_buffer {
    char *text; /* ends in a NUL; NULL if nothing was ever in it */
    size_t size, room;
};

/* Start with zeroes; ends with llm_sse_free. */
struct llm_sse {
    bool complete;          /* the last byte completed an event: */
    char event[64];         /* its name, "" if it has none */
    struct llm_buffer data; /* NUL-free text, its lines joined by '\n' */

    struct llm_buffer line; /* as far as it has come */
    bool has_data, after_cr, begun;
};

/* The next byte. Returns an error code: LLM_EMALFORMED, -ENOMEM. */
int llm_sse_take(struct llm_sse *sse, char byte);

void llm_sse_free(struct llm_sse *sse);

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

/* The same for a type or code that a provider writes in an error, where there
   is no status: in a stream. */
int llm_error_of_type(const char *type);

#endif
