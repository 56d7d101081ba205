/*
 * llm.h - chats with a large language model.
 *
 * A client knows a provider, a model and a key. A chat is a job: what to ask,
 * and room for what comes back. llm_chat is a coroutine, so that many chats at
 * once are a gather:
 *
 *     struct llm_client *llm = llm_client_from_provider("openai", NULL);
 *     struct llm_message question = {"user", "What is a coroutine?"};
 *     struct llm_chat chat = {.client = llm, .temperature = 0.7,
 *                             .messages = &question, .n_messages = 1};
 *
 *     err = llm_chat(&chat);                         one, or
 *     err = async_gather_each(llm_chat, chats, n);   n at the same time
 *
 * A client belongs to one thread. It may serve several async_run, one after
 * another. The first one makes the program ignore SIGPIPE. An API key is never
 * part of any text that comes from here.
 *
 * [LLMClient.from_provider, client.chat; Part 3]
 */
#ifndef LLM_H
#define LLM_H

#include "async/async.h"
#include "llm/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Errors ------------------------------------------------------------ */

/* The codes, LLM_EBADREQUEST and the others, stand in error.h. */

/* What an error code means, in words; those of other modules, too. Once there
   was a client, async_strerror knows them as well. */
const char *llm_strerror(int err);

/*
 * Whether the same request may well succeed if it is sent again: after a
 * conflict, a rate limit, a server's or a connection's failure, a time-out. Not
 * after a cancellation: whoever asked the task to stop does not want a retry.
 */
bool llm_worth_retrying(int err);

/* What is known of a failed chat. */
struct llm_error {
    int status;          /* HTTP's; 0: no answer came */
    double retry_after;  /* seconds, if the server asked to wait; else 0 */
    char request_id[64]; /* the provider's, for its support */
    char type[64];       /* the provider's, such as "invalid_request_error" */
    char code[64];       /* OpenAI's, such as "context_length_exceeded" */
    char message[256];   /* in words; the provider's own, if it sent any */
};

/* ---- Limiting the rate ------------------------------------------------- */

/*
 * Lets so many requests, and so many tokens, a minute through: a token bucket
 * for each, on the runtime's clock. A client with one (options.limiter) waits
 * there by itself, before every attempt; several clients may share it. It needs
 * no other setup than these fields, {.requests_per_minute = 60}, and no
 * teardown, but outlives whoever uses it.
 *
 * A semaphore limits how many run at once; this, how many begin in a minute.
 * [aiolimiter.AsyncLimiter(60, 60)]
 */
struct llm_limiter {
    double requests_per_minute; /* in; 0: any number */
    double tokens_per_minute;   /* in; 0: any number */
    int burst; /* in: so many may go at once after a rest; 0: 1, and all are
                  evenly spaced */
    struct llm_private_limiter { /* the module's, leave it alone */
        struct async_semaphore turn;
        struct async_wait *napping; /* whose turn it is, or NULL */
        double requests_paid, tokens_paid;
        bool begun;
    } llm_private;
};

/*
 * Waits until a request of so many tokens may go. First come, first served.
 * Returns 0; ASYNC_ECANCELED, and nothing was used up; or -EINVAL if a field is
 * below 0. Clients call it themselves.
 * [await limiter.acquire()]
 */
int llm_limiter_acquire(struct llm_limiter *limiter, int tokens) ASYNC_SUSPENDS;

/* ---- The client -------------------------------------------------------- */

/* What a model costs, in dollars for 1,000 tokens. */
struct llm_price {
    const char *model;
    double input, output;
};

struct scenario;

/* For max_retries, where 0 is the usual number. */
#define LLM_NO_RETRIES (-1)

/* All zeroes, or NULL for the options, is a good choice. */
struct llm_options {
    const char *model; /* NULL: gpt-3.5-turbo, or claude-sonnet-4-5 */

    /* NULL: from the environment, as the provider's own clients do. */
    const char *api_key;      /* OPENAI_API_KEY or ANTHROPIC_API_KEY */
    const char *base_url;     /* OPENAI_BASE_URL or ANTHROPIC_BASE_URL, else the
                                 provider's; Anthropic's is without "/v1" */
    const char *organization; /* OPENAI_ORG_ID, else none */
    const char *project;      /* OPENAI_PROJECT_ID, else none */

    /* A file of certificates (PEM) that are trusted instead of the system's:
       for a server, or a proxy, of one's own. NULL: the system's. A server's
       certificate is always checked, and so is its name. */
    const char *ca_file;

    /* In seconds, on the runtime's clock (real ones in llm_chat_blocking).
       INFINITY: no limit. */
    double timeout;         /* for each attempt of a chat; 0: 600 */
    double connect_timeout; /* for the connection; 0: 5 */

    int max_retries; /* how often a chat is sent again; 0: 2 (LLM_NO_RETRIES) */
    uint64_t seed;   /* of the waits' random part; 0: another one each time */

    /* NULL: none. It is not copied. A chat counts with an estimate of its
       prompt's tokens and its max_tokens; once answered, with its real ones. */
    struct llm_limiter *limiter;

    /* Of "simulated": how it behaves (scenario.h). NULL: every chat takes half
       a second, and nothing goes wrong. */
    const struct scenario *scenario;

    /* Of models that have no price here yet, or another one now. There are
       gpt-4 and gpt-3.5-turbo (the chapter's), gpt-4o, gpt-4o-mini,
       claude-sonnet-4-5 and claude-haiku-4-5. */
    const struct llm_price *prices;
    size_t n_prices;
};

struct llm_client {
    const char *provider; /* such as "openai" */
    const char *model;
    long total_tokens; /* of all chats that succeeded */
    double total_cost; /* dollars */

    struct llm_client_private *llm_private; /* the module's, leave it alone */
};

/*
 * A client of a provider:
 *   "openai"     OpenAI, or anything else that speaks its protocol, at another
 *                base URL
 *   "anthropic"  Anthropic; here a chat without max_tokens gets 4,096, and the
 *                temperature goes from 0 to 1
 *   "simulated"  nobody: a scenario's answers, after an async_sleep, without
 *                network, key or cost; on the virtual clock at once, and the
 *                same every time
 * Everything in options but limiter is copied. NULL if that cannot be: then
 * errno says why, and async_errmsg(-errno) in words. It ends with
 * llm_client_free. [LLMClient.from_provider("openai", model="gpt-3.5-turbo");
 * The Story]
 */
struct llm_client *llm_client_from_provider(const char *provider,
                                            const struct llm_options *options);

/* Frees a client that no chat uses any more, or nothing if it is NULL. */
void llm_client_free(struct llm_client *client);

/* ---- Chats ------------------------------------------------------------- */

/* [ChatMessage; Part 3] */
struct llm_message {
    const char *role; /* "system", "user" or "assistant" */
    const char *content;
};

/* The model's own; models that reason take no other. */
#define LLM_DEFAULT_TEMPERATURE (-1.0)

struct llm_chat {
    struct llm_client *client;          /* in */
    const struct llm_message *messages; /* in: the conversation so far, UTF-8 */
    size_t n_messages;                  /* in */
    double temperature;                 /* in: 0 to 2; how free the model is */
    int max_tokens;                     /* in: of the answer; 0: no limit */
    const char *extra; /* in: what else the request holds, as a JSON object:
                          {"stop":["END"],"top_p":0.9}, say, or
                          {"response_format":{"type":"json_object"}}; takes the
                          place of a field above; or NULL [extra_body] */

    char *content;         /* out: the answer, to be freed after each chat */
    char model[64];        /* out: by the provider's name */
    const char *provider;  /* out: such as "openai" */
    int prompt_tokens;     /* out: tokens of the messages; 0 if not told */
    int completion_tokens; /* out: of the answer */
    int total_tokens;      /* out */
    double cost;           /* out: dollars */
    bool cut;              /* out: max_tokens ended the answer, not the model */
    char finish_reason[32]; /* out: the provider's word for what ended it, such
                               as "stop", "end_turn", "content_filter"; of
                               either, "refusal": content says why not */
    char request_id[64]; /* out: the provider's; of a failed chat see error */

    int attempts;           /* out, also on failure: how often it was sent */
    struct llm_error error; /* out, if it failed: the last attempt's */
};

/*
 * Asks the model, and waits for its answer. chat is a struct llm_chat. Returns
 * 0; one of the errors above; ASYNC_ECANCELED, the connection then being
 * closed; -EMFILE if no descriptor is left for a connection; -EINVAL or -EILSEQ
 * (not UTF-8) if the chat is not right; -ENOMEM. async_errmsg has the error's
 * text, chat->error more.
 *
 * A failed attempt is followed by another, up to options.max_retries times, if
 * the server says so (x-should-retry), else if llm_worth_retrying does. Before
 * the n-th it waits as long as the server asked for (Retry-After), if that is
 * up to 60 s, and at most a quarter more; else min(0.5 * 2^n, 8) seconds, n
 * counted from 0, less up to a quarter.
 * [await llm.chat(messages); Part 3. OpenAI(max_retries=2, timeout=600)]
 */
int llm_chat(void *chat) ASYNC_SUSPENDS;

/*
 * The same, but blocks the thread, as curl_easy_perform does: outside of tasks,
 * or to show what that costs.
 * [llm.chat(messages); The Story]
 */
int llm_chat_blocking(struct llm_chat *chat);

/* ---- Streams ----------------------------------------------------------- */

/*
 * An answer that is read while the model writes it. All zeroes until it is
 * opened:
 *
 *     err = llm_stream_open(&stream, &chat);
 *     while (!err && !(err = llm_stream_next(&stream, &text)) && text)
 *         fputs(text, stdout);
 *     llm_stream_close(&stream);
 */
struct llm_stream {
    struct llm_stream_private *llm_private; /* the module's, leave it alone */
};

/*
 * Asks the model, and waits until its answer begins. Retries and errors are
 * llm_chat's; once the answer has begun nothing is retried. options.timeout is
 * how long it may take to begin, and later how long each further piece may,
 * whatever else the server sends meanwhile; time between the calls does not
 * count. The chat is the caller's, and stays
 * until the stream is closed. If this fails there is nothing to close.
 * [stream = await client.chat.completions.create(stream=True)]
 */
int llm_stream_open(struct llm_stream *stream,
                    struct llm_chat *chat) ASYNC_SUSPENDS;

/*
 * Waits for the next piece of the answer: *text, UTF-8, the stream's until the
 * next call; NULL at the end. Then all of the chat's out fields are filled as
 * llm_chat does, content (to be freed) being all pieces together. What the
 * reader has not taken yet is kept, up to some 40 KiB; then the server waits.
 * Errors are llm_chat's, and the chat's error is filled. After ASYNC_ECANCELED
 * the stream may be read on, or closed. One task at a time: -EBUSY.
 * [async for chunk in stream]
 */
int llm_stream_next(struct llm_stream *stream,
                    const char **text) ASYNC_SUSPENDS;

/*
 * Ends the stream, wherever it is: in the middle its connection is closed.
 * Every stream that was opened is closed, before async_run returns. Nothing
 * happens if it is not open.
 * [await stream.close()]
 */
void llm_stream_close(struct llm_stream *stream);

/* ---- Tokens ------------------------------------------------------------ */

/*
 * How many tokens a text is for the client's model, or a negative errno value:
 * -EILSEQ (not UTF-8), -EINVAL, -ENOMEM. *exact says whether the number is the
 * model's own: for OpenAI's models it is, if `make vocab` has brought their
 * vocabularies, cl100k_base and o200k_base, into the folder vocab (or into that
 * which LLM_VOCAB names). Otherwise it is an estimate: a token for every four
 * bytes begun, about right for English. The marks of special tokens, such as
 * "<|endoftext|>", count as the text that they are. It does not suspend; the
 * first call reads the vocabulary, which takes some 30 ms. A chat has a few
 * tokens more than its texts.
 * [client.count_tokens(text), tiktoken: len(encoding.encode_ordinary(text))]
 */
long llm_count_tokens(const struct llm_client *client, const char *text,
                      bool *exact);

#endif
