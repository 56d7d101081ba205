/*
 * main.c - the mock server as a program: runs until Ctrl-C, then says what it
 * was asked. Whoever starts it from another program reads the first line.
 */
#include "mock_llm/mock_llm.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { EXIT_USAGE = 2, DEFAULT_PORT = 8080 };

static const char usage[] =
    "usage: mock_llm [--port=PORT] [--latency=SECONDS]\n"
    "\n"
    "Runs a web server on this machine that pretends to be OpenAI's.\n"
    "\n"
    "  --port=PORT        where it listens; 0: any free port (default: 8080)\n"
    "  --latency=SECONDS  how long each answer takes (default: 0.5)\n"
    "  --help             prints this\n";

static bool parse_port(const char *text, int *port)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < 0 ||
        value > 65535) {
        fprintf(stderr,
                "mock_llm: --port=%s: give a number from 1 to 65535, or 0 for "
                "any free port\n",
                text);
        return false;
    }
    *port = (int)value;
    return true;
}

static bool parse_latency(const char *text, struct scenario *scenario)
{
    char *end;

    scenario->latency = strtod(text, &end);
    if (end == text || *end != '\0' || scenario_problem(scenario)) {
        fprintf(stderr,
                "mock_llm: --latency=%s: give a number of seconds from 0 to "
                "%.0f, such as 0.5\n",
                text, SCENARIO_MAX_LATENCY);
        return false;
    }
    return true;
}

/* Returns -1 to go on, or the status to exit with. */
static int parse_options(int argc, char **argv,
                         struct mock_llm_options *options)
{
    static const struct option names[] = {
        {"port", required_argument, NULL, 'p'},
        {"latency", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "p:l:h", names, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        }
        if (option == 'p' && parse_port(optarg, &options->port))
            continue;
        if (option == 'l' && parse_latency(optarg, &options->scenario))
            continue;
        if (option == '?') /* getopt_long has said what is wrong */
            fputs("Try mock_llm --help.\n", stderr);
        return EXIT_USAGE;
    }
    if (optind < argc) {
        fprintf(stderr,
                "mock_llm: \"%s\" is not an option. Try mock_llm --help.\n",
                argv[optind]);
        return EXIT_USAGE;
    }
    return -1;
}

/* The usual limit, 1,024, would be fewer than the clients that may come. */
static void allow_many_connections(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void print_how_to_use(const char *base_url, double latency)
{
    int host = (int)(strlen(base_url) - strlen("/v1"));

    printf("The mock LLM server is at %s\n"
           "Each answer takes %g s. Ctrl-C stops it.\n"
           "\n"
           "Send a program there:\n"
           "  export OPENAI_BASE_URL=%s OPENAI_API_KEY=any\n"
           "Or ask by hand:\n"
           "  curl %s/chat/completions \\\n"
           "    -H 'Authorization: Bearer any' \\\n"
           "    -d '{\"model\":\"gpt-4\",\"messages\":[{\"role\":\"user\","
           "\"content\":\"Hello\"}]}'\n"
           "And see who asked:\n"
           "  curl %.*s/ledger\n",
           base_url, latency, base_url, base_url, host, base_url);
    fflush(stdout);
}

static void print_summary(struct mock_llm *server)
{
    struct mock_llm_ledger ledger;

    if (mock_llm_ledger_copy(server, &ledger) != 0) {
        fprintf(stderr, "mock_llm: no memory for the summary\n");
        return;
    }
    printf("\nRequests: %zu, answered: %zu, at most %d at once. "
           "Tokens: %ld + %ld, $%.4f.\n",
           ledger.n, ledger.answered, ledger.max_in_flight,
           ledger.prompt_tokens, ledger.completion_tokens, ledger.cost);
    mock_llm_ledger_free(&ledger);
}

int main(int argc, char **argv)
{
    struct mock_llm_options options = {.scenario.latency = 0.5,
                                       .port = DEFAULT_PORT};
    char error[MOCK_LLM_ERROR_SIZE];
    struct mock_llm *server;
    sigset_t stop;
    int status = parse_options(argc, argv, &options);
    int signal_number;

    if (status >= 0)
        return status;

    /* Blocked before the thread starts, so that only sigwait takes them. */
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop, NULL);

    allow_many_connections();
    server = mock_llm_start(&options, error);
    if (!server) {
        fprintf(stderr, "mock_llm: %s\n", error);
        if (options.port != 0)
            fputs("Try mock_llm --port=0, or make mock ARGS=--port=0.\n",
                  stderr);
        return EXIT_FAILURE;
    }
    print_how_to_use(mock_llm_base_url(server), options.scenario.latency);
    sigwait(&stop, &signal_number);
    print_summary(server);
    mock_llm_stop(server);
    return EXIT_SUCCESS;
}
