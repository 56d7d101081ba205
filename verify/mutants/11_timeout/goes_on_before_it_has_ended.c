/* fails e: the late attempt is cancelled, and the next one begun at once */
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
    struct race races[20] = {0};
    struct async_task attempts[20] = {0}, clocks[20] = {0};
    int err = ASYNC_ETIMEDOUT;

    for (int i = 0; i <= timed->max_retries && i < 20; i++) {
        struct race *race = &races[i];

        race->timed = timed;
        timed->attempts++;
        async_spawn(&attempts[i], run_attempt, race);
        async_spawn(&clocks[i], run_clock, race);
        err = async_event_wait(&race->over);
        if (err)
            break;
        if (race->ended) {
            err = race->err;
            break;
        }
        async_cancel(&attempts[i]);
        err = ASYNC_ETIMEDOUT;
    }
    async_reap(attempts, 20);
    async_reap(clocks, 20);
    for (int i = 0; i < 20; i++)
        if (err && races[i].ended && races[i].err == err)
            return async_raise(err, "%s", races[i].text);
    return err;
}
