/*
 * slots.c - what checks ask of a program that may have only so many calls in
 * flight: that it never has more, that it has as many, and that none of its
 * slots is empty while a call could begin.
 */
#include "exam.h"

#include <string.h>

/* What the runtime said of a release too many: where it was, or NULL. It does
   once there would be more permits than at the start. */
static const char *release_too_many(const struct run *run)
{
    static struct text place;
    static const char report[] =
        "async: a semaphore was released more often than acquired, at ";
    const char *at = strstr(text_chars(&run->process.err.kept), report);

    if (!at)
        return NULL;
    at += strlen(report);
    size_t n = strcspn(at, "\n");
    text_free(&place);
    text_add_visible(&place, at, n - (n > 0 && at[n - 1] == '.'), 100);
    return text_chars(&place);
}

bool never_over(struct exam *exam, const struct run *run, size_t limit)
{
    if (run->most_in_flight <= limit)
        return true;
    saw(exam, "%zu calls were in flight at once, %zu are allowed",
        run->most_in_flight, limit);
    bool all = run->most_in_flight == run->scenario->n;
    if (release_too_many(run))
        likely(exam,
               "a slot is given back that was never taken, or twice: the "
               "release at %s",
               release_too_many(run));
    else if (all && run->calls[run->call_count - 1].begun > run->calls[0].begun)
        likely(exam, "one begins after the other, but by the clock, whether or "
                     "not a slot is free");
    else if (all)
        likely(exam, "all begin at once: no limit, a semaphore for each call "
                     "of its own, or one that is not held during the call");
    else if (run->most_in_flight == limit + 1)
        likely(exam,
               "one too many: the limit is %zu, not %zu; or a slot is "
               "given back that was never taken",
               limit, limit + 1);
    else
        likely(exam, "the limit is another number than the job's, or a slot is "
                     "given back too early, twice, or without having been "
                     "taken");
    return false;
}

bool released_rightly(struct exam *exam, const struct run *run)
{
    const char *place = release_too_many(run);

    if (!place)
        return true;
    saw(exam, "a semaphore was released more often than acquired, at %s",
        place);
    likely(exam, "a release where no permit was taken: who was cancelled while "
                 "waiting has none; or a second one on some path");
    return false;
}

bool limit_reached(struct exam *exam, const struct run *run)
{
    size_t limit = run->scenario->gate, found = run->gate_found;

    if (run->gate_open)
        return true;
    if (run->gate_found_at == NEVER && run->returned != 0)
        return succeeded(exam, run);
    if (run->gate_found_at == NEVER) {
        saw(exam, "it returned at %s, and never had more than %zu in flight",
            in_seconds(run->returned_at), run->most_in_flight);
        likely(exam, "it does not wait for what it has started, or starts "
                     "nothing");
        return false;
    }
    saw(exam, "%zu of %zu in flight at %s, and nothing else to run", found,
        limit, in_seconds(run->gate_found_at));
    if (found == 1)
        likely(exam, "one after another: each is awaited before the next is "
                     "started, or there is only one permit");
    else
        likely(exam, "a limit of %zu: it is to be the job's, %zu", found,
               limit);
    return false;
}

/* ---- Empty slots ------------------------------------------------------- */

/* After everything that happens at that moment. */
static bool in_flight_at(const struct call *call, int64_t at)
{
    return call->begun <= at && (call->ended == NEVER || call->ended > at) &&
           (call->gone == NEVER || call->gone > at);
}

/* When the next call began after that moment, or NEVER. */
static int64_t next_begin(const struct run *run, int64_t after)
{
    for (size_t i = 0; i < run->call_count; i++)
        if (run->calls[i].begun > after)
            return run->calls[i].begun;
    return NEVER;
}

/* Why nobody took the slot that was free from then on, until `until`. */
static void explain_empty_slot(struct exam *exam, const struct run *run,
                               int64_t until)
{
    bool all_ended = true, one_ended = false;

    for (size_t i = 0; i < run->call_count; i++) {
        const struct call *call = &run->calls[i];

        all_ended &= call->begun >= until || !in_flight_at(call, until);
        one_ended |= call->ended == until;
    }
    if (until == NEVER)
        likely(exam, "the slot was never given back, or nobody waits for it");
    else if (!one_ended)
        likely(exam, "the next call begins when a sleep is over, not when a "
                     "slot is free: wait for the slot itself");
    else if (all_ended)
        likely(exam, "a group waits for its slowest, or a wait is for one "
                     "certain call: whichever ends, the next one begins");
    else
        likely(exam, "each slot has its own share of the calls, or waits "
                     "for a certain one: whichever ends, the next one begins");
}

/* The first moment at which time went by with fewer calls in flight, although
   calls had not begun; NEVER if there was none. */
static int64_t first_empty_slot(const struct run *run, size_t limit,
                                size_t *in_flight, size_t *begun)
{
    for (size_t i = 0; i < run->instant_count; i++) {
        int64_t at = run->instants[i];

        if (at >= run->returned_at ||
            (run->cancelled_at != NEVER && at >= run->cancelled_at))
            break;
        *in_flight = *begun = 0;
        for (size_t c = 0; c < run->call_count; c++) {
            *begun += run->calls[c].begun <= at;
            *in_flight += in_flight_at(&run->calls[c], at);
        }
        if (*in_flight < limit && *begun < run->scenario->n)
            return at;
    }
    return NEVER;
}

bool slots_kept_busy(struct exam *exam, const struct run *run, size_t limit)
{
    size_t in_flight, begun;
    int64_t from = first_empty_slot(run, limit, &in_flight, &begun);

    if (from == NEVER)
        return true;
    int64_t until = next_begin(run, from);
    saw(exam,
        "only %zu of %zu slots in use from %s to %s, while %s had "
        "not begun",
        in_flight, limit, in_seconds(from),
        in_seconds(until == NEVER ? run->returned_at : until),
        counted(run->scenario->n - begun, "call"));
    explain_empty_slot(exam, run, until);
    return false;
}

/* ---- Cancelled --------------------------------------------------------- */

bool begins_no_more(struct exam *exam, const struct run *run)
{
    size_t late = 0;

    if (run->cancelled_at == NEVER)
        return true;
    for (size_t i = 0; i < run->call_count; i++)
        late += run->calls[i].begun >= run->cancelled_at;
    if (late == 0)
        return true;
    saw(exam, "it was cancelled at %s, and began %s after that",
        in_seconds(run->cancelled_at), counted(late, "call"));
    likely(exam, "the error of a suspending call, such as "
                 "async_semaphore_acquire() or async_sleep(), was ignored; or "
                 "a cancelled call was taken for one that failed");
    return false;
}
