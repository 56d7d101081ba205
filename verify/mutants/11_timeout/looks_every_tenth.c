/* fails a c d e: looks ten times in a timeout whether it has ended */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>

struct race {
    struct timed *timed;
    struct async_event over;
    int err;
    bool ended;
    char text[ASYNC_ERRMSG_SIZE];
};

static int run_attempt(void *job)
{
    struct race *race = job;

    race->err = race->timed->attempt(race->timed->job);
    if (race->err)
        snprintf(race->text, sizeof race->text, "%s", async_errmsg(race->err));
    race->ended = true;
    async_event_set(&race->over);
    return race->err;
}

static int run_clock(void *job)
{
    struct race *race = job;
    int err = async_sleep(race->timed->timeout);

    async_event_set(&race->over);
    return err;
}

int call_with_timeout(void *job)
{
    struct timed *timed = job;

    while (timed->attempts <= timed->max_retries) {
        struct race race = {.timed = timed};
        struct async_task task;
        int err = 0;

        timed->attempts++;
        async_spawn(&task, run_attempt, &race);
        for (int i = 0; i < 7 && !race.ended && !err; i++)
            err = async_sleep(timed->timeout / 7);
        async_reap(&task, 1);
        if (err)
            return err;
        if (race.ended && race.err != ASYNC_ECANCELED)
            return race.err ? async_raise(race.err, "%s", race.text) : 0;
    }
    (void)run_clock;
    return ASYNC_ETIMEDOUT;
}
