/*
 * test_wait_any.c - tasks as they end, on the virtual clock.
 */
#include "trace.h"

#include <errno.h>

struct step {
    const char *name;
    double ms;
    int result;
    double cleanup_ms;
};

static int step(void *job)
{
    struct step *step = job;
    int err = sleep_ms(step->ms);

    if (!err)
        return step->result ? async_raise(step->result, "%s failed", step->name)
                            : 0;
    ev("%s: %s", step->name, async_strerror(err));
    if (step->cleanup_ms && sleep_ms(step->cleanup_ms))
        ev("%s: cleanup was cancelled", step->name);
    return err;
}

static struct step steps[] = {
    {.name = "a", .ms = 30},
    {.name = "b", .ms = 10, .result = -EIO},
    {.name = "c", .ms = 20},
};

static void spawn_steps(struct async_task *tasks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        async_spawn(&tasks[i], step, &steps[i]);
}

static int as_completed(void *job)
{
    struct async_task tasks[3];
    size_t i = 99;
    (void)job;

    spawn_steps(tasks, 3);
    for (int k = 0; k < 3; k++) {
        int err = async_wait_any(tasks, 3, &i);
        if (err)
            return err;
        ev("%s: %d %s", steps[i].name, tasks[i].err, tasks[i].errmsg);
    }
    int err = async_wait_any(tasks, 3, &i);
    ev("%d %s", err, async_errmsg(err));
    return 0;
}

static void each_once_in_the_order_of_their_ends(void **state)
{
    (void)state;
    TRACE(as_completed, "10 b: -5 b failed; 20 c: 0 ; 30 a: 0 ; "
                        "30 -22 of 3 tasks none is left to wait for");
}

static int over_finished(void *job)
{
    struct async_task tasks[4] = {{0}};
    size_t i = 99;
    int err;
    (void)job;

    spawn_steps(tasks, 3);
    if ((err = sleep_ms(100)) || (err = async_await(&tasks[2])))
        return err;
    /* c has been awaited; the fourth was never spawned. */
    while ((err = async_wait_any(tasks, 4, &i)) == 0)
        ev("%zu: %d %s", i, tasks[i].err, tasks[i].errmsg);
    return 0;
}

static void awaited_tasks_are_not_given_again(void **state)
{
    (void)state;
    TRACE(
        over_finished,
        "100 3: -22 the task was never spawned; 100 1: -5 b failed; 100 0: 0 ");
}

static int wait_in_vain(void *job)
{
    struct async_task tasks[3];
    size_t i = 99;
    (void)job;

    steps[0].cleanup_ms = 50;
    spawn_steps(tasks, 3);
    int err = async_wait_any(tasks, 3, &i);
    if (!err)
        err = async_wait_any(tasks, 3, &i);
    ev("%zu %s", i, async_strerror(err));
    ev("%d %d %d", tasks[0].err, tasks[1].err, tasks[2].err);
    steps[0].cleanup_ms = 0;
    return err;
}

static int cancel_after(double ms)
{
    struct async_task task;

    async_spawn(&task, wait_in_vain, NULL);
    int err = sleep_ms(ms);
    async_cancel(&task);
    return err ? err : async_await(&task);
}

static int cancel_after_15(void *job)
{
    (void)job;
    return cancel_after(15);
}

static void cancelled_it_has_reaped_the_set(void **state)
{
    (void)state;
    TRACE(cancel_after_15, "15 a: the task was cancelled; "
                           "15 c: the task was cancelled; "
                           "65 1 the task was cancelled; "
                           "65 -1001 -5 -1001; "
                           "65 ended with the task was cancelled");
}

static int nothing(void *job)
{
    size_t i;
    (void)job;

    return async_wait_any(NULL, 0, &i);
}

static void no_tasks_is_an_error(void **state)
{
    (void)state;
    TRACE(nothing, "0 ended with of 0 tasks none is left to wait for");
}

static int two_at_once(void *job)
{
    struct step same[3] = {{.name = "x", .ms = 10},
                           {.name = "y", .ms = 10},
                           {.name = "z", .ms = 10}};
    struct async_task tasks[3];
    size_t i;
    (void)job;

    for (int k = 2; k >= 0; k--)
        async_spawn(&tasks[k], step, &same[k]);
    for (int k = 0; k < 3; k++) {
        int err = async_wait_any(tasks, 3, &i);
        if (err)
            return err;
        ev("%s", same[i].name);
    }
    return 0;
}

static void equal_ends_in_the_order_in_which_they_came(void **state)
{
    (void)state;
    TRACE(two_at_once, "10 z; 10 y; 10 x");
}

struct waiter {
    const char *name;
    struct async_task *tasks;
};

static int wait_beside(void *job)
{
    struct waiter *waiter = job;
    size_t i;
    int err = async_wait_any(waiter->tasks, 2, &i);

    ev("%s: %s", waiter->name, err ? async_errmsg(err) : steps[i + 1].name);
    return 0;
}

/* What one of them is given, the others are not. */
static int several_waiters(void *job)
{
    struct async_task tasks[2], waiters[3];
    struct waiter waiting[3] = {{"x", tasks}, {"y", tasks}, {"z", tasks}};
    (void)job;

    for (int k = 0; k < 2; k++)
        async_spawn(&tasks[k], step, &steps[k + 1]);
    for (int k = 0; k < 3; k++)
        async_spawn(&waiters[k], wait_beside, &waiting[k]);
    return async_gather(waiters, 3);
}

static void several_wait_for_the_same_set(void **state)
{
    (void)state;
    TRACE(several_waiters, "10 x: b; 20 y: c; "
                           "20 z: of 2 tasks none is left to wait for");
}

static int respawn(void *job)
{
    struct async_task *task = job;
    int err = async_await(task);

    if (!err) {
        steps[2].ms = 50;
        async_spawn(task, step, &steps[2]);
        err = sleep_ms(100);
    }
    steps[2].ms = 20;
    return err;
}

/* Somebody else awaits the task first, and spawns another in its place. */
static int respawned(void *job)
{
    struct async_task task, other;
    size_t i;
    (void)job;

    async_spawn(&task, step, &steps[0]);
    async_spawn(&other, respawn, &task);
    int err = async_yield();
    if (!err)
        err = async_wait_any(&task, 1, &i);
    ev("any: %d", err);
    return err ? err : async_await(&other);
}

static void a_task_spawned_in_place_of_another(void **state)
{
    (void)state;
    TRACE(respawned, "80 any: 0");
}

static int many(void *job)
{
    enum { N = 500 };
    static struct step job_of[N];
    static struct async_task tasks[N];
    size_t i;
    double last = 0;
    (void)job;

    for (size_t k = 0; k < N; k++) {
        job_of[k] = (struct step){.ms = (double)(k * 7919 % N) + 1};
        async_spawn(&tasks[k], step, &job_of[k]);
    }
    for (int k = 0; k < N; k++) {
        int err = async_wait_any(tasks, N, &i);
        if (err)
            return err;
        if (job_of[i].ms != last + 1)
            ev("%g after %g", job_of[i].ms, last);
        last = job_of[i].ms;
    }
    ev("%g", last);
    return 0;
}

static void many_tasks(void **state)
{
    (void)state;
    TRACE(many, "500 500");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_once_in_the_order_of_their_ends),
        cmocka_unit_test(awaited_tasks_are_not_given_again),
        cmocka_unit_test(cancelled_it_has_reaped_the_set),
        cmocka_unit_test(no_tasks_is_an_error),
        cmocka_unit_test(equal_ends_in_the_order_in_which_they_came),
        cmocka_unit_test(several_wait_for_the_same_set),
        cmocka_unit_test(a_task_spawned_in_place_of_another),
        cmocka_unit_test(many_tasks),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
