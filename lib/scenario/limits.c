/*
 * limits.c - how much a provider lets through: token buckets.
 *
 * A bucket is kept as what is missing from it. So a meter of zeroes is one
 * whose buckets are full, whatever their sizes.
 */
#include "scenario/scenario.h"

#include <math.h>

/* Less than any request or token: what the sums of many waits may be off. */
#define ROUNDING 1e-6

/* How much is missing after so many seconds in which a minute's worth flows. */
static double refill(double missing, double seconds, int per_minute)
{
    return fmax(0, missing - seconds * per_minute / 60);
}

/* Seconds until amount can be taken out; 0: now; INFINITY: never. */
static double wait_for(double amount, double missing, int size, int per_minute)
{
    double lacking = missing + amount - size;

    if (per_minute == 0 || lacking <= ROUNDING)
        return 0;
    return amount > size ? INFINITY : lacking * 60 / per_minute;
}

/* How many requests the bucket holds. */
static int burst_of(const struct scenario_limits *limits)
{
    return limits->burst > 0 ? limits->burst : limits->requests_per_minute;
}

enum scenario_limit scenario_enter(const struct scenario_limits *limits,
                                   struct scenario_meter *meter, double now,
                                   int tokens, double *wait)
{
    int per_minute = limits->requests_per_minute;
    double seconds = now - meter->now;

    meter->requests = refill(meter->requests, seconds, per_minute);
    meter->tokens = refill(meter->tokens, seconds, limits->tokens_per_minute);
    meter->now = now;

    *wait = 0;
    if (limits->in_flight > 0 && meter->in_flight >= limits->in_flight)
        return SCENARIO_IN_FLIGHT_LIMIT;
    *wait = wait_for(1, meter->requests, burst_of(limits), per_minute);
    if (*wait > 0)
        return SCENARIO_REQUEST_LIMIT;
    *wait = wait_for(tokens, meter->tokens, limits->tokens_per_minute,
                     limits->tokens_per_minute);
    if (*wait > 0)
        return SCENARIO_TOKEN_LIMIT;
    meter->in_flight++;
    meter->requests += per_minute > 0;
    meter->tokens += limits->tokens_per_minute > 0 ? tokens : 0;
    return SCENARIO_WITHIN_LIMITS;
}

void scenario_leave(struct scenario_meter *meter)
{
    meter->in_flight--;
}

struct scenario_allowance
scenario_allowance(const struct scenario_limits *limits,
                   const struct scenario_meter *meter)
{
    struct scenario_allowance left = {0};

    if (limits->requests_per_minute > 0) {
        left.requests = (int)(burst_of(limits) - meter->requests + ROUNDING);
        left.requests_reset =
            meter->requests * 60 / limits->requests_per_minute;
    }
    if (limits->tokens_per_minute > 0) {
        left.tokens =
            (int)(limits->tokens_per_minute - meter->tokens + ROUNDING);
        left.tokens_reset = meter->tokens * 60 / limits->tokens_per_minute;
    }
    return left;
}
