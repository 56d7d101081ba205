/* a table of states */
#include "08_retry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct state {
    struct retry *retry;
    double wait;
    int err;
};

static int call_it(struct state *state)
{
    state->retry->attempts++;
    state->err = state->retry->operation(state->retry->job);
    return 1;
}

static int judge_it(struct state *state)
{
    if (!state->err || state->err == ASYNC_ECANCELED)
        return -1;
    if (state->retry->attempts > state->retry->max_retries)
        return -1;
    return state->retry->worth_retrying(state->err) ? 2 : -1;
}

static int wait_there(void *event)
{
    return async_event_wait(event);
}

static int wait_it(struct state *state)
{
    struct async_event never = {0};
    int err = async_wait_for(wait_there, &never, state->wait);
    state->wait += state->wait;
    if (err == ASYNC_ETIMEDOUT)
        return 0;
    state->err = err;
    return -1;
}

int retry(void *job)
{
    static int (*const steps[])(struct state *) = {call_it, judge_it, wait_it};
    struct state *state = malloc(sizeof *state);
    if (!state)
        return ASYNC_ENOMEM;
    *state = (struct state){job, ((struct retry *)job)->base_delay, 0};
    for (int at = 0; at >= 0;)
        at = steps[at](state);
    int err = state->err;
    free(state);
    return err;
}
