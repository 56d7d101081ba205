/*
 * test_limits.c - limits of time and of number: async_wait_for, semaphores.
 *
 * The names of asyncio's cases where ours are equal to them.
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

static int in_time(void *job)
{
    (void)job;
    return with_limit(&(struct child){.ms = 50}, 0.1);
}

static void wait_for_in_time(void **state)
{
    (void)state;
    TRACE(in_time, "50 child ends; 50 success");
}

static int too_late(void *job)
{
    (void)job;
    with_limit(&(struct child){.ms = 1000, .cleanup_ms = 50}, 0.1);
    return 0;
}

static void wait_for_waits_for_cleanup(void **state)
{
    (void)state;
    TRACE(too_late, "100 child cancelled; 150 child cleaned; "
                    "150 child took longer than 0.1 s");
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

static int tie(void *job)
{
    (void)job;
    with_limit(&(struct child){.ms = 100}, 0.1);
    return 0;
}

static void wait_for_tie_timeout_first(void **state)
{
    (void)state;
    TRACE(tie, "100 child cancelled; 100 child took longer than 0.1 s");
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

struct holder {
    struct async_semaphore *semaphore;
    int id;
    double ms;
    int rounds;
};

static int hold(void *job)
{
    struct holder *holder = job;

    for (int round = 0; round < holder->rounds; round++) {
        int err = async_semaphore_acquire(holder->semaphore);
        if (err) {
            ev("%d %s", holder->id, async_errmsg(err));
            return err;
        }
        ev("%d in", holder->id);
        err = sleep_ms(holder->ms);
        ev("%d out", holder->id);
        async_semaphore_release(holder->semaphore);
        if (err)
            return err;
    }
    return 0;
}

static int ten_by_three(void *job)
{
    struct async_semaphore semaphore = {.permits = 3};
    struct holder holders[10];
    (void)job;

    for (int i = 0; i < 10; i++)
        holders[i] = (struct holder){&semaphore, i, 5000, 1};
    int err = async_gather_each(hold, holders, 10);
    ev("%d free", semaphore.permits);
    return err;
}

static void semaphore_rounds_10_by_3(void **state)
{
    (void)state;
    TRACE(ten_by_three,
          "0 0 in; 0 1 in; 0 2 in; "
          "5000 0 out; 5000 1 out; 5000 2 out; 5000 3 in; 5000 4 in; "
          "5000 5 in; "
          "10000 3 out; 10000 4 out; 10000 5 out; 10000 6 in; 10000 7 in; "
          "10000 8 in; "
          "15000 6 out; 15000 7 out; 15000 8 out; 15000 9 in; "
          "20000 9 out; 20000 3 free");
}

static int no_barging(void *job)
{
    struct async_semaphore semaphore = {.permits = 1};
    struct holder holders[] = {{&semaphore, 0, 20, 2}, {&semaphore, 1, 20, 1}};
    (void)job;

    return async_gather_each(hold, holders, 2);
}

static void semaphore_no_barging(void **state)
{
    (void)state;
    TRACE(no_barging, "0 0 in; 20 0 out; 20 1 in; 40 1 out; 40 0 in; 60 0 out");
}

static int cancel_just_woken(void *job)
{
    struct async_semaphore semaphore = {.permits = 1};
    struct holder holders[3];
    struct async_task tasks[3];
    (void)job;

    int err = async_semaphore_acquire(&semaphore);
    if (err)
        return err;
    for (int i = 0; i < 3; i++) {
        holders[i] = (struct holder){&semaphore, i, 20, 1};
        async_spawn(&tasks[i], hold, &holders[i]);
    }
    err = sleep_ms(10);
    if (err)
        return err;
    async_semaphore_release(&semaphore);
    async_cancel(&tasks[0]);
    err = async_gather_all(tasks, 3);
    ev("end %d", semaphore.permits);
    return err;
}

static void semaphore_cancel_just_woken(void **state)
{
    (void)state;
    TRACE(cancel_just_woken, "10 0 the task was cancelled; 10 1 in; 30 1 out; "
                             "30 2 in; 50 2 out; 50 end 1");
}

static int cancel_waiter(void *job)
{
    struct async_semaphore semaphore = {.permits = 1};
    struct holder holders[3];
    struct async_task tasks[3];
    (void)job;

    for (int i = 0; i < 3; i++) {
        holders[i] = (struct holder){&semaphore, i, 20, 1};
        async_spawn(&tasks[i], hold, &holders[i]);
    }
    int err = sleep_ms(10);
    if (err)
        return err;
    async_cancel(&tasks[1]);
    err = async_gather_all(tasks, 3);
    ev("end %d", semaphore.permits);
    return err;
}

static void semaphore_cancel_waiter(void **state)
{
    (void)state;
    TRACE(cancel_waiter, "0 0 in; 10 1 the task was cancelled; 20 0 out; "
                         "20 2 in; 40 2 out; 40 end 1");
}

static int as_a_signal(void *job)
{
    struct async_semaphore semaphore = {.permits = 0};
    struct holder holder = {&semaphore, 0, 0, 1};
    struct async_task task;
    (void)job;

    async_spawn(&task, hold, &holder);
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
    TRACE(as_a_signal, "10 0 in; 10 0 out; 10 -22; 10 a semaphore with -1 "
                       "permits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_for_in_time),
        cmocka_unit_test(wait_for_waits_for_cleanup),
        cmocka_unit_test(wait_for_keeps_what_the_child_returns),
        cmocka_unit_test(wait_for_tie_timeout_first),
        cmocka_unit_test(wait_for_zero_nan_and_infinity),
        cmocka_unit_test(wait_for_outer_cancel),
        cmocka_unit_test(wait_for_with_a_cancellation_pending),
        cmocka_unit_test(semaphore_rounds_10_by_3),
        cmocka_unit_test(semaphore_no_barging),
        cmocka_unit_test(semaphore_cancel_just_woken),
        cmocka_unit_test(semaphore_cancel_waiter),
        cmocka_unit_test(semaphore_of_none_and_of_fewer),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
