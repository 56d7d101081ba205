/*
 * traffic.c - what is asked of the requests that a web server saw, and which
 * mistake it looks like if the answer is no.
 *
 * Times are real ones here. A busy machine makes them longer, and so each is
 * compared with a least one, and none with a longest.
 */
#include "traffic.h"
#include "exam.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Scenarios --------------------------------------------------------- */

struct scenario *web_scenario(struct exam *exam, size_t n,
                              const struct items *items)
{
    struct scenario *scenario = scenario_new(exam, n);

    scenario->web.wanted = true;
    scenario->web.items = items;
    return scenario;
}

void give_settings(struct scenario *scenario, const struct settings *settings)
{
    scenario_number(scenario, "max_concurrent", settings->max_concurrent);
    scenario_number(scenario, "max_retries", settings->max_retries);
    scenario_seconds(scenario, "timeout", settings->timeout);
    scenario_seconds(scenario, "base_delay", settings->base_delay);
}

void give_batch(struct scenario *scenario, size_t n)
{
    scenario_number(scenario, "batch", (long)n);
}

void give_key(struct exam *exam, struct scenario *scenario)
{
    char *key = scenario->web.key;

    snprintf(key, sizeof scenario->web.key, "sk-%06zu%06zu",
             draw(exam, 1000000), draw(exam, 1000000));
    scenario_text(scenario, "api_key", key);
}

void fault(struct scenario *scenario, size_t i, const char *what)
{
    text_add(&scenario->web.settings, "fault=%s match=%s\n", what,
             scenario->answers[i].text);
}

void answer_in_disorder(struct exam *exam, struct scenario *scenario)
{
    text_add(&scenario->web.settings, "latency=0.01..0.06\nseed=%zu\n",
             draw(exam, 1000));
}

/* ---- The limit --------------------------------------------------------- */

bool hold_reached(struct exam *exam, const struct run *run)
{
    const struct traffic *traffic = &run->traffic;
    size_t limit = run->scenario->web.hold;

    if (traffic->most_in_flight >= limit)
        return true;
    if (traffic->count == 0) {
        saw(exam, "no request ever came");
        likely(exam, "it returns before it has sent anything");
        return false;
    }
    saw(exam,
        "%zu of %zu were in flight, and nothing else would run, when %s had "
        "come",
        traffic->held.found, limit, counted(traffic->held.after, "request"));
    likely(exam, traffic->most_in_flight <= 1
                     ? "one after another: spawn all, then gather"
                     : "fewer at a time than are allowed");
    return false;
}

/* Whether the server refused any. */
static bool refused_some(const struct traffic *traffic)
{
    for (size_t i = 0; i < traffic->count; i++)
        if (traffic->requests[i].status == 429)
            return true;
    return false;
}

bool hold_not_exceeded(struct exam *exam, const struct run *run)
{
    size_t most = run->traffic.most_in_flight, limit = run->scenario->web.hold;

    if (most <= limit)
        return true;
    saw(exam, "%zu requests were in flight at a time, %zu are allowed", most,
        limit);
    likely(exam, most == limit + 1 && !refused_some(&run->traffic)
                     ? "one too many: permits is the limit itself"
                     : "no limit, or another one: a permit of the semaphore is "
                       "taken before each request, and given back after it");
    return false;
}

bool hold_refilled(struct exam *exam, const struct run *run)
{
    const struct held *held = &run->traffic.held;

    if (!held->failed)
        return true;
    saw(exam,
        "after one was answered, %zu of %zu were in flight, and nothing else "
        "would run, when %s had come",
        held->found, run->scenario->web.hold, counted(held->after, "request"));
    likely(exam, "groups: each waits for its slowest; a slot that is free is "
                 "used at once");
    return false;
}

bool held(struct exam *exam, const struct run *run)
{
    return hold_reached(exam, run) && hold_not_exceeded(exam, run) &&
           hold_refilled(exam, run);
}

/* ---- An item ----------------------------------------------------------- */

static bool is_for(const struct request *request, const char *text)
{
    return strcmp(request->path, text) == 0 ||
           (request->prompt && strstr(request->prompt, text));
}

const struct request *request_for(const struct run *run, size_t i, size_t k)
{
    const struct traffic *traffic = &run->traffic;

    for (size_t r = 0; r < traffic->count; r++)
        if (is_for(&traffic->requests[r], run->scenario->answers[i].text) &&
            k-- == 0)
            return &traffic->requests[r];
    return NULL;
}

size_t requests_for(const struct run *run, size_t i)
{
    size_t n = 0;

    while (request_for(run, i, n))
        n++;
    return n;
}

const char *item_name(const struct run *run, size_t i)
{
    static char buffers[4][64];
    static int next;
    char *buffer = buffers[next++ % 4];
    const struct items *items = run->scenario->web.items;

    if (items->named_by_text)
        return run->scenario->answers[i].text;
    snprintf(buffer, sizeof buffers[0], "%s %zu", items->noun, i);
    return buffer;
}

bool item_succeeded(struct exam *exam, const struct run *run, size_t i)
{
    const struct items *items = run->scenario->web.items;
    const char *text = run->scenario->answers[i].text;
    const char *came = out_of(run, i, items->field);

    if (out_number(run, i, "success") != 1) {
        size_t n = requests_for(run, i);

        saw(exam,
            "%s has success false, its error is %s; the server got %s for it",
            item_name(run, i), quoted(out_of(run, i, "error")),
            counted(n, "request"));
        likely(exam, "%s", n > 0 ? items->unset : "it was never sent");
    } else if (!came || !strstr(came, text)) {
        saw(exam, "%s is about %s, its %s is %s", item_name(run, i), text,
            items->field, quoted(came));
        likely(exam, "%s", came ? items->swapped : items->lost);
    } else {
        return true;
    }
    return false;
}

bool rest_succeeded(struct exam *exam, const struct run *run, size_t first)
{
    for (size_t i = first; i < run->scenario->n; i++)
        if (!item_succeeded(exam, run, i))
            return false;
    return true;
}

bool item_failed(struct exam *exam, const struct run *run, size_t i,
                 const char *why)
{
    const struct items *items = run->scenario->web.items;
    const char *error = out_of(run, i, "error");
    const char *name = item_name(run, i);

    if (out_number(run, i, "success") != 0) {
        saw(exam, "%s (%s) has success true", name, why);
        likely(exam, "%s", items->unseen);
    } else if (!error || !*error) {
        saw(exam, "%s (%s) has failed, and its error is empty", name, why);
        likely(exam, "%s", items->silent);
    } else if (out_of(run, i, items->field)) {
        saw(exam, "%s (%s) has failed, and its %s is not NULL", name, why,
            items->field);
        likely(exam, "the %s is for what has succeeded", items->field);
    } else {
        return true;
    }
    return false;
}

/* Why there were so many requests, and not as many as are wanted. */
static const char *why_so_often(const struct items *items, size_t requests,
                                size_t wanted, const char *why)
{
    if (requests == 0)
        return "it was never sent";
    if (wanted == 0)
        return "there is nothing to ask about: look at text before the first "
               "attempt";
    if (wanted == 1)
        return items->no_use;
    if (requests == 1 && strcmp(why, "429") == 0)
        return "429 is the one 4xx that is retried: later the server takes the "
               "same request";
    if (requests == 1 && why[0] != '5')
        return "a time-out is retried, and each attempt has a time limit of "
               "its own: async_wait_for() around one, not around all";
    if (requests == 1)
        return items->ignored;
    if (requests + 1 == wanted)
        return "max_retries counts the retries, not the attempts";
    return "max_retries + 1 attempts, not more";
}

bool item_tried(struct exam *exam, const struct run *run, size_t i,
                size_t wanted, const char *why)
{
    size_t requests = requests_for(run, i);
    long attempts = out_number(run, i, "attempts");

    if (requests == wanted && attempts == (long)wanted)
        return true;
    if (requests == wanted) {
        saw(exam, "%s (%s): %s, but attempts is %ld", item_name(run, i), why,
            counted(requests, "request"), attempts);
        likely(exam, wanted == 0
                         ? "without text there is no attempt: look at text "
                           "before the first one"
                         : "attempts counts the requests, the first one, too");
        return false;
    }
    saw(exam, "%s (%s): %s", item_name(run, i), why,
        counted(requests, "request"));
    likely(exam, "%s",
           why_so_often(run->scenario->web.items, requests, wanted, why));
    return false;
}

bool item_closed(struct exam *exam, const struct run *run, size_t i, size_t n,
                 size_t wanted)
{
    for (size_t k = 0; k < n; k++) {
        const struct request *request = request_for(run, i, k);

        if (request && request->left && request->ended != NEVER)
            continue;
        if (request)
            saw(exam,
                "%s: request %zu was still open when your function returned",
                item_name(run, i), k + 1);
        else
            saw(exam, "%s: %s, not %zu", item_name(run, i),
                counted(requests_for(run, i), "request"), wanted);
        likely(exam, request ? "who gives up closes the connection, too: "
                               "async_wait_for() cancels the request, which "
                               "does"
                     : k > 1 ? "max_retries counts the retries, not the "
                               "attempts"
                             : "a time-out is retried, and each attempt has a "
                               "time limit of its own");
        return false;
    }
    return true;
}

/* ---- Retries ----------------------------------------------------------- */

/* So many of the items are told to wait, for so many base_delays; the others
   fail so often. */
enum {
    TOLD_TO_WAIT = WEB_JOBS - BACKOFF_REAL_JOBS,
    TOLD_DELAYS = 120,
    FAILURES = BACKOFF_REAL_WAITS
};

static void ask_for_waits(struct exam *exam, struct scenario *scenario,
                          int64_t base)
{
    char wait[64];

    snprintf(wait, sizeof wait, "429 attempts=1 retry-after-ms=%g",
             (double)(TOLD_DELAYS * base) / MILLISECOND);
    for (size_t i = 0; i < TOLD_TO_WAIT; i++) {
        fault(scenario, i, wait);
        fault(scenario, i, "404"); /* so that it ends with that */
    }
    /* Not all at one moment, or each would wait, too, for its turn; and not for
       long, or who has ten slots would wait for one. */
    text_add(&scenario->web.settings,
             "fault=503 attempts=1-%d\nlatency=0..0.005\n", FAILURES);
    asked(exam,
          "base_delay %s, max_retries %d; %d %ss fail %d times: each wait is "
          "twice the one before; %d are asked to wait %s",
          in_seconds(base), FAILURES, WEB_JOBS - TOLD_TO_WAIT,
          scenario->web.items->noun, FAILURES, TOLD_TO_WAIT,
          in_seconds(TOLD_DELAYS * base));
}

/* In whole milliseconds. */
static const char *about(int64_t ns)
{
    return in_seconds(ns / MILLISECOND * MILLISECOND);
}

/* From the end of item i's request k to the next one; -1: there is none. */
static int64_t wait_after(const struct run *run, size_t i, size_t k)
{
    const struct request *next = request_for(run, i, k + 1);

    return next ? next->arrived - request_for(run, i, k)->ended : -1;
}

static bool waited_as_told(struct exam *exam, const struct run *run,
                           int64_t base)
{
    for (size_t i = 0; i < TOLD_TO_WAIT; i++) {
        int64_t wait = wait_after(run, i, 0);

        if (wait >= TOLD_DELAYS * base)
            continue;
        if (wait < 0)
            saw(exam, "%s was not sent again after its 429", item_name(run, i));
        else
            saw(exam, "%s was sent again after %s", item_name(run, i),
                about(wait));
        likely(exam, "retry_after is the least that the server asks for: wait "
                     "so long if that is longer than the backoff");
        return false;
    }
    return true;
}

static bool all_were_retried(struct exam *exam, const struct run *run)
{
    for (size_t i = TOLD_TO_WAIT; i < WEB_JOBS; i++) {
        if (requests_for(run, i) > FAILURES)
            continue;
        saw(exam, "%s was sent %s, and not once more after %d failures",
            item_name(run, i), counted(requests_for(run, i), "time"), FAILURES);
        likely(exam,
               "max_retries is %d here: that is how often one is tried again",
               FAILURES);
        return false;
    }
    return true;
}

static int64_t mean_of(const int64_t waits[BACKOFF_REAL_JOBS])
{
    int64_t sum = 0;

    for (int job = 0; job < BACKOFF_REAL_JOBS; job++)
        sum += waits[job];
    return sum / BACKOFF_REAL_JOBS;
}

static enum backoff_sight look_at_waits(struct exam *exam,
                                        const struct run *run, int64_t base)
{
    int64_t waits[FAILURES][BACKOFF_REAL_JOBS];

    for (size_t k = 0; k < FAILURES; k++)
        for (size_t job = 0; job < BACKOFF_REAL_JOBS; job++)
            waits[k][job] = wait_after(run, TOLD_TO_WAIT + job, k);
    int64_t first = mean_of(waits[0]), last = mean_of(waits[FAILURES - 1]);
    saw(exam, "in the mean the first wait was %s, the second %s, the last %s",
        about(first), about(mean_of(waits[1])), about(last));
    if (last < base)
        likely(exam, "no wait before a retry, or one of thousandths: "
                     "async_sleep() takes seconds");
    else if (last < 2 * first)
        likely(exam, "no wait, or the same one each time: it doubles, "
                     "base_delay * 2^k");
    else
        likely(exam, "it grows too slowly, by the same amount each time, or by "
                     "less than double: it doubles, base_delay * 2^k");
    return backoff_in_real_time(waits, base);
}

static enum backoff_sight try_waits(struct exam *exam,
                                    struct scenario *scenario, int64_t base)
{
    ask_for_waits(exam, scenario, base);
    const struct run *run = play(exam, scenario);
    return run && went_on(exam, run) && waited_as_told(exam, run, base) &&
                   all_were_retried(exam, run)
               ? look_at_waits(exam, run, base)
               : BACKOFF_SLOW;
}

bool waits_double(struct exam *exam,
                  struct scenario *scenario(struct exam *exam,
                                            const struct settings *settings))
{
    struct settings settings = {WEB_JOBS, FAILURES, 30 * SECOND, SHORT_DELAY};
    enum backoff_sight sight = BACKOFF_UNSURE;
    size_t hangs = exam->current->hangs;
    int slow = 0;

    for (int i = 0; i < 3 && sight != BACKOFF_DOUBLES && slow < 2; i++) {
        sight = try_waits(exam, scenario(exam, &settings), settings.base_delay);
        slow += sight == BACKOFF_SLOW;
        /* Long enough to be plain on a busy machine, and in a report; not so
           long that who works in groups of 10 has to be stopped for it. What
           held up the machine once may not do so again. */
        if (sight == BACKOFF_SLOW || i > 0)
            settings.base_delay = 6 * SHORT_DELAY;
        if (exam->current->hangs > hangs)
            break; /* that costs seconds */
    }
    return sight != BACKOFF_SLOW;
}

bool patiently(struct exam *exam,
               bool (*passes)(struct exam *exam, int64_t unit))
{
    size_t hangs = exam->current->hangs;

    /* What had to be stopped costs seconds, and gets no more. */
    for (int64_t ms = 50; ms <= 800 && exam->current->hangs == hangs; ms *= 4)
        if (passes(exam, ms * MILLISECOND))
            return true;
    return false;
}

bool slot_was_free(struct exam *exam, const struct run *run)
{
    const char *noun = run->scenario->web.items->noun;

    for (size_t i = 0; i < run->scenario->n; i++) {
        const struct request *first = request_for(run, i, 0);
        const struct request *second = request_for(run, i, 1);

        if (second && second > first + 1)
            return true;
    }
    saw(exam, "each %s was retried before any other was sent", noun);
    likely(exam, "the permit is held during the wait: it belongs to an "
                 "attempt, and is given back before async_sleep()");
    return false;
}

bool waiting_was_free(struct exam *exam, const struct run *run)
{
    for (size_t i = 1; i < run->scenario->n; i++) {
        if (out_number(run, i, "success") == 1)
            continue;
        saw(exam, "%s failed after %s: %s", item_name(run, i),
            counted(requests_for(run, i), "request"),
            quoted(out_of(run, i, "error")));
        likely(exam, "the time limit is for the request, not for the wait for "
                     "a slot: acquire first, async_wait_for() then");
        return false;
    }
    return true;
}

/* ---- Sums -------------------------------------------------------------- */

/* Dollars, from billionths. */
static double dollars(int64_t billionths)
{
    return (double)billionths / 1e9;
}

/* The cost that was told is the right one, both in billionths of a dollar, for
   so many tokens. */
static bool cost_is(struct exam *exam, const char *whose, int64_t told,
                    int64_t right, long tokens)
{
    if (llabs(told - right) <= 10)
        return true;
    saw(exam, "%s cost is $%.7f, the server's is $%.7f", whose, dollars(told),
        dollars(right));
    if (llabs(told - tokens * 1500) <= 10)
        likely(exam, "$0.0000015 a token is the mean of two prices: those of "
                     "the prompt cost half of those of the response");
    else if (told == 0)
        likely(exam, "an integer has no room for parts of a dollar, or it was "
                     "never set");
    else
        likely(exam, "the chat's cost: 0.001 for 1,000 tokens of prompts, "
                     "0.002 for 1,000 of responses, of what succeeded");
    return false;
}

/* Item i's own: of its one answer, or 0. */
static bool numbers_right(struct exam *exam, const struct run *run, size_t i)
{
    const struct request *request;
    int64_t cost = 0;
    long tokens = 0;
    char whose[64];

    for (size_t k = 0; (request = request_for(run, i, k)); k++) {
        tokens += request->tokens;
        cost += request->cost;
    }
    snprintf(whose, sizeof whose, "%s's", item_name(run, i));
    if (out_number(run, i, "tokens") == tokens)
        return cost_is(exam, whose, out_number(run, i, "cost"), cost, tokens);
    saw(exam, "%s tokens are %ld, the server's are %ld", whose,
        out_number(run, i, "tokens"), tokens);
    likely(exam, "the chat's total_tokens; none of what has failed");
    return false;
}

bool sums_right(struct exam *exam, const struct run *run)
{
    long tokens = tokens_of_all(run);

    for (size_t i = 0; i < run->scenario->n; i++)
        if (!numbers_right(exam, run, i))
            return false;
    if (out_number(run, 0, "total_tokens") == tokens)
        return cost_is(exam, "the total", out_number(run, 0, "total_cost"),
                       cost_of_all(run), tokens);
    saw(exam, "total_tokens is %ld, the server counts %ld",
        out_number(run, 0, "total_tokens"), tokens);
    likely(exam, "total_tokens is the sum over all that succeeded, each once");
    return false;
}

bool elapsed_right(struct exam *exam, const struct run *run, size_t number,
                   size_t first, size_t n)
{
    int64_t from = INT64_MAX, to = 0;
    int64_t told = out_number(run, number, "elapsed_time");
    const struct request *request;

    for (size_t i = first; i < first + n; i++)
        for (size_t k = 0; (request = request_for(run, i, k)); k++) {
            from = request->arrived < from ? request->arrived : from;
            to = request->ended > to ? request->ended : to;
        }
    if (told + MILLISECOND >= to - from &&
        told <= run->returned_at + MILLISECOND)
        return true;
    saw(exam, "elapsed_time is %s; the requests took %s", about(told),
        about(to - from));
    likely(exam, "seconds: async_now() after the batch, less async_now() "
                 "before it");
    return false;
}

bool key_unseen(struct exam *exam, const struct run *run)
{
    const char *key = run->scenario->web.key, *where = NULL;

    if (strstr(text_chars(&run->process.out.kept), key))
        where = "standard output";
    if (strstr(text_chars(&run->process.err.kept), key))
        where = "standard error";
    for (size_t i = 0; i < run->out_count; i++)
        if (run->outs[i].value && strstr(run->outs[i].value, key))
            where = run->outs[i].field;
    if (!where)
        return true;
    saw(exam, "the API key stands in %s", where);
    likely(exam, "a key is money: it is in no output, no error, no log");
    return false;
}
