/*
 * backoff.c - whether waits grow as they should, and what is wrong if not.
 *
 * The idea: whatever the random part, the longest wait of many jobs is known.
 * It comes close to base * 2^k if the random part only shortens the waits, and
 * stays below one and a half times that if it makes them longer. Waits that
 * grow more slowly fall below, after four of them even with half more.
 */
#include "backoff.h"
#include "text.h"

#include <stdbool.h>
#include <stdlib.h>

int64_t backoff_wait(size_t k, int64_t base, int64_t limit)
{
    return base > limit >> k ? limit : base << k;
}

/* To a twentieth, which a random part does not hide. */
static bool about(int64_t a, int64_t b)
{
    return llabs(a - b) <= b / 20 + 1000;
}

/*
 * Full jitter, from 0 to all of the wait, is the kind that comes shortest: the
 * longest of 200 stays below nine tenths once in a thousand million times.
 * Without a random part there is nothing to allow for. (Cut off by the limit,
 * waits with a random part may look the same.)
 */
static bool is_right(const struct waits *waits, int64_t wanted, int64_t limit)
{
    bool cut = wanted > limit / 3 * 2;
    int64_t most = cut ? limit : wanted + wanted / 2;

    if (!cut && waits->longest - waits->shortest <= wanted / 100)
        return llabs(waits->longest - wanted) <= wanted / 100;
    return waits->longest >= wanted / 10 * 9 && waits->longest - 1000 <= most;
}

/* Whether the waits are about times * (base * 2^k) / parts. */
static bool follow(const struct waits *waits, size_t n, int64_t base,
                   int64_t times, int64_t parts)
{
    for (size_t k = 0; k < n; k++)
        if (!about(waits[k].longest, (base << k) * times / parts))
            return false;
    return true;
}

/* Whether the waits grow by about the same amount each time. */
static bool grow_by(const struct waits *waits, size_t n, int64_t step)
{
    for (size_t k = 0; k < n; k++)
        if (!about(waits[k].longest, waits[0].longest + (int64_t)k * step))
            return false;
    return true;
}

static bool whole_seconds(const struct waits *waits, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (waits[k].longest % SECOND != 0 || waits[k].shortest % SECOND != 0)
            return false;
    return true;
}

static bool shrinks(const struct waits *waits, size_t n)
{
    for (size_t k = 1; k < n; k++)
        if (waits[k].longest < waits[k - 1].shortest / 10 * 9)
            return true;
    return false;
}

static const char *name_mistake(const struct waits *waits, size_t n,
                                int64_t base)
{
    int64_t first = waits[0].longest;

    if (waits[0].shortest < -1000)
        return "attempts overlap: the next begins when the one before has "
               "failed, and the wait is over";
    if (n > 1 && first <= 1000 && waits[1].longest <= 1000)
        return "no wait between the attempts, or one that is cut to 0 s: "
               "async_sleep(base_delay) before the first retry, and twice as "
               "long each time";
    if (whole_seconds(waits, n))
        return "whole seconds: is there an int on the way? A wait is a double";
    if (first <= 1000)
        return "no wait before the first retry: it is base_delay";
    if (about(first, 1000 * base))
        return "1000 times too long: async_sleep() takes seconds";
    if (first > 4 * base && waits[0].shortest < 2 * base)
        return "one waits longer because of another: is the wait a static or a "
               "global variable? Each call needs its own";
    if (first > base / 10 * 16 && waits[0].shortest < base / 10 * 15)
        return "the random part is too large: it makes a wait longer by half "
               "of it at most";
    if (shrinks(waits, n))
        return "a wait is shorter than the one before it: each is to be twice "
               "as long, up to max_delay if there is one";
    if (n > 1 && grow_by(waits, n, 0))
        return "the wait stays the same: each is to be twice as long as the "
               "one before";
    if (n > 2 && grow_by(waits, n, waits[1].longest - first))
        return "it grows by the same amount each time, which is linear: each "
               "is to be twice as long as the one before";
    if (follow(waits, n, base, 2, 1))
        return "one doubling too many: the first wait is base_delay, not twice "
               "that";
    if (follow(waits, n, base, 1, 2))
        return "half of it: the first wait is base_delay";
    if (follow(waits, n, first, 1, 1))
        return "it doubles, but does not begin with base_delay, which comes in "
               "the job; a random part is drawn anew for each wait";
    return "wait k is base_delay * 2^k, k being 0 for the first; a random part "
           "may make it up to half longer, or shorter";
}

const char *backoff_mistake(const struct waits *waits, size_t n, int64_t base,
                            int64_t limit)
{
    bool right = true;

    for (size_t k = 0; k < n; k++) {
        if (waits[k].longest - 1000 > limit && right)
            return "longer than max_delay: take the smaller of the two, after "
                   "the random part";
        right =
            right && is_right(&waits[k], backoff_wait(k, base, limit), limit);
    }
    return right ? NULL : name_mistake(waits, n, base);
}

/* Whether one job in eight waits for so long: not the longest of all, since a
   busy machine may hold up anybody. */
static bool some_reach(const int64_t waits[BACKOFF_REAL_JOBS], int64_t least)
{
    int n = 0;

    for (int job = 0; job < BACKOFF_REAL_JOBS; job++)
        n += waits[job] >= least;
    return n >= BACKOFF_REAL_JOBS / 8;
}

/*
 * Full jitter is again the kind that comes shortest: of 32 waits, an eighth is
 * above six tenths of base * 2^k, but for once in 7,000 times. After six
 * doublings that is 38 * base; what grows by half each time, with half more at
 * random, comes to 17, what grows by the same amount to 11. The last
 * three are looked at, since what holds up the machine for a moment makes one
 * longer. If it is busy all the time, the first two are longer, too, than the
 * 3 * base that they may be.
 */
enum backoff_sight
backoff_in_real_time(int64_t waits[BACKOFF_REAL_WAITS][BACKOFF_REAL_JOBS],
                     int64_t base)
{
    for (int k = BACKOFF_REAL_WAITS - 3; k < BACKOFF_REAL_WAITS; k++)
        if (!some_reach(waits[k], (base << k) / 10 * 6))
            return BACKOFF_SLOW;
    if (some_reach(waits[0], 8 * base) || some_reach(waits[1], 8 * base))
        return BACKOFF_UNSURE;
    return BACKOFF_DOUBLES;
}
