/*
 * clock.c - what time it is, and what is due.
 *
 * Three clocks. The real one runs, as fast as ASYNC_SPEED says. The virtual one
 * stands still while anybody can run, and jumps to the next deadline when
 * nobody can; only while something is in flight outside the program, whose pace
 * it cannot know, does it flow like the real one. The kept one is set by its
 * keeper.
 */
#include "async/runtime.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- The clock --------------------------------------------------------- */

enum clock_kind { CLOCK_NOT_SET, CLOCK_REAL, CLOCK_VIRTUAL, CLOCK_KEPT };

/*
 * While it flows: base at real time since, and from there on at speed. While it
 * does not: base.
 */
static _Thread_local struct clock {
    enum clock_kind kind;
    bool flows;
    double speed;
    int64_t base, since;
    struct async_time_keeper *keeper;
} thread_clock;

static int64_t real_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static double speed_from_environment(void)
{
    const char *text = getenv("ASYNC_SPEED");
    char *end;

    if (!text || !*text)
        return 1;
    double speed = strtod(text, &end);
    /* Beyond that, nanoseconds in 64 bits would not last. */
    if (*end || !(speed >= 1e-6 && speed <= 1e6)) {
        fprintf(stderr,
                "async: ASYNC_SPEED=%s is not a number from 0.000001 to "
                "1000000; the clock\n  runs at speed 1.\n",
                text);
        return 1;
    }
    return speed;
}

static enum clock_kind kind_from_environment(void)
{
    const char *text = getenv("ASYNC_CLOCK");

    if (text && strcmp(text, "virtual") == 0)
        return CLOCK_VIRTUAL;
    if (text && *text && strcmp(text, "real") != 0)
        fprintf(stderr,
                "async: ASYNC_CLOCK=%s is unknown (real, virtual); the clock "
                "is the real one.\n",
                text);
    return CLOCK_REAL;
}

static void set_clock(void)
{
    thread_clock.speed = speed_from_environment();
    thread_clock.kind = kind_from_environment();
    thread_clock.flows = thread_clock.kind == CLOCK_REAL;
    thread_clock.since = real_now();
}

static int64_t rounded(double ns)
{
    return ns < (double)ASYNC_LATEST ? (int64_t)ns : INT64_MAX;
}

int64_t async_now_ns(void)
{
    if (thread_clock.kind == CLOCK_NOT_SET)
        set_clock();
    if (!thread_clock.flows)
        return thread_clock.base;

    int64_t passed = real_now() - thread_clock.since;
    if (thread_clock.speed != 1)
        passed = rounded((double)passed * thread_clock.speed);
    return thread_clock.base + (passed < ASYNC_LATEST ? passed : ASYNC_LATEST);
}

double async_now(void)
{
    return (double)async_now_ns() / NS_PER_SECOND;
}

int64_t async_from_real_ns(int64_t real)
{
    async_now_ns();
    if (thread_clock.speed == 1)
        return real;
    return rounded((double)real * thread_clock.speed);
}

int64_t async_real_ns(int64_t ns)
{
    async_now_ns();
    if (thread_clock.speed == 1)
        return ns;
    /* Rounded up, or a loop would wake just before the deadline, and again. */
    return rounded((double)ns / thread_clock.speed + 1);
}

bool async_clock_flows(void)
{
    async_now_ns();
    return thread_clock.flows;
}

void async_clock_set_flowing(bool flowing)
{
    if (async_clock_flows() == flowing || thread_clock.kind != CLOCK_VIRTUAL)
        return;
    thread_clock.base = async_now_ns();
    thread_clock.since = real_now();
    thread_clock.flows = flowing;
}

void async_clock_use_real(void)
{
    set_clock();
    thread_clock.kind = CLOCK_REAL;
    thread_clock.flows = true;
}

void async_clock_jump(int64_t now)
{
    if (now > thread_clock.base)
        thread_clock.base = now;
}

struct async_time_keeper *async_clock_keeper(void)
{
    return thread_clock.keeper;
}

void async_keep_time(struct async_time_keeper *keeper)
{
    thread_clock.kind = CLOCK_NOT_SET;
    thread_clock.flows = false;
    thread_clock.base = 0;
    thread_clock.keeper = keeper;
    if (keeper) {
        thread_clock.kind = CLOCK_KEPT;
        thread_clock.speed = 1;
    }
}

int64_t async_deadline_after(double seconds)
{
    int64_t now = async_now_ns();
    double ns = seconds * NS_PER_SECOND;

    if (ns >= (double)(ASYNC_LATEST - now))
        return INT64_MAX;
    int64_t wait = llround(ns);
    /* What is left of a wait may be less than a nanosecond: who sleeps until
       some time is there would sleep for ever if the clock stood still. */
    return now + (seconds > 0 && wait == 0 ? 1 : wait);
}

void async_block(double seconds)
{
    if (!(seconds > 0) || isinf(seconds))
        return;
    int64_t deadline = async_deadline_after(seconds);

    if (thread_clock.keeper) {
        async_clock_jump(
            thread_clock.keeper->hold(thread_clock.keeper, deadline));
        return;
    }
    if (!thread_clock.flows) {
        async_clock_jump(deadline < ASYNC_LATEST ? deadline : ASYNC_LATEST);
        return;
    }
    for (int64_t left; (left = deadline - async_now_ns()) > 0;) {
        int64_t real = async_real_ns(left);
        struct timespec wait = {.tv_sec = real / NS_PER_SECOND,
                                .tv_nsec = real % NS_PER_SECOND};
        nanosleep(&wait, NULL);
    }
}

/* ---- Sleeping ---------------------------------------------------------- */

struct sleeper {
    struct async_wait wait;
    struct async_timer timer;
};

static void wake_sleeper(struct async_callback *due)
{
    struct sleeper *sleeper = CONTAINER_OF(due, struct sleeper, timer.due);

    async_resume(&sleeper->wait);
}

static int sleep_until(int64_t deadline)
{
    struct sleeper sleeper = {
        .wait = {.what = "sleeps", .reason = ASYNC_FOR_TIME},
        .timer = {.due = {.run = wake_sleeper}},
    };

    /* INFINITY: no timer at all, or it would hide a deadlock. */
    int err =
        deadline == INT64_MAX ? 0 : async_timer_set(&sleeper.timer, deadline);
    if (err)
        return err;
    err = async_suspend(&sleeper.wait, "async_sleep");
    if (deadline != INT64_MAX)
        async_timer_clear(&sleeper.timer);
    return err;
}

int async_sleep(double seconds)
{
    if (!async_current_for("async_sleep"))
        return ASYNC_ENOLOOP;
    if (isnan(seconds))
        return async_raise(-EINVAL, "async_sleep: seconds is not a number");
    return seconds > 0 ? sleep_until(async_deadline_after(seconds))
                       : async_yield();
}
