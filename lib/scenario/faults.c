/*
 * faults.c - what goes wrong with a request, and how long its reply takes.
 *
 * Each lot is a hash of the seed, the request and what is drawn: no state, so
 * that it does not matter who asks first, or how often.
 */
#include "scenario/scenario_private.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

/* What is drawn: the latency, or whether fault i (from 0) hits. */
enum { LOT_OF_LATENCY = -1 };

/* FNV-1a leaves neighbours alike in its high bits; this scatters them. */
static uint64_t scatter(uint64_t h)
{
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9;
    h = (h ^ (h >> 27)) * 0x94d049bb133111eb;
    return h ^ (h >> 31);
}

/* A number from 0 up to, but not including, 1. */
static double draw(const struct scenario *scenario,
                   const struct scenario_request *request, int lot)
{
    uint64_t h = scenario_hash(request->prompt ? request->prompt : "");

    h = scatter(h + scenario_hash(request->path ? request->path : ""));
    h = scatter(h + scenario->seed);
    h = scatter(h + (uint64_t)(request->attempt > 1 ? request->attempt : 1));
    h = scatter(h + (uint64_t)lot);
    return (double)(h >> 11) / 9007199254740992.0; /* 2 to the 53rd */
}

static bool word_goes_on(char left, char right)
{
    return isalnum((unsigned char)left) && isalnum((unsigned char)right);
}

/* Whether text holds these words, not parts of longer ones. */
static bool holds_words(const char *text, const char *words)
{
    size_t size = strlen(words);

    for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
        if ((at == text || !word_goes_on(at[-1], at[0])) &&
            !word_goes_on(at[size - 1], at[size]))
            return true;
    return false;
}

static bool matches(const char *match, const struct scenario_request *request)
{
    return match[0] == '\0' ||
           (request->path && strcmp(request->path, match) == 0) ||
           (request->prompt && holds_words(request->prompt, match));
}

static bool within(long first, long last, long number)
{
    return number >= first && (last == 0 || number <= last);
}

static bool hits(const struct scenario *scenario, int i,
                 const struct scenario_request *request)
{
    const struct scenario_fault *fault = &scenario->faults[i];
    int attempt = request->attempt > 1 ? request->attempt : 1;

    return matches(fault->match, request) &&
           within(fault->first_attempt, fault->last_attempt, attempt) &&
           within(fault->first_request, fault->last_request, request->number) &&
           draw(scenario, request, i) < fault->rate;
}

const struct scenario_fault *
scenario_fault_of(const struct scenario *scenario,
                  const struct scenario_request *request)
{
    for (int i = 0; i < SCENARIO_MAX_FAULTS; i++)
        if (scenario->faults[i].kind != SCENARIO_NO_FAULT &&
            hits(scenario, i, request))
            return &scenario->faults[i];
    return NULL;
}

double scenario_latency_of(const struct scenario *scenario,
                           const struct scenario_request *request)
{
    double span = scenario->max_latency - scenario->latency;

    return scenario->latency +
           (span > 0 ? span * draw(scenario, request, LOT_OF_LATENCY) : 0);
}
