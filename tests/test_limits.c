/*
 * test_limits.c - limits of time and of number: async_wait_for, semaphores.
 *
 * asyncio's own cases are in test_asyncio_*.c.
 */
#include "trace.h"

#include <errno.h>
#include <math.h>

/* ---- async_wait_for ---------------------------------------------------- */

struct child {
    double ms, cleanup_ms;
    int result;         /* of its own accord */
    int when_cancelled; /* 0: ECANCELED; 1: success; else that error */
};

static int child(void *job)
{
    struct child *child = job;

    int err = sleep_ms(child->ms);
    if (!err) {
        ev("child ends");
        return child->result;
    }
    ev("child cancelled");
    if (child->cleanup_ms) {
        int second = sleep_ms(child->cleanup_ms);
        ev("child %s", second ? "interrupted" : "cleaned");
    }
    return child->when_cancelled == 1 ? 0
           : child->when_cancelled    ? child->when_cancelled
                                      : err;
}

static int with_limit(struct child *job, double seconds)
{
    int err = async_wait_for(child, job, seconds);

    ev("%s", async_errmsg(err));
    return err;
}

static int late_but_swallows(void *job)
{
    (void)job;
    with_limit(&(struct child){.ms = 1000, .when_cancelled = 1}, 0.1);
    with_limit(&(struct child){.ms = 1000, .when_cancelled = -EIO}, 0.1);
    return 0;
}

static void wait_for_keeps_what_the_child_returns(void **state)
{
    (void)state;
    TRACE(late_but_swallows, "100 child cancelled; 100 success; "
                             "200 child cancelled; 200 Input/output error");
}

static int no_time(void *job)
{
    (void)job;
    with_limit(&(struct child){.ms = 100}, 0);
    with_limit(&(struct child){.ms = 100}, -1);
    with_limit(&(struct child){.ms = 100}, NAN);
    with_limit(&(struct child){.ms = 100}, INFINITY);
    return 0;
}

static void wait_for_zero_nan_and_infinity(void **state)
{
    (void)state;
    TRACE(no_time, "0 child took longer than 0 s; 0 child took longer than -1 "
                   "s; 0 async_wait_for: seconds is not a number; "
                   "100 child ends; 100 success");
}

static int outer(void *job)
{
    return with_limit(job, 10);
}

static int cancel_outer(void *job)
{
    struct async_task task;
    double *at = job;
    struct child slow = {.ms = 1000, .cleanup_ms = 30};

    async_spawn(&task, outer, &slow);
    for (; *at; at++) {
        int err = sleep_ms(*at);
        if (err)
            return err;
        async_cancel(&task);
    }
    ev("main: %s", async_strerror(async_await(&task)));
    return 0;
}

static void wait_for_outer_cancel(void **state)
{
    double once[] = {50, 0}, twice[] = {50, 10, 0};
    (void)state;

    assert_string_equal(trace(cancel_outer, once),
                        "50 child cancelled; 80 child cleaned; "
                        "80 the task was cancelled; "
                        "80 main: the task was cancelled");
    assert_string_equal(trace(cancel_outer, twice),
                        "50 child cancelled; 60 child interrupted; "
                        "60 the task was cancelled; "
                        "60 main: the task was cancelled");
}

static int cancelled_on_entry(void *job)
{
    struct async_task *self = job;

    async_cancel(self);
    with_limit(&(struct child){.ms = 100}, 0);
    async_cancel(self);
    with_limit(&(struct child){.ms = 100}, 1);
    return 0;
}

static int run_cancelled_on_entry(void *job)
{
    struct async_task task;
    (void)job;

    async_spawn(&task, cancelled_on_entry, &task);
    return async_await(&task);
}

/* Found by comparing random programs: a limit of 0 lost the cancellation. */
static void wait_for_with_a_cancellation_pending(void **state)
{
    (void)state;
    TRACE(run_cancelled_on_entry,
          "0 the task was cancelled; 0 child cancelled; 0 the task was "
          "cancelled");
}

/* ---- Semaphores -------------------------------------------------------- */

static int acquire(void *job)
{
    int err = async_semaphore_acquire(job);

    if (!err)
        ev("in");
    return err;
}

static int as_a_signal(void *job)
{
    struct async_semaphore semaphore = {.permits = 0};
    struct async_task task;
    (void)job;

    async_spawn(&task, acquire, &semaphore);
    int err = sleep_ms(10);
    if (err)
        return err;
    async_semaphore_release(&semaphore);
    err = async_await(&task);
    semaphore.permits = -1;
    ev("%d", async_semaphore_acquire(&semaphore));
    ev("%s", async_errmsg(-EINVAL));
    return err;
}

static void semaphore_of_none_and_of_fewer(void **state)
{
    (void)state;
    TRACE(as_a_signal, "10 in; 10 -22; 10 a semaphore with -1 permits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_for_keeps_what_the_child_returns),
        cmocka_unit_test(wait_for_zero_nan_and_infinity),
        cmocka_unit_test(wait_for_outer_cancel),
        cmocka_unit_test(wait_for_with_a_cancellation_pending),
        cmocka_unit_test(semaphore_of_none_and_of_fewer),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
