/*
 * settings.c - scenarios as text: in files, and as options of programs.
 *
 * A setting is read into a copy of the scenario, which becomes the scenario
 * only if all of it was right.
 */
#include "scenario/scenario.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for the longest line of a file, and the longest value. */
#define LINE_SIZE 512

/* Always false, for functions that say whether a text is right. */
static bool fail(char error[SCENARIO_ERROR_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail(char error[SCENARIO_ERROR_SIZE], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error, SCENARIO_ERROR_SIZE, format, args);
    va_end(args);
    return false;
}

/* ---- Checking ---------------------------------------------------------- */

static bool from_to(double value, double min, double max)
{
    return value >= min && value <= max; /* not a number: neither */
}

static const char *fault_problem(const struct scenario_fault *fault)
{
    if ((int)fault->kind < 0 || fault->kind > SCENARIO_DRIP)
        return "a fault has a kind that does not exist";
    if (fault->kind == SCENARIO_STATUS && !from_to(fault->status, 400, 599))
        return "a fault's status must be from 400 to 599";
    if (!from_to(fault->rate, 0, 1))
        return "a fault's rate must be from 0 to 1";
    if (!from_to(fault->retry_after, 0, SCENARIO_MAX_LATENCY) ||
        !from_to(fault->seconds, 0, SCENARIO_MAX_LATENCY))
        return "a fault's retry_after and seconds must be from 0 to 86400";
    if (fault->first_attempt < 0 || fault->last_attempt < 0 ||
        fault->first_request < 0 || fault->last_request < 0 ||
        fault->after_tokens < 0)
        return "a fault's attempts, requests and tokens must be 0 or above";
    if (memchr(fault->match, '\0', sizeof fault->match) == NULL)
        return "a fault's match has no end";
    return NULL;
}

const char *scenario_problem(const struct scenario *scenario)
{
    const struct scenario_limits *limits = &scenario->limits;

    if (!from_to(scenario->latency, 0, SCENARIO_MAX_LATENCY))
        return "the latency must be a number of seconds from 0 to 86400";
    if (scenario->max_latency != 0 &&
        !from_to(scenario->max_latency, scenario->latency,
                 SCENARIO_MAX_LATENCY))
        return "max_latency must be 0, or from latency to 86400 seconds";
    if (scenario->tokens_per_second != 0 &&
        !from_to(scenario->tokens_per_second, 1e-3, 1e9))
        return "tokens_per_second must be 0, or from 0.001 to 1e9";
    if (limits->in_flight < 0 || limits->requests_per_minute < 0 ||
        limits->tokens_per_minute < 0 || limits->burst < 0)
        return "a limit must be 0 (none) or a whole number above";
    if (limits->burst > 0 && limits->requests_per_minute == 0)
        return "a burst is of requests_per_minute: set that, too";
    for (int i = 0; i < SCENARIO_MAX_FAULTS; i++) {
        const char *problem = fault_problem(&scenario->faults[i]);

        if (problem)
            return problem;
    }
    return NULL;
}

/* ---- Numbers ----------------------------------------------------------- */

/* The whole text is a number from min to max. */
static bool read_number(const char *text, double min, double max, double *value)
{
    char *end;

    *value = strtod(text, &end);
    return end > text && *end == '\0' && from_to(*value, min, max);
}

/* Reads a whole number from min to INT_MAX; *end is what follows it. */
static bool begins_with_whole(const char *text, long min, long *value,
                              char **end)
{
    errno = 0;
    *value = strtol(text, end, 10);
    return *end > text && errno == 0 && *value >= min && *value <= INT_MAX;
}

static bool read_whole(const char *text, long min, int *value)
{
    long number;
    char *end;

    if (!begins_with_whole(text, min, &number, &end) || *end != '\0')
        return false;
    *value = (int)number;
    return true;
}

/* "3", "3-5" or "3-": the first one and the last one, 0 for no end. */
static bool read_range(const char *text, long *first, long *last)
{
    char *end;

    if (!begins_with_whole(text, 1, first, &end))
        return false;
    *last = *first;
    if (*end == '\0')
        return true;
    *last = 0;
    return *end == '-' &&
           (end[1] == '\0' ||
            (begins_with_whole(end + 1, *first, last, &end) && *end == '\0'));
}

/* ---- A fault ----------------------------------------------------------- */

static bool read_rate(struct scenario_fault *fault, const char *value)
{
    return read_number(value, 0, 1, &fault->rate);
}

static bool read_match(struct scenario_fault *fault, const char *value)
{
    size_t size = strlen(value);

    if (size == 0 || size >= sizeof fault->match)
        return false;
    memcpy(fault->match, value, size + 1);
    return true;
}

static bool read_attempts(struct scenario_fault *fault, const char *value)
{
    long first, last;

    if (!read_range(value, &first, &last))
        return false;
    fault->first_attempt = (int)first;
    fault->last_attempt = (int)last;
    return true;
}

static bool read_requests(struct scenario_fault *fault, const char *value)
{
    return read_range(value, &fault->first_request, &fault->last_request);
}

static bool read_retry_after(struct scenario_fault *fault, const char *value)
{
    fault->spelling = SCENARIO_SECONDS;
    return read_number(value, 0, SCENARIO_MAX_LATENCY, &fault->retry_after);
}

static bool read_retry_after_date(struct scenario_fault *fault,
                                  const char *value)
{
    bool right = read_retry_after(fault, value);

    fault->spelling = SCENARIO_DATE;
    return right;
}

static bool read_retry_after_ms(struct scenario_fault *fault, const char *value)
{
    double ms;

    if (!read_number(value, 0, SCENARIO_MAX_LATENCY * 1000, &ms))
        return false;
    fault->spelling = SCENARIO_MILLISECONDS;
    fault->retry_after = ms / 1000;
    return true;
}

static bool read_seconds(struct scenario_fault *fault, const char *value)
{
    return read_number(value, 0, SCENARIO_MAX_LATENCY, &fault->seconds);
}

static bool read_after_tokens(struct scenario_fault *fault, const char *value)
{
    return read_whole(value, 0, &fault->after_tokens);
}

/* What can follow a fault's first word as "name=value". */
static const struct detail {
    const char *name;
    enum scenario_fault_kind only; /* with this kind; NO_FAULT: with any */
    bool (*read)(struct scenario_fault *fault, const char *value);
    const char *wanted;
} details[] = {
    {"rate", SCENARIO_NO_FAULT, read_rate, "a number from 0 to 1"},
    {"match", SCENARIO_NO_FAULT, read_match, "words of less than 64 bytes"},
    {"attempts", SCENARIO_NO_FAULT, read_attempts, "1, 1-2 or 2-"},
    {"requests", SCENARIO_NO_FAULT, read_requests, "5, 5-8 or 5-"},
    {"after-tokens", SCENARIO_NO_FAULT, read_after_tokens, "a whole number"},
    {"retry-after", SCENARIO_STATUS, read_retry_after, "seconds"},
    {"retry-after-ms", SCENARIO_STATUS, read_retry_after_ms, "milliseconds"},
    {"retry-after-date", SCENARIO_STATUS, read_retry_after_date, "seconds"},
    {"seconds", SCENARIO_DRIP, read_seconds, "seconds, up to a day"},
};

/* Splits "name=value" at its first '=' and reads it. */
static bool read_detail(struct scenario_fault *fault, char *word,
                        char error[SCENARIO_ERROR_SIZE])
{
    char *value = strchr(word, '=');

    if (!value)
        return fail(error, "\"%.40s\" is not of the form name=value", word);
    *value++ = '\0';
    for (size_t i = 0; i < sizeof details / sizeof details[0]; i++) {
        const struct detail *detail = &details[i];

        if (strcmp(word, detail->name) != 0)
            continue;
        if (detail->only != SCENARIO_NO_FAULT && detail->only != fault->kind)
            return fail(error, "%s goes with %s only", word,
                        detail->only == SCENARIO_DRIP ? "drip" : "a status");
        if (detail->read(fault, value))
            return true;
        return fail(error, "%s=%.40s is not right: give %s", word, value,
                    detail->wanted);
    }
    return fail(error,
                "a fault has no \"%.40s\": it has rate, match, attempts, "
                "requests, after-tokens, a status retry-after, retry-after-ms "
                "and retry-after-date, and drip has seconds",
                word);
}

/* But for statuses, which are their own names. */
static const char *const kinds[] = {
    [SCENARIO_QUOTA] = "quota",         [SCENARIO_HANG] = "hang",
    [SCENARIO_RESET] = "reset",         [SCENARIO_TRUNCATE] = "truncate",
    [SCENARIO_MALFORMED] = "malformed", [SCENARIO_WRONG_TYPE] = "html",
    [SCENARIO_EMPTY] = "empty",         [SCENARIO_DRIP] = "drip",
};

void scenario_fault_name(const struct scenario_fault *fault,
                         char name[SCENARIO_NAME_SIZE])
{
    if (fault->kind == SCENARIO_STATUS)
        snprintf(name, SCENARIO_NAME_SIZE, "%d", fault->status);
    else
        snprintf(name, SCENARIO_NAME_SIZE, "%s", kinds[fault->kind]);
}

static bool read_kind(struct scenario_fault *fault, const char *word,
                      char error[SCENARIO_ERROR_SIZE])
{
    for (int i = SCENARIO_QUOTA; i <= SCENARIO_DRIP; i++) {
        if (strcmp(word, kinds[i]) == 0) {
            fault->kind = (enum scenario_fault_kind)i;
            return true;
        }
    }
    fault->kind = SCENARIO_STATUS;
    if (read_whole(word, 400, &fault->status) && fault->status < 600)
        return true;
    return fail(error,
                "\"%.40s\" is no fault: begin with a status from 400 to 599, "
                "or with quota, hang, reset, truncate, malformed, html, empty "
                "or drip",
                word);
}

/*
 * Cuts the next word off *rest; NULL at its end. Blanks between double quotes
 * belong to the word, the quotes themselves do not.
 */
static char *next_word(char **rest)
{
    char *from = *rest + strspn(*rest, " \t"), *to = from, *word = from;
    bool quoted = false;

    if (*from == '\0')
        return NULL;
    for (; *from != '\0' && (quoted || (*from != ' ' && *from != '\t'));
         from++) {
        if (*from == '"')
            quoted = !quoted;
        else
            *to++ = *from;
    }
    *rest = *from == '\0' ? from : from + 1;
    *to = '\0';
    return word;
}

static bool set_fault(struct scenario *scenario, const char *value,
                      char error[SCENARIO_ERROR_SIZE])
{
    struct scenario_fault fault = {.rate = 1};
    char text[LINE_SIZE], *rest = text, *word;
    int i = 0;

    snprintf(text, sizeof text, "%s", value);
    word = next_word(&rest);
    if (!read_kind(&fault, word ? word : "", error))
        return false;
    while ((word = next_word(&rest)) != NULL)
        if (!read_detail(&fault, word, error))
            return false;
    if (fault.kind == SCENARIO_DRIP && fault.seconds == 0)
        return fail(error, "drip needs its seconds, such as drip seconds=5");
    while (i < SCENARIO_MAX_FAULTS &&
           scenario->faults[i].kind != SCENARIO_NO_FAULT)
        i++;
    if (i == SCENARIO_MAX_FAULTS)
        return fail(error, "there are %d faults already, and no room for more",
                    SCENARIO_MAX_FAULTS);
    scenario->faults[i] = fault;
    return true;
}

/* ---- Settings ---------------------------------------------------------- */

static bool set_latency(struct scenario *scenario, const char *value,
                        char error[SCENARIO_ERROR_SIZE])
{
    char from[LINE_SIZE], *to;

    snprintf(from, sizeof from, "%s", value);
    to = strstr(from, "..");
    if (to)
        *to = '\0';
    scenario->max_latency = 0;
    if (read_number(from, 0, SCENARIO_MAX_LATENCY, &scenario->latency) &&
        (!to || read_number(to + 2, scenario->latency, SCENARIO_MAX_LATENCY,
                            &scenario->max_latency)))
        return true;
    return fail(error,
                "give a number of seconds from 0 to %.0f, such as 0.5, or two "
                "with dots between, such as 0.2..0.8",
                SCENARIO_MAX_LATENCY);
}

static bool set_tokens_per_second(struct scenario *scenario, const char *value,
                                  char error[SCENARIO_ERROR_SIZE])
{
    return read_number(value, 1e-3, 1e9, &scenario->tokens_per_second) ||
           fail(error, "give a number above 0, such as 50");
}

static bool set_seed(struct scenario *scenario, const char *value,
                     char error[SCENARIO_ERROR_SIZE])
{
    char *end;

    errno = 0;
    scenario->seed = strtoull(value, &end, 10);
    return (*value >= '0' && *value <= '9' && *end == '\0' && errno == 0) ||
           fail(error, "give a whole number from 0 to 18446744073709551615");
}

static bool set_limit(int *limit, const char *value,
                      char error[SCENARIO_ERROR_SIZE])
{
    return read_whole(value, 0, limit) ||
           fail(error, "give a whole number, or 0 for no limit");
}

static bool set_max_in_flight(struct scenario *scenario, const char *value,
                              char error[SCENARIO_ERROR_SIZE])
{
    return set_limit(&scenario->limits.in_flight, value, error);
}

static bool set_requests(struct scenario *scenario, const char *value,
                         char error[SCENARIO_ERROR_SIZE])
{
    return set_limit(&scenario->limits.requests_per_minute, value, error);
}

static bool set_burst(struct scenario *scenario, const char *value,
                      char error[SCENARIO_ERROR_SIZE])
{
    return set_limit(&scenario->limits.burst, value, error);
}

static bool set_tokens(struct scenario *scenario, const char *value,
                       char error[SCENARIO_ERROR_SIZE])
{
    return set_limit(&scenario->limits.tokens_per_minute, value, error);
}

static const struct setting {
    const char *name;
    bool (*set)(struct scenario *scenario, const char *value,
                char error[SCENARIO_ERROR_SIZE]);
} settings[] = {
    {"latency", set_latency},
    {"tokens-per-second", set_tokens_per_second},
    {"seed", set_seed},
    {"fault", set_fault},
    {"max-in-flight", set_max_in_flight},
    {"requests-per-minute", set_requests},
    {"burst", set_burst},
    {"tokens-per-minute", set_tokens},
};

bool scenario_set(struct scenario *scenario, const char *name,
                  const char *value, char error[SCENARIO_ERROR_SIZE])
{
    struct scenario changed = *scenario;
    char why[SCENARIO_ERROR_SIZE];

    if (strlen(value) >= LINE_SIZE)
        return fail(error, "%.40s: the value is longer than %d bytes", name,
                    LINE_SIZE - 1);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (strcmp(name, settings[i].name) != 0)
            continue;
        if (!settings[i].set(&changed, value, why))
            return fail(error, "%s=%.60s: %.170s", name, value, why);
        *scenario = changed;
        return true;
    }
    return fail(error,
                "there is no setting \"%.40s\": there are latency, "
                "tokens-per-second, seed, fault, max-in-flight, "
                "requests-per-minute, burst and tokens-per-minute",
                name);
}

/* Cuts blanks off both ends of text. */
static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (end > text && strchr(" \t\r", end[-1]))
        *--end = '\0';
    return text + strspn(text, " \t");
}

static bool read_line(struct scenario *scenario, char *line,
                      char error[SCENARIO_ERROR_SIZE])
{
    char *value = strchr(line, '='), *name;

    if (!value)
        return fail(error, "write it as name = value, such as latency = 0.5");
    *value++ = '\0';
    name = trim(line);
    return scenario_set(scenario, name, trim(value), error);
}

bool scenario_read(struct scenario *scenario, const char *text,
                   char error[SCENARIO_ERROR_SIZE])
{
    for (int number = 1; *text != '\0'; number++) {
        size_t size = strcspn(text, "\n");
        char line[LINE_SIZE], why[SCENARIO_ERROR_SIZE], *begin;

        if (size >= sizeof line)
            return fail(error, "line %d is longer than %d bytes", number,
                        LINE_SIZE - 1);
        snprintf(line, sizeof line, "%.*s", (int)size, text);
        begin = trim(line);
        if (*begin != '\0' && *begin != '#' && !read_line(scenario, begin, why))
            return fail(error, "line %d: %.230s", number, why);
        text += size + (text[size] == '\n');
    }
    return true;
}
