/*
 * network.c - small programs that use lib/async_curl and lib/llm, under faults.
 *
 * Each has a mock server in a thread of its own, which nothing befalls. It ends
 * either with all of its results, or with an error code.
 */
#include "inject_network.h"
#include "trial.h"

#include "../raw_server.h"
#include "async_curl/async_curl.h"
#include "llm/llm.h"
#include "mock_llm/mock_llm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Transfers --------------------------------------------------------- */

enum { TRANSFERS = 3 };

static const struct async_curl_limits limits = {.connect = 50, .total = 60};

struct transfer {
    char url[80]; /* in */
    size_t size;  /* out: of the body */
    long status;  /* out */
};

static size_t count_bytes(char *data, size_t one, size_t size, void *owner)
{
    struct transfer *transfer = owner;

    (void)data, (void)one;
    transfer->size += size;
    return size;
}

static CURL *new_handle(const char *url)
{
    CURL *easy = curl_easy_init();

    if (easy && curl_easy_setopt(easy, CURLOPT_URL, url)) {
        curl_easy_cleanup(easy);
        return NULL;
    }
    return easy;
}

static int perform(void *job)
{
    struct transfer *transfer = job;
    CURL *easy = new_handle(transfer->url);

    if (!easy)
        return -ENOMEM;
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, count_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    int err = async_curl_perform_within(easy, &limits);
    if (!err)
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &transfer->status);
    curl_easy_cleanup(easy);
    return err;
}

/* Reads the body in pieces, others running in between. */
static int perform_slowly(void *job)
{
    struct transfer *transfer = job;
    struct async_curl_stream stream = {0};
    CURL *easy = new_handle(transfer->url);
    char piece[8000];
    size_t n = 1;

    if (!easy)
        return -ENOMEM;
    int err = async_curl_open(&stream, easy, &limits);
    if (!err)
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &transfer->status);
    while (!err && n > 0) {
        err = async_curl_read(&stream, piece, sizeof piece, &n);
        transfer->size += n;
        if (!err && n > 0)
            err = async_sleep(0.001);
    }
    async_curl_close(&stream);
    curl_easy_cleanup(easy);
    return err;
}

static int perform_all(void *job)
{
    return async_gather_each(perform, (struct transfer *)job, TRANSFERS);
}

static int perform_all_slowly(void *job)
{
    return async_gather_each(perform_slowly, (struct transfer *)job, TRANSFERS);
}

/* Runs fn with an array of transfers from a server of its own. */
static int run_transfers(async_fn *fn)
{
    struct transfer transfers[TRANSFERS] = {{.size = 0}};
    const struct mock_llm_options options = {0};
    char error[MOCK_LLM_ERROR_SIZE];
    struct mock_llm *server = mock_llm_start(&options, error);

    if (!server)
        return trial_wrong("%s", error);
    for (int i = 0; i < TRANSFERS; i++)
        snprintf(transfers[i].url, sizeof transfers[i].url, "%s/posts/%d",
                 mock_llm_root_url(server), i + 1);
    int err = trial_async_run(fn, transfers);
    mock_llm_stop(server);
    for (int i = 0; i < TRANSFERS && !err; i++)
        if (transfers[i].status != 200 || transfers[i].size < 20)
            err = trial_wrong("transfer %d: status %ld, %zu bytes", i,
                              transfers[i].status, transfers[i].size);
    return err;
}

static int transfers(void)
{
    return run_transfers(perform_all);
}

static int streams(void)
{
    return run_transfers(perform_all_slowly);
}

/* Larger than what is kept for a reader: the transfer is paused meanwhile. */
static int paused(void)
{
    enum { LENGTH = 300000 };
    static char reply[LENGTH + 100];
    struct transfer transfer = {.size = 0};
    size_t head = (size_t)sprintf(
        reply, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LENGTH);

    memset(reply + head, 'x', LENGTH);
    struct raw_server *server =
        raw_server_start(reply, head + LENGTH, RAW_KEEP);
    snprintf(transfer.url, sizeof transfer.url, "%s", raw_server_url(server));
    int err = trial_async_run(perform_slowly, &transfer);
    raw_server_stop(server);
    if (!err && transfer.size != LENGTH)
        return trial_wrong("%zu bytes came", transfer.size);
    return err;
}

/* ---- Chats ------------------------------------------------------------- */

static const struct llm_message messages[] = {
    {"system", "Be brief."}, {"user", "Summarize this document."}};

enum { CHATS = 3 };

struct chats {
    struct llm_client *client;
    struct llm_chat chats[CHATS];
};

static int check_chat(const struct llm_chat *chat)
{
    if (!chat->content || !*chat->content || !chat->total_tokens)
        return trial_wrong("a chat without an answer");
    return 0;
}

static int chat_all(void *job)
{
    struct chats *chats = job;

    return async_gather_each(llm_chat, chats->chats, CHATS);
}

static int read_stream(void *job)
{
    struct llm_chat *chat = job;
    struct llm_stream stream = {0};
    const char *text = "";
    size_t length = 0;
    int err = llm_stream_open(&stream, chat);

    while (!err && text) {
        err = llm_stream_next(&stream, &text);
        length += !err && text ? strlen(text) : 0;
    }
    llm_stream_close(&stream);
    if (!err && (!chat->content || length != strlen(chat->content)))
        return trial_wrong("the stream's pieces are not the answer");
    return err;
}

static int read_streams(void *job)
{
    struct chats *chats = job;

    return async_gather_each(read_stream, chats->chats, CHATS);
}

static int chat_blocking(struct chats *chats)
{
    int err = 0;

    for (int i = 0; i < CHATS && !err; i++)
        err = llm_chat_blocking(&chats->chats[i]);
    return err;
}

/* fn runs the chats, in tasks; NULL: they block. */
static int run_chats(struct llm_client *client, async_fn *fn)
{
    struct chats chats = {.client = client};
    int err;

    for (int i = 0; i < CHATS; i++)
        chats.chats[i] = (struct llm_chat){.client = client,
                                           .messages = messages,
                                           .n_messages = 2,
                                           .extra = "{\"top_p\":0.9}",
                                           .temperature = 0.5,
                                           .max_tokens = 20 + i};
    err = fn ? trial_async_run(fn, &chats) : chat_blocking(&chats);
    for (int i = 0; i < CHATS; i++) {
        if (!err)
            err = check_chat(&chats.chats[i]);
        free(chats.chats[i].content);
    }
    return err;
}

static int with_client(const char *provider, const struct llm_options *options,
                       async_fn *fn)
{
    struct llm_client *client = llm_client_from_provider(provider, options);
    int err = client ? run_chats(client, fn) : -errno;

    llm_client_free(client);
    return err;
}

static int with_server(const char *provider, async_fn *fn)
{
    const struct mock_llm_options mock = {0};
    struct llm_options options = {.api_key = "a-key",
                                  .max_retries = LLM_NO_RETRIES};
    char error[MOCK_LLM_ERROR_SIZE];
    struct mock_llm *server = mock_llm_start(&mock, error);

    if (!server)
        return trial_wrong("%s", error);
    options.base_url = strcmp(provider, "openai") == 0
                           ? mock_llm_base_url(server)
                           : mock_llm_root_url(server);
    int err = with_client(provider, &options, fn);
    mock_llm_stop(server);
    return err;
}

static int openai(void)
{
    return with_server("openai", chat_all);
}

static int openai_stream(void)
{
    return with_server("openai", read_streams);
}

static int openai_blocking(void)
{
    return with_server("openai", NULL);
}

static int anthropic(void)
{
    return with_server("anthropic", chat_all);
}

static int anthropic_stream(void)
{
    return with_server("anthropic", read_streams);
}

/* Each chat fails once, and waits its turn at the limiter. */
static int simulated_by(async_fn *fn)
{
    struct llm_limiter limiter = {.requests_per_minute = 60};
    struct scenario scenario = {.latency = 0.5, .tokens_per_second = 100};
    struct llm_options options = {.scenario = &scenario, .limiter = &limiter};
    char error[SCENARIO_ERROR_SIZE];

    if (!scenario_set(&scenario, "fault", "503 attempts=1", error))
        return trial_wrong("%s", error);
    return with_client("simulated", &options, fn);
}

static int simulated(void)
{
    return simulated_by(chat_all);
}

static int simulated_stream(void)
{
    return simulated_by(read_streams);
}

int main(void)
{
    static const struct trial trials[] = {
        {"transfers", transfers, NULL},
        {"streams", streams, NULL},
        {"paused", paused, NULL},
        {"openai", openai, NULL},
        {"openai_stream", openai_stream, NULL},
        {"openai_blocking", openai_blocking, NULL},
        {"anthropic", anthropic, NULL},
        {"anthropic_stream", anthropic_stream, NULL},
        {"simulated", simulated, NULL},
        {"simulated_stream", simulated_stream, NULL},
    };

    setenv("ASYNC_CLOCK", "virtual", 1);
    setenv("no_proxy", "*", 1);
    fault_inside_libraries();
    return trial_all(trials, sizeof trials / sizeof trials[0]);
}
