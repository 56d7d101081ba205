/*
 * test_gather.c - gather, gather_all, gather_each and reap.
 *
 * asyncio's own cases are in test_asyncio_*.c; our gather's failures are equal
 * to a TaskGroup's.
 */
#include "trace.h"

#include <errno.h>

/* Sleeps, then ends with result; notes how it ended. */
struct work {
    const char *name;
    double ms;
    int result;
    double cleanup_ms; /* when cancelled */
    int value;         /* out */
};

static int work(void *job)
{
    struct work *work = job;
    int err = sleep_ms(work->ms);

    if (err) {
        ev("%s cancelled", work->name);
        int second = work->cleanup_ms ? sleep_ms(work->cleanup_ms) : 0;
        if (work->cleanup_ms)
            ev("%s %s", work->name, second ? "broken" : "cleaned");
        return err;
    }
    ev("%s %s", work->name, work->result ? "fails" : "done");
    if (work->result)
        return async_raise(work->result, "%s failed", work->name);
    work->value = (int)work->ms;
    return 0;
}

static int spawn_and_gather(struct work *works, size_t n,
                            int (*gather)(struct async_task *tasks, size_t n))
{
    struct async_task tasks[10];

    for (size_t i = 0; i < n; i++)
        async_spawn(&tasks[i], work, &works[i]);
    int err = gather(tasks, n);
    ev("gather: %s", async_errmsg(err));
    for (size_t i = 0; i < n; i++)
        if (tasks[i].err)
            ev("%s: %d %s", works[i].name, tasks[i].err, tasks[i].errmsg);
    return err;
}

/* ---- Success ----------------------------------------------------------- */

static int tick(void *job)
{
    for (int i = 0; i < *(int *)job; i++) {
        ev("tick %d", i);
        int err = async_yield();
        if (err)
            return err;
    }
    return 0;
}

static int gather_nothing(void *job)
{
    struct async_task ticker;
    int n = 1;
    (void)job;

    async_spawn(&ticker, tick, &n);
    int err = async_gather(NULL, 0);
    ev("%d", err);
    err = async_gather_all(NULL, 0);
    ev("%d", err);
    async_reap(NULL, 0);
    ev("no tick so far");
    return async_await(&ticker);
}

static void gather_empty(void **state)
{
    (void)state;
    TRACE(gather_nothing, "0 0; 0 0; 0 no tick so far; 0 tick 0");
}

static int gather_ended_tasks(void *job)
{
    struct work works[] = {{.name = "a", .ms = 0}, {.name = "b", .ms = 0}};
    struct async_task tasks[2], ticker;
    int n = 4;
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], work, &works[i]);
    int err = sleep_ms(10);
    if (err)
        return err;
    async_spawn(&ticker, tick, &n);
    err = async_gather(tasks, 2);
    ev("gathered");
    return err ? err : async_await(&ticker);
}

static void gather_over_finished_tasks_takes_two_turns(void **state)
{
    (void)state;
    TRACE(gather_ended_tasks, "0 a done; 0 b done; 10 tick 0; 10 tick 1; "
                              "10 gathered; 10 tick 2; 10 tick 3");
}

/* ---- Failure ----------------------------------------------------------- */

static int one_fails(void *job)
{
    struct work works[] = {{.name = "a", .ms = 10},
                           {.name = "b", .ms = 50, .cleanup_ms = 20},
                           {.name = "c", .ms = 30, .result = -EIO}};
    (void)job;

    spawn_and_gather(works, 3, async_gather);
    return 0;
}

static void taskgroup_failure_cancels_siblings(void **state)
{
    (void)state;
    TRACE(one_fails, "10 a done; 30 c fails; 30 b cancelled; 50 b cleaned; "
                     "50 gather: c failed; 50 b: -1001 the task was cancelled; "
                     "50 c: -5 c failed");
}

static int two_fail(void *job)
{
    struct work works[] = {{.name = "a", .ms = 30, .result = -EIO},
                           {.name = "b", .ms = 20, .result = -EINVAL}};
    (void)job;

    spawn_and_gather(works, 2, async_gather);
    return 0;
}

static void gather_earliest_failure_wins(void **state)
{
    (void)state;
    TRACE(two_fail, "20 b fails; 20 a cancelled; 20 gather: b failed; "
                    "20 a: -1001 the task was cancelled; 20 b: -22 b failed");
}

static int two_fail_all(void *job)
{
    struct work works[] = {{.name = "a", .ms = 30, .result = -EIO},
                           {.name = "b", .ms = 20, .result = -EINVAL},
                           {.name = "c", .ms = 40}};
    (void)job;

    return spawn_and_gather(works, 3, async_gather_all);
}

static void gather_return_exceptions(void **state)
{
    (void)state;
    TRACE(two_fail_all, "20 b fails; 30 a fails; 40 c done; "
                        "40 gather: success; 40 a: -5 a failed; "
                        "40 b: -22 b failed");
}

static int never_spawned(void *job)
{
    struct work long_work = {.name = "a", .ms = 50};
    struct async_task tasks[2] = {{0}};
    (void)job;

    async_spawn(&tasks[0], work, &long_work);
    ev("%d", async_gather(tasks, 2));
    ev("%s", tasks[1].errmsg);
    return 0;
}

static void gather_of_a_task_never_spawned(void **state)
{
    (void)state;
    /* Cancelled a turn after it began, hence 0. */
    TRACE(never_spawned, "0 a cancelled; 0 -22; 0 gathering 2 tasks: tasks[1] "
                         "was never spawned");
}

static int failure_turns(void *job)
{
    struct work sibling = {.name = "sibling", .ms = 1000},
                failing = {.name = "q", .ms = 0, .result = -5};
    struct async_task ticker, tasks[2];
    int n = 8;
    (void)job;

    async_spawn(&ticker, tick, &n);
    async_spawn(&tasks[0], work, &sibling);
    async_spawn(&tasks[1], work, &failing);
    ev("%d", async_gather(tasks, 2));
    return async_await(&ticker);
}

static void failure_to_cancel_2_turns_to_return_4(void **state)
{
    (void)state;
    TRACE(failure_turns,
          "0 tick 0; 0 tick 1; 0 q fails; 0 tick 2; 0 tick 3; "
          "0 sibling cancelled; 0 tick 4; 0 tick 5; 0 -5; 0 tick 6; 0 tick 7");
}

/* ---- Cancelling -------------------------------------------------------- */

static int gather_two(void *job)
{
    struct work works[] = {{.name = "a", .ms = 1000, .cleanup_ms = 30},
                           {.name = "b", .ms = 1000}};
    (void)job;

    return spawn_and_gather(works, 2, async_gather);
}

static int cancel_at_10_and_20(void *job)
{
    struct async_task task;
    (void)job;

    async_spawn(&task, gather_two, NULL);
    for (int i = 0; i < 2; i++) {
        int err = sleep_ms(10);
        if (err)
            return err;
        async_cancel(&task);
    }
    ev("main: %s", async_strerror(async_await(&task)));
    return 0;
}

static void gather_cancel_awaiting_task(void **state)
{
    (void)state;
    /* The second cancellation does not interrupt a's cleanup. */
    TRACE(cancel_at_10_and_20,
          "10 a cancelled; 10 b cancelled; 40 a cleaned; "
          "40 gather: the task was cancelled; "
          "40 a: -1001 the task was cancelled; "
          "40 b: -1001 the task was cancelled; 40 main: the task was "
          "cancelled");
}

static int nested(void *job)
{
    (void)job;
    int err = async_gather_each(
        work, ((struct work[]){{.name = "x", .ms = 1000}}), 1);
    ev("inner: %s", async_errmsg(err));
    return err;
}

static int gather_nested_failing(void *job)
{
    struct work failing = {.name = "y", .ms = 10, .result = -EIO};
    struct async_task tasks[2];
    (void)job;

    async_spawn(&tasks[0], nested, NULL);
    async_spawn(&tasks[1], work, &failing);
    ev("outer: %s", async_strerror(async_gather(tasks, 2)));
    return 0;
}

static void gather_nested_cancels_all_the_way(void **state)
{
    (void)state;
    TRACE(gather_nested_failing,
          "10 y fails; 10 x cancelled; 10 inner: the task was cancelled; "
          "10 outer: Input/output error");
}

static int reap_some(void *job)
{
    struct work works[] = {{.name = "a", .ms = 10},
                           {.name = "b", .ms = 1000, .cleanup_ms = 5}};
    struct async_task tasks[3] = {{0}};
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], work, &works[i]);
    int err = sleep_ms(20);
    if (err)
        return err;
    async_reap(tasks, 3);
    ev("%d %d", tasks[0].err, tasks[1].err);
    async_reap(tasks, 3);
    ev("again");
    return 0;
}

static void reap_cancels_what_runs_and_skips_the_rest(void **state)
{
    (void)state;
    TRACE(reap_some,
          "10 a done; 20 b cancelled; 25 b cleaned; 25 0 -1001; 25 again");
}

static int reap_while_cancelled(void *job)
{
    struct work slow = {.name = "slow", .ms = 1000, .cleanup_ms = 30};
    struct async_task task;
    (void)job;

    async_spawn(&task, work, &slow);
    int err = sleep_ms(10);
    if (err)
        return err;
    async_reap(&task, 1);
    ev("reaped");
    ev("next call: %s", async_strerror(async_yield()));
    return 0;
}

static int cancel_a_reaper(void *job)
{
    struct async_task task;
    (void)job;

    async_spawn(&task, reap_while_cancelled, NULL);
    int err = sleep_ms(20);
    if (err)
        return err;
    async_cancel(&task);
    return async_await(&task);
}

static void reap_holds_a_cancellation_back(void **state)
{
    (void)state;
    TRACE(cancel_a_reaper, "10 slow cancelled; 40 slow cleaned; 40 reaped; "
                           "40 next call: the task was cancelled");
}

static int fail_and_reap(void *job)
{
    struct work failing = {.name = "a", .ms = 10, .result = -EIO};
    struct work slow = {.name = "b", .ms = 1000};
    struct async_task tasks[2];
    (void)job;

    async_spawn(&tasks[0], work, &failing);
    async_spawn(&tasks[1], work, &slow);
    int err = async_yield();
    if (!err)
        err = async_raise(-EINVAL, "Document 7 is corrupted!");
    async_reap(tasks, 2);
    return err;
}

static void reap_keeps_the_error_that_is_being_returned(void **state)
{
    (void)state;
    TRACE(fail_and_reap, "0 a cancelled; 0 b cancelled; "
                         "0 ended with Document 7 is corrupted!");
}

/* ---- Arrays of jobs ---------------------------------------------------- */

static int each_all(void *job)
{
    struct work works[] = {{.name = "a", .ms = 10, .result = -EIO},
                           {.name = "b", .ms = 20}};
    int errs[2] = {1, 1};
    (void)job;

    ev("%d", async_gather_each_all(work, works, 2, errs));
    ev("%d %d", errs[0], errs[1]);
    return 0;
}

static void gather_each_all_keeps_every_result(void **state)
{
    (void)state;
    TRACE(each_all, "10 a fails; 20 b done; 20 0; 20 -5 0");
}

static int each(void *job)
{
    struct work works[] = {{.name = "a", .ms = 10, .result = -EIO},
                           {.name = "b", .ms = 20}};
    (void)job;

    int err = async_gather_each(work, works, 2);
    ev("%s", async_errmsg(err));
    err = async_gather_each(work, works, 0);
    ev("%d", err);
    return 0;
}

static void gather_each_is_gather(void **state)
{
    (void)state;
    TRACE(each, "10 a fails; 10 b cancelled; 10 a failed; 10 0");
}

/* Two tasks gather the same set; the second gather needs watchers of its own.
 */
struct set {
    struct async_task *tasks;
    const char *name;
};

static int gather_set(void *job)
{
    struct set *set = job;

    int err = async_gather_all(set->tasks, 2);
    ev("%s %d %d %d", set->name, err, set->tasks[0].err, set->tasks[1].err);
    return 0;
}

static int gathered_by_two(void *job)
{
    struct work works[] = {{.name = "a", .ms = 10, .result = -EIO},
                           {.name = "b", .ms = 20}};
    struct async_task tasks[2];
    struct set sets[] = {{tasks, "one"}, {tasks, "two"}};
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], work, &works[i]);
    return async_gather_each(gather_set, sets, 2);
}

static void a_set_gathered_by_two(void **state)
{
    (void)state;
    TRACE(gathered_by_two,
          "10 a fails; 20 b done; 20 one 0 -5 0; 20 two 0 -5 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gather_empty),
        cmocka_unit_test(gather_over_finished_tasks_takes_two_turns),
        cmocka_unit_test(taskgroup_failure_cancels_siblings),
        cmocka_unit_test(gather_earliest_failure_wins),
        cmocka_unit_test(gather_return_exceptions),
        cmocka_unit_test(gather_of_a_task_never_spawned),
        cmocka_unit_test(failure_to_cancel_2_turns_to_return_4),
        cmocka_unit_test(gather_cancel_awaiting_task),
        cmocka_unit_test(gather_nested_cancels_all_the_way),
        cmocka_unit_test(reap_cancels_what_runs_and_skips_the_rest),
        cmocka_unit_test(reap_holds_a_cancellation_back),
        cmocka_unit_test(reap_keeps_the_error_that_is_being_returned),
        cmocka_unit_test(gather_each_all_keeps_every_result),
        cmocka_unit_test(gather_each_is_gather),
        cmocka_unit_test(a_set_gathered_by_two),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
