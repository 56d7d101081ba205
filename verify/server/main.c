/*
 * The judge's web server: the mock LLM, as a process of its own that only the
 * judge speaks to, and that tells it of each request as it comes and ends.
 *
 *     verify_server hold "fault=503 match=/posts/3" latency=0.1 ...
 *
 * Descriptor 3 is a socket to the judge, 4 one that listens: in a sandbox it
 * was made inside, and so the judged program finds this server, and nothing
 * else of it. With "hold" nobody is answered until the judge says so. On the
 * socket, texts being words as in words.h:
 *
 *     ready
 *     arrived NUMBER NS METHOD PATH MODEL MAX_TOKENS TEMPERATURE SYSTEM PROMPT
 *     ended NUMBER NS STATUS ANSWERED LEFT TOKENS COST
 *
 * NS are nanoseconds since the server's start, COST is billionths of a dollar;
 * LEFT is 1 if the client went before the end. The judge writes "release", for
 * the oldest that waits, and "open", for all.
 */
#include "../words.h"
#include "mock_llm/mock_llm.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <signal.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <unistd.h>

enum { JUDGE = CHANNEL, LISTENER = 4, TEXT_MAX = 999, HOLD_ALL = 1 << 30 };

/* The text, cut to what fits into a line, as a word: never NULL, freed by the
   caller. */
static char *cut_word(const char *text)
{
    char cut[TEXT_MAX + 1];

    if (text)
        snprintf(cut, sizeof cut, "%s", text);
    char *word = word_of(text ? cut : NULL);
    if (!word)
        abort();
    return word;
}

/* In one write, so that the lines of an instant stay in their order. */
static void tell(const char *line, int length)
{
    while (length > 0) {
        ssize_t n = write(JUDGE, line, (size_t)length);

        if (n < 0)
            _exit(0); /* the judge has gone */
        line += n;
        length -= (int)n;
    }
}

/* The content of the last message; NULL if there is none. */
static const char *prompt_in(const cJSON *body)
{
    const cJSON *messages = cJSON_GetObjectItem(body, "messages");
    const cJSON *last = cJSON_GetArrayItem(
        messages, messages ? cJSON_GetArraySize(messages) - 1 : 0);

    return cJSON_GetStringValue(cJSON_GetObjectItem(last, "content"));
}

/* That of the first one, if it is the system's; else NULL. */
static const char *system_in(const cJSON *body)
{
    const cJSON *first =
        cJSON_GetArrayItem(cJSON_GetObjectItem(body, "messages"), 0);
    const char *role = cJSON_GetStringValue(cJSON_GetObjectItem(first, "role"));

    return role && strcmp(role, "system") == 0
               ? cJSON_GetStringValue(cJSON_GetObjectItem(first, "content"))
               : NULL;
}

/* A number of the body, or -1. */
static double number_in(const cJSON *body, const char *name)
{
    const cJSON *item = cJSON_GetObjectItem(body, name);

    return cJSON_IsNumber(item) ? cJSON_GetNumberValue(item) : -1;
}

static void tell_arrival(long number, const struct mock_llm_request *request)
{
    char line[16 * 1024];
    cJSON *body = cJSON_ParseWithLength(request->body, request->body_size);
    char *path = cut_word(request->path);
    char *model =
        cut_word(cJSON_GetStringValue(cJSON_GetObjectItem(body, "model")));
    char *system = cut_word(system_in(body));
    char *prompt = cut_word(prompt_in(body));

    tell(line,
         snprintf(line, sizeof line, "arrived %ld %lld %s %s %s %g %g %s %s\n",
                  number, llround(request->arrival * 1e9), request->method,
                  path, model, number_in(body, "max_tokens"),
                  number_in(body, "temperature"), system, prompt));
    free(path);
    free(model);
    free(system);
    free(prompt);
    cJSON_Delete(body);
}

static void observe(void *observer, long number,
                    const struct mock_llm_request *request)
{
    char line[256];

    (void)observer;
    if (isinf(request->end)) {
        tell_arrival(number, request);
        return;
    }
    tell(line, snprintf(line, sizeof line, "ended %ld %lld %d %d %d %d %lld\n",
                        number, llround(request->end * 1e9), request->status,
                        request->answered, request->disconnected,
                        request->prompt_tokens + request->completion_tokens,
                        llround(request->cost * 1e9)));
}

static bool read_settings(char **settings, struct mock_llm_options *options)
{
    char error[SCENARIO_ERROR_SIZE];

    for (; *settings; settings++) {
        char *value = strchr(*settings, '=');

        if (strcmp(*settings, "hold") == 0) {
            options->gate = HOLD_ALL;
            continue;
        }
        if (value)
            *value++ = '\0';
        if (!value ||
            !scenario_set(&options->scenario, *settings, value, error)) {
            fprintf(stderr, "verify_server: %s\n",
                    value ? error : "no such setting");
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct mock_llm_options options = {
        .listener = LISTENER, .closed = true, .observe = observe};
    char error[MOCK_LLM_ERROR_SIZE], line[64];

    (void)argc;
#ifdef __linux__
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* where it runs as the same user */
#endif
    signal(SIGPIPE, SIG_IGN);
    signal(SIGQUIT, SIG_IGN); /* the judge asks the others what they are at */
    if (!read_settings(argv + 1, &options))
        return EXIT_FAILURE;
    struct mock_llm *server = mock_llm_start(&options, error);
    if (!server) {
        fprintf(stderr, "verify_server: %s\n", error);
        return EXIT_FAILURE;
    }
    tell("ready\n", 6);

    FILE *judge = fdopen(JUDGE, "r");
    while (judge && fgets(line, sizeof line, judge)) {
        if (strcmp(line, "release\n") == 0)
            mock_llm_let_go(server);
        else
            mock_llm_open_gate(server);
    }
    /* Not stopped: whatever it would still tell, nobody hears. */
    _exit(EXIT_SUCCESS);
}
