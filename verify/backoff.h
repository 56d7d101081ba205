/*
 * backoff.h - whether waits grow as they should, and what is wrong if not.
 */
#ifndef VERIFY_BACKOFF_H
#define VERIFY_BACKOFF_H

#include <stddef.h>
#include <stdint.h>

/* So many jobs tell waits with a random part from others beyond doubt, if each
   of them waits so often. */
enum { BACKOFF_JOBS = 200, BACKOFF_WAITS = 4 };

/* How long the jobs waited before the same retry. Nanoseconds. */
struct waits {
    int64_t shortest, longest;
};

/* Before retry k, counted from 0: base * 2^k, but no longer than limit. */
int64_t backoff_wait(size_t k, int64_t base, int64_t limit);

/*
 * NULL if the n waits of at least BACKOFF_JOBS jobs are exponential backoff,
 * else the mistake that they look like. A random part (jitter), drawn anew for
 * each wait, may make wait k anything from 0 to half more than base * 2^k. None
 * may be longer than limit, which is INT64_MAX if there is none.
 */
const char *backoff_mistake(const struct waits *waits, size_t n, int64_t base,
                            int64_t limit);

/* What can be told of waits in real time. */
enum backoff_sight { BACKOFF_SLOW, BACKOFF_DOUBLES, BACKOFF_UNSURE };

/* So many jobs are enough, if each of them waits so often. */
enum { BACKOFF_REAL_JOBS = 32, BACKOFF_REAL_WAITS = 7 };

/*
 * The same where time is real, and a busy machine makes waits longer, but none
 * shorter. waits[k] are those before retry k, one for each job. What grows in
 * another way (but for squares) is slow. It is unsure whether it doubles if the
 * machine was so busy that other growth could look the same: try a longer base.
 * Chance makes what doubles look slow once in 2,300 times.
 */
enum backoff_sight
backoff_in_real_time(int64_t waits[BACKOFF_REAL_WAITS][BACKOFF_REAL_JOBS],
                     int64_t base);

#endif
