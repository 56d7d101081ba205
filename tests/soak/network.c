/*
 * network.c - random chats with a server that misbehaves, for as long as one
 * likes.
 *
 * A round has a mock server, a client and a loop of its own: chats, whole and
 * as streams, some of which are cancelled, or run out of time, or are closed in
 * the middle. After each round
 * every chat has ended in an answer or in an error that a client can have, no
 * descriptor is left open, and after the first rounds, the warm-up, no more
 * memory is in use. All of that is counted, nothing is timed.
 *
 * network ROUNDS|SECONDSs [SEED]: 1000 rounds, or 600s.
 */
#include "llm/llm.h"
#include "mock_llm/mock_llm.h"

#include <dirent.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHATS = 200, WARM_UP = 20 /* rounds */, SPARE_BYTES = 256 << 10 };

static uint64_t seed;

static struct {
    uint64_t rounds, answers, failures, cancelled, closed;
} total;

static int any_below(int n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int)(seed % (uint64_t)n);
}

static void must(bool is_so, const char *what)
{
    if (is_so)
        return;
    fprintf(stderr, "soak: in round %" PRIu64 ": %s\n", total.rounds, what);
    abort();
}

/* ---- What a task does -------------------------------------------------- */

struct talk {
    struct llm_client *client; /* in */
    int number;                /* in: of the round */
};

/* Reads some of the answer, or all of it. */
static int ask_for_stream(struct llm_chat *chat)
{
    struct llm_stream stream = {0};
    const char *text = "";
    int pieces = any_below(40);
    int err = llm_stream_open(&stream, chat);

    while (!err && text && pieces-- > 0)
        err = llm_stream_next(&stream, &text);
    total.closed += !err && text;
    llm_stream_close(&stream);
    return err;
}

static int talk(void *job)
{
    struct talk *self = job;
    char prompt[64];
    struct llm_message message = {"user", prompt};
    struct llm_chat chat = {.client = self->client,
                            .messages = &message,
                            .n_messages = 1,
                            .max_tokens = 50};

    snprintf(prompt, sizeof prompt, "Question %d of round %" PRIu64 "?",
             self->number, total.rounds);
    int err = any_below(3) ? llm_chat(&chat) : ask_for_stream(&chat);
    must(err == 0 || err == ASYNC_ECANCELED || err == LLM_ESERVER ||
             err == LLM_ERATELIMIT || err == LLM_ECONNECTION ||
             err == LLM_ETIMEDOUT || err == LLM_EMALFORMED,
         llm_strerror(err));
    must(err != 0 || chat.content || total.closed, "an answer without text");
    free(chat.content);
    total.answers += err == 0;
    total.cancelled += err == ASYNC_ECANCELED;
    total.failures += err != 0 && err != ASYNC_ECANCELED;
    return err;
}

/* ---- Rounds ------------------------------------------------------------ */

static int everybody_talks(void *job)
{
    static struct async_task tasks[CHATS];
    static struct talk talks[CHATS];
    int err = 0;

    for (int i = 0; i < CHATS; i++) {
        talks[i] = (struct talk){job, i};
        async_spawn(&tasks[i], talk, &talks[i]);
    }
    for (int i = any_below(20); !err && i > 0; i--) {
        err = async_sleep(any_below(10) / 1000.0);
        async_cancel(&tasks[any_below(CHATS)]);
    }
    if (!err && any_below(3))
        err = async_gather_all(tasks, CHATS);
    async_reap(tasks, CHATS);
    return err;
}

static struct mock_llm *start_server(void)
{
    static const char settings[] = "latency = 0..0.02\n"
                                   "tokens-per-second = 2000\n"
                                   "fault = 500 rate=0.05\n"
                                   "fault = 429 rate=0.05 retry-after-ms=5\n"
                                   "fault = hang rate=0.02\n"
                                   "fault = reset rate=0.05 after-tokens=3\n"
                                   "fault = truncate rate=0.05\n"
                                   "fault = malformed rate=0.05\n"
                                   "fault = html rate=0.02\n"
                                   "fault = empty rate=0.02\n"
                                   "fault = drip rate=0.02 seconds=1\n";
    struct mock_llm_options options = {0};
    char error[MOCK_LLM_ERROR_SIZE];

    if (!scenario_read(&options.scenario, settings, error)) {
        fprintf(stderr, "soak: %s\n", error);
        abort();
    }
    options.scenario.seed = (uint64_t)any_below(1 << 30);
    struct mock_llm *server = mock_llm_start(&options, error);
    must(server != NULL, error);
    return server;
}

static void one_round(void)
{
    struct mock_llm *server = start_server();
    bool anthropic = any_below(2);
    struct llm_options options = {.api_key = "any",
                                  .base_url = anthropic
                                                  ? mock_llm_root_url(server)
                                                  : mock_llm_base_url(server),
                                  .timeout = 0.3,
                                  .seed = (uint64_t)any_below(1 << 30) + 1};
    struct llm_client *client =
        llm_client_from_provider(anthropic ? "anthropic" : "openai", &options);

    must(client != NULL, "no client");
    int err = async_run(everybody_talks, client);
    must(err == 0, async_errmsg(err));
    llm_client_free(client);
    mock_llm_stop(server);
    total.rounds++;
}

static int open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int n = 0;

    must(folder != NULL, "no /proc/self/fd");
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

/* malloc's, of all threads; a sanitizer's are its own affair. */
static size_t bytes_in_use(void)
{
    return mallinfo2().uordblks;
}

static long pages_in_memory(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file && fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages;
}

int main(int argc, char **argv)
{
    char *end = "";
    unsigned long long length = argc > 1 ? strtoull(argv[1], &end, 10) : 1000;
    bool timed = *end == 's';
    time_t begin = time(NULL);
    int descriptors = open_descriptors();
    size_t bytes = 0;
    long pages = 0;

    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)begin;
    if (argc > 3 || !length || !seed || (*end && !timed)) {
        fputs("usage: network ROUNDS|SECONDSs [SEED], as in network 600s 1\n",
              stderr);
        return 2;
    }
    printf("seed %" PRIu64 "\n", seed);
    fflush(stdout);
    while (timed ? time(NULL) < begin + (time_t)length
                 : total.rounds < length) {
        one_round();
        must(open_descriptors() == descriptors, "a descriptor is left open");
        if (total.rounds == WARM_UP) {
            bytes = bytes_in_use();
            pages = pages_in_memory();
        }
        must(!bytes || bytes_in_use() <= bytes + SPARE_BYTES, "the heap grows");
    }
    printf("%" PRIu64 " rounds: %" PRIu64 " answers, %" PRIu64 " failures, "
           "%" PRIu64 " cancelled; %" PRIu64 " streams closed early\n"
           "in memory: %ld KiB after %d rounds, %ld KiB now; "
           "%zu and %zu bytes of malloc's\n",
           total.rounds, total.answers, total.failures, total.cancelled,
           total.closed, pages * 4, WARM_UP, pages_in_memory() * 4, bytes,
           bytes_in_use());
    return 0;
}
