/*
 * retry.c - what is sent again, and when: the official clients' rules.
 *
 * The waits grow, so that a server in trouble is left alone, and differ at
 * random, so that those who failed together do not come back together.
 */
#include "llm/llm_private.h"

#include <math.h>

static const double first_wait = 0.5, longest_wait = 8, longest_order = 60;

/* Of a wait, at most this part is left to chance. */
static const double jitter = 0.25;

bool llm_should_retry(int err, const struct llm_reply *reply)
{
    /* It speaks of its own failures: who cancelled the task, or has no memory,
       asked nobody. */
    if (err <= LLM_EBADREQUEST && err >= LLM_EMALFORMED && reply->begun &&
        reply->should_retry)
        return reply->should_retry > 0;
    return llm_worth_retrying(err);
}

/* The next number from 0 to below 1; a step of splitmix64. */
static double draw(uint64_t *random)
{
    uint64_t bits = *random += 0x9E3779B97F4A7C15;

    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
    bits ^= bits >> 31;
    return (double)(bits >> 11) / (double)(UINT64_C(1) << 53);
}

double llm_retry_wait(int n, double retry_after, uint64_t *random)
{
    double chance = jitter * draw(random);

    /* Before that the server would only refuse again. */
    if (retry_after > 0 && retry_after <= longest_order)
        return retry_after * (1 + chance);
    return fmin(ldexp(first_wait, n), longest_wait) * (1 - chance);
}
