/*
 * http.c - what a chat costs: the client of lib/llm, and all below it.
 *
 *     BENCH_URL=http://127.0.0.1:8000/v1 build/bench/http CASE N PASSES
 *
 * prints one figure a line (http.h). `make bench-http` sets it beside others.
 */
#include "http.h"
#include "async/async.h"
#include "llm/llm.h"

/* The workers' common job. */
struct work {
    struct llm_client *client;
    long left; /* requests */
};

static int worker(void *job)
{
    struct work *work = job;
    struct llm_message question = {"user", HTTP_QUESTION};

    while (work->left > 0) {
        struct llm_chat chat = {.client = work->client,
                                .messages = &question,
                                .n_messages = 1,
                                .temperature = LLM_DEFAULT_TEMPERATURE};

        work->left--;
        int err = llm_chat(&chat);
        if (err)
            return err;
        free(chat.content);
    }
    return 0;
}

static struct llm_client *client;

static void pass(const struct http_bench *bench)
{
    struct work work = {client, bench->n};
    size_t n = (size_t)bench->in_flight;
    struct async_task *tasks = malloc(n * sizeof *tasks);

    bench_check(tasks != NULL, "no memory for the tasks");
    for (size_t i = 0; i < n; i++)
        async_spawn(&tasks[i], worker, &work);
    int err = async_gather(tasks, n);
    bench_check(err == 0, async_errmsg(err));
    free(tasks);
}

static int run(void *job)
{
    http_run(job, pass);
    return 0;
}

int main(int argc, char **argv)
{
    struct http_bench bench = http_parse(argc, argv);
    struct llm_options options = {.model = HTTP_MODEL,
                                  .base_url = bench.url,
                                  .api_key = "any",
                                  .connect_timeout = 60,
                                  .max_retries = LLM_NO_RETRIES};

    client = llm_client_from_provider("openai", &options);
    bench_check(client != NULL, "no client");
    int status = async_main(run, &bench);
    llm_client_free(client);
    return status;
}
