/*
 * debug.c - ASYNC_DEBUG=1: who keeps the thread for too long?
 *
 * While one task runs, no other does. Between the line where it went on and the
 * line where it next suspended must stand what took so long.
 */
#include "async/runtime.h"

#include <stdlib.h>

#define TOO_LONG (NS_PER_SECOND / 10)

struct debug {
    struct async_observer observer;
    struct async_coroutine *running; /* since when, and from where on */
    int64_t since;
    const char *place;
};

static void told(struct async_observer *self, enum async_moment moment,
                 struct async_coroutine *task, const struct async_wait *wait)
{
    struct debug *debug = CONTAINER_OF(self, struct debug, observer);

    if (moment == ASYNC_AT_RESUME) {
        debug->running = task;
        debug->since = async_now_ns();
        debug->place = task->place;
    }
    if (task != debug->running ||
        (moment != ASYNC_AT_SUSPEND && moment != ASYNC_AT_END))
        return;
    int64_t held = async_now_ns() - debug->since;
    if (held >= TOO_LONG)
        async_report_held(task, (double)held / NS_PER_SECOND, debug->place,
                          wait ? wait->whom : NULL);
    debug->running = NULL;
}

static void finish(struct async_observer *self)
{
    free(CONTAINER_OF(self, struct debug, observer));
}

struct async_observer *async_debug_begin(void)
{
    const char *setting = getenv("ASYNC_DEBUG");
    struct debug *debug;

    if (!setting || !*setting || (setting[0] == '0' && !setting[1]))
        return NULL;
    debug = calloc(1, sizeof *debug);
    if (!debug)
        return NULL; /* the run itself may still succeed */
    debug->observer = (struct async_observer){.told = told, .finish = finish};
    return &debug->observer;
}
