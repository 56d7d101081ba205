/*
 * limiter.c - so many requests, and so many tokens, a minute.
 *
 * Two token buckets, each kept as one number: the moment at which all that was
 * let through will have been paid for at the allowed rate (the generic cell
 * rate algorithm). Nothing ticks, and a bucket is never refilled: time passes.
 */
#include "llm/llm_private.h"

#include "async/async_loop.h"

#include <errno.h>
#include <math.h>

/* Seconds that so much takes at a rate a minute; no time at no limit. */
static double duration(double amount, double per_minute)
{
    return per_minute > 0 ? amount * 60 / per_minute : 0;
}

/* When a request may go by one of the buckets. */
static double due(double paid, double cost, int burst)
{
    return paid - (burst > 1 ? burst - 1 : 0) * cost;
}

static double wait_of(const struct llm_limiter *limiter, int tokens, double now)
{
    const struct llm_private_limiter *private = &limiter->llm_private;
    double request = duration(1, limiter->requests_per_minute);
    double token = duration(tokens, limiter->tokens_per_minute);

    return fmax(0, fmax(due(private->requests_paid, request, limiter->burst),
                        due(private->tokens_paid, token, limiter->burst)) -
                       now);
}

static void charge(struct llm_limiter *limiter, int tokens, double now)
{
    struct llm_private_limiter *private = &limiter->llm_private;

    private->requests_paid = fmax(private->requests_paid, now) +
                             duration(1, limiter->requests_per_minute);
    private->tokens_paid = fmax(private->tokens_paid, now) +
                           duration(tokens, limiter->tokens_per_minute);
}

static int check(struct llm_limiter *limiter, int tokens)
{
    struct llm_private_limiter *private = &limiter->llm_private;

    if (!(limiter->requests_per_minute >= 0) ||
        !(limiter->tokens_per_minute >= 0) || limiter->burst < 0 || tokens < 0)
        return async_raise(-EINVAL, "the limiter's rates, its burst and the "
                                    "tokens must not be below 0");
    if (!private->begun) {
        private->begun = true;
        private->turn.permits = 1;
        private->requests_paid = private->tokens_paid = async_now();
    }
    return 0;
}

/* Whose turn it is, until it may go. */
struct nap {
    struct async_timer timer; /* first: its callback is all that wake() gets */
    struct async_wait wait;
};

static void wake(struct async_callback *due)
{
    async_resume(&((struct nap *)due)->wait);
}

/* Not async_sleep: llm_limiter_correct may end it, since then the moment is
   another one. */
static int nap_for(struct llm_limiter *limiter, double seconds)
{
    const double year = 366.0 * 24 * 3600;
    struct nap nap = {.timer.due.run = wake,
                      .wait = {.what = "waits for the rate limiter",
                               .reason = ASYNC_FOR_TIME}};

    if (!async_in_task("llm_limiter_acquire"))
        return ASYNC_ENOLOOP;
    int err = async_timer_set(
        &nap.timer, async_now_ns() + (int64_t)ceil(fmin(seconds, year) * 1e9));
    if (err)
        return err;
    limiter->llm_private.napping = &nap.wait;
    err = async_suspend(&nap.wait, "llm_limiter_acquire");
    limiter->llm_private.napping = NULL;
    async_timer_clear(&nap.timer);
    return err;
}

/* Seconds; the clock does not count anything shorter. */
static const double rounding = 1e-9;

int llm_limiter_acquire(struct llm_limiter *limiter, int tokens)
{
    struct async_semaphore *turn = &limiter->llm_private.turn;
    int err = check(limiter, tokens);

    /* Whoever waits holds the turn: the others stand behind, in their order,
       even one who needs fewer tokens. */
    if (!err)
        err = async_semaphore_acquire(turn);
    if (err)
        return err;
    double wait;
    while (!err && (wait = wait_of(limiter, tokens, async_now())) > rounding)
        err = nap_for(limiter, wait);
    if (!err)
        charge(limiter, tokens, async_now());
    async_semaphore_release(turn);
    return err;
}

int llm_limiter_block(struct llm_limiter *limiter, int tokens)
{
    int err = check(limiter, tokens);

    if (err)
        return err;
    async_block(wait_of(limiter, tokens, async_now()));
    charge(limiter, tokens, async_now());
    return 0;
}

void llm_limiter_correct(struct llm_limiter *limiter, int tokens)
{
    double more = duration(tokens, limiter->tokens_per_minute);

    limiter->llm_private.tokens_paid += more;
    if (more != 0 && limiter->llm_private.napping)
        async_resume(limiter->llm_private.napping);
}
