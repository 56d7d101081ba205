/*
 * backoff.h - whether waits grow as they should, and what is wrong if not.
 */
#ifndef VERIFY_BACKOFF_H
#define VERIFY_BACKOFF_H

#include <stdbool.h>
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

/*
 * The same where time is real, and a busy machine makes a wait longer, but none
 * shorter: whether the n waits before retry k, one for each job, are long
 * enough. With 32 jobs and k = 6, other growth is told for certain (but for
 * that by squares), and chance makes a right one look wrong once in 7,000
 * times.
 */
bool backoff_is_reached(const int64_t *waits, size_t n, size_t k, int64_t base);

#endif
