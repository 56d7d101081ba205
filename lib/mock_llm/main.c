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
    "usage: mock_llm [OPTION]...\n"
    "\n"
    "Runs a web server on this machine that pretends to be OpenAI's, and\n"
    "Anthropic's: it answers as they do, or fails as they do.\n"
    "\n"
    "  --port=PORT             where it listens; 0: any free port (default: "
    "8080)\n"
    "  --latency=SECONDS       how long each answer takes (default: 0.5);\n"
    "                          0.2..0.8: anything between\n"
    "  --tokens-per-second=N   an answer takes so much longer; a stream's "
    "pace\n"
    "  --speed=N               the server's clock runs N times as fast\n"
    "  --seed=N                other latencies, other faults (default: 0)\n"
    "\n"
    "  --fault=FAULT           what goes wrong; may be given several times\n"
    "  --scenario=FILE         these settings from a file, a line for each:\n"
    "                          fault = 429 rate=0.1 retry-after=2\n"
    "\n"
    "  --max-in-flight=N       more requests than that at once get a 429,\n"
    "  --requests-per-minute=N and so do more than that in a minute,\n"
    "  --burst=N               of which so many may come at once,\n"
    "  --tokens-per-minute=N   or more tokens\n"
    "\n"
    "  --gate=N                holds replies until N requests wait for one,\n"
    "  --gate-one-by-one       lets one go, and holds until N wait again\n"
    "  --gate-patience=SECONDS opens for good if nobody comes for so long\n"
    "  --help                  prints this\n"
    "\n"
    "A FAULT is one of\n"
    "  400 ... 599             an error with this status; retry-after=2,\n"
    "                          retry-after-ms=1500 or retry-after-date=2 tell\n"
    "                          the client when to come back\n"
    "  quota                   the money is spent: an error for good\n"
    "  hang                    no answer ever comes\n"
    "  reset                   the connection is reset\n"
    "  truncate                half an answer, then the connection closes\n"
    "  malformed               half an answer, as if it were all\n"
    "  html                    a page of HTML\n"
    "  empty                   nothing, with status 200\n"
    "  drip seconds=5          the right answer, a little at a time\n"
    "and of whom it hits:\n"
    "  rate=0.1                one in ten\n"
    "  attempts=1              each request's first attempt; 1-2, or 2-\n"
    "  requests=5-8            the fifth to eighth request\n"
    "  match=\"Report 7\"        those with these words, or match=/posts/7\n"
    "  after-tokens=10         in a stream, after ten tokens\n";

/* Options that are settings of a scenario, by the same names. */
static const char *const settings[] = {
    "latency",       "tokens-per-second",   "seed",  "fault",
    "max-in-flight", "requests-per-minute", "burst", "tokens-per-minute",
};

enum { SETTINGS = sizeof settings / sizeof settings[0], MAX_FILE = 64 << 10 };

static bool parse_whole(const char *name, const char *text, int max,
                        const char *wanted, int *number)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (end > text && *end == '\0' && errno == 0 && value >= 0 &&
        value <= max) {
        *number = (int)value;
        return true;
    }
    fprintf(stderr, "mock_llm: --%s=%s: give %s\n", name, text, wanted);
    return false;
}

static bool parse_number(const char *name, const char *text, double min,
                         double max, const char *wanted, double *number)
{
    char *end;

    *number = strtod(text, &end);
    if (end > text && *end == '\0' && *number >= min && *number <= max)
        return true;
    fprintf(stderr, "mock_llm: --%s=%s: give %s\n", name, text, wanted);
    return false;
}

static bool parse_setting(const char *name, const char *value,
                          struct scenario *scenario)
{
    char error[SCENARIO_ERROR_SIZE];

    if (scenario_set(scenario, name, value, error))
        return true;
    fprintf(stderr, "mock_llm: --%s\n", error);
    return false;
}

static bool read_scenario(const char *path, struct scenario *scenario)
{
    static char text[MAX_FILE];
    char error[SCENARIO_ERROR_SIZE];
    FILE *file = fopen(path, "r");
    size_t size = file ? fread(text, 1, sizeof text, file) : 0;
    bool failed = !file || ferror(file);

    if (failed)
        fprintf(stderr, "mock_llm: --scenario=%s: %s\n", path, strerror(errno));
    if (file)
        fclose(file);
    if (failed)
        return false;
    if (size == sizeof text || memchr(text, '\0', size)) {
        fprintf(stderr,
                "mock_llm: --scenario=%s: this is no scenario: it has more "
                "than %d bytes, or is no text\n",
                path, MAX_FILE - 1);
        return false;
    }
    text[size] = '\0';
    if (scenario_read(scenario, text, error))
        return true;
    fprintf(stderr, "mock_llm: %s, %s\n", path, error);
    return false;
}

/* How getopt_long tells options from each other: a letter, or which setting. */
enum { FIRST_SETTING = 1000 };

static bool parse_option(int option, const char *value,
                         struct mock_llm_options *options)
{
    switch (option) {
    case 'p':
        return parse_whole("port", value, 65535,
                           "a number from 1 to 65535, or 0 for any free port",
                           &options->port);
    case 's':
        return read_scenario(value, &options->scenario);
    case 'g':
        return parse_whole("gate", value, 1000000, "a whole number, such as 10",
                           &options->gate);
    case 'o':
        options->gate_one_by_one = true;
        return true;
    case 't':
        return parse_number("gate-patience", value, 0, SCENARIO_MAX_LATENCY,
                            "a number of seconds, such as 2",
                            &options->gate_patience);
    case 'v':
        return parse_number("speed", value, 1e-6, 1e6,
                            "a number from 1e-6 to 1e6, such as 10",
                            &options->speed);
    case '?': /* getopt_long has said what is wrong */
        fputs("Try mock_llm --help.\n", stderr);
        return false;
    default:
        return parse_setting(settings[option - FIRST_SETTING], value,
                             &options->scenario);
    }
}

/* Returns -1 to go on, or the status to exit with. */
static int parse_options(int argc, char **argv,
                         struct mock_llm_options *options)
{
    struct option names[SETTINGS + 8] = {
        {"port", required_argument, NULL, 'p'},
        {"scenario", required_argument, NULL, 's'},
        {"gate", required_argument, NULL, 'g'},
        {"gate-one-by-one", no_argument, NULL, 'o'},
        {"gate-patience", required_argument, NULL, 't'},
        {"speed", required_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
    };
    int option;

    for (int i = 0; i < SETTINGS; i++)
        names[7 + i] = (struct option){settings[i], required_argument, NULL,
                                       FIRST_SETTING + i};
    while ((option = getopt_long(argc, argv, "h", names, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        }
        if (!parse_option(option, optarg, options))
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

static void print_latency(const struct scenario *scenario)
{
    if (scenario->max_latency > scenario->latency)
        printf("Each answer takes %g to %g s", scenario->latency,
               scenario->max_latency);
    else
        printf("Each answer takes %g s", scenario->latency);
    if (scenario->tokens_per_second > 0)
        printf(" and then gives %g tokens a second",
               scenario->tokens_per_second);
    printf(".\nCtrl-C stops the server.\n");
}

static void print_how_to_use(const struct mock_llm *server,
                             const struct scenario *scenario)
{
    const char *base = mock_llm_base_url(server);
    const char *root = mock_llm_root_url(server);

    printf("The mock LLM server is at %s\n", base);
    print_latency(scenario);
    printf("\n"
           "Send a program there:\n"
           "  export OPENAI_BASE_URL=%s OPENAI_API_KEY=any\n"
           "  export ANTHROPIC_BASE_URL=%s ANTHROPIC_API_KEY=any\n"
           "Or ask by hand:\n"
           "  curl %s/chat/completions \\\n"
           "    -H 'Authorization: Bearer any' \\\n"
           "    -d '{\"model\":\"gpt-4\",\"messages\":[{\"role\":\"user\","
           "\"content\":\"Hello\"}]}'\n"
           "  curl %s/posts/1\n"
           "And see who asked:\n"
           "  curl %s/ledger\n",
           base, root, base, root, root);
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
        if (strncmp(error, "port", strlen("port")) == 0)
            fputs("Try mock_llm --port=0, or make mock ARGS=--port=0.\n",
                  stderr);
        return EXIT_FAILURE;
    }
    print_how_to_use(server, &options.scenario);
    sigwait(&stop, &signal_number);
    print_summary(server);
    mock_llm_stop(server);
    return EXIT_SUCCESS;
}
