/*
 * test_bad_input.c - what async.h says about the calls that nobody should make:
 * handles that were copied, kept, awaited twice; jobs that free themselves;
 * errors out of range. And async_shield, which must not lose a cancellation.
 */
#include "trace.h"

#include "async/async_loop.h"

#include <errno.h>
#include <math.h>

static int quick(void *job)
{
    (void)job;
    return 0;
}

static int sleeper(void *job)
{
    const char *name = job;
    int err = sleep_ms(100);

    ev("%s: %s", name, async_strerror(err));
    return err;
}

/* ---- Handles ----------------------------------------------------------- */

static struct async_task kept;

static int keep_a_handle(void *job)
{
    (void)job;
    async_spawn(&kept, quick, NULL);
    return async_yield();
}

static int use_it_later(void *job)
{
    struct async_task *tasks = &kept;
    (void)job;

    ev("cancel %d", async_cancel(&kept));
    int err = async_await(&kept);
    ev("%d %s", err, async_errmsg(err));
    err = async_gather_all(tasks, 1);
    ev("%d %s", err, async_errmsg(err));
    return 0;
}

static void a_handle_of_an_earlier_run(void **state)
{
    (void)state;
    TRACE(keep_a_handle, "");
    TRACE(use_it_later,
          "0 cancel 0; 0 -22 the task belongs to another async_run; "
          "0 -22 tasks[0] belongs to another async_run");
}

/* A handle that is used in another thread, where the clock is a real one. */
struct lent {
    struct async_task task;
    struct async_event returned;
    char seen[4][ASYNC_ERRMSG_SIZE]; /* what each function said there */
    int others[4];                   /* results of a task beside it */
};

static int one_turn(void *job)
{
    (void)job;
    return async_yield();
}

static void note(struct lent *lent, int i, int err,
                 const struct async_task *other)
{
    snprintf(lent->seen[i], sizeof lent->seen[i], "%d %s", err,
             async_errmsg(err));
    lent->others[i] = other ? other->err : 0;
}

/* With each function that waits for a handle, and with a task of its own beside
   it. */
static int use_it_there(void *job)
{
    struct lent *lent = job;
    struct async_task tasks[2] = {lent->task};
    size_t i;

    note(lent, 0, async_await(&lent->task), NULL);
    async_spawn(&tasks[1], one_turn, NULL);
    note(lent, 1, async_gather(tasks, 2), &tasks[1]);
    async_spawn(&tasks[1], one_turn, NULL);
    note(lent, 2, async_gather_all(tasks, 2), &tasks[1]);
    async_spawn(&tasks[1], one_turn, NULL);
    note(lent, 3, async_wait_any(tasks, 2, &i), &tasks[1]);
    async_reap(&lent->task, 1);
    return 0;
}

static int run_there(void *job)
{
    return async_run(use_it_there, job);
}

static int wait_for_return(void *job)
{
    struct lent *lent = job;

    return async_event_wait(&lent->returned);
}

static int lend_a_handle(void *job)
{
    struct lent lent = {0};
    (void)job;

    async_spawn(&lent.task, wait_for_return, &lent);
    int err = async_yield();
    if (!err)
        err = async_to_thread(run_there, &lent);
    for (int i = 0; !err && i < 4; i++)
        ev("%s, %d", lent.seen[i], lent.others[i]);
    async_event_set(&lent.returned);
    ev("await %d", async_await(&lent.task));
    return err;
}

static void a_handle_of_another_thread(void **state)
{
    (void)state;
    TRACE(lend_a_handle, "0 -22 the task belongs to another async_run, 0; "
                         "0 -22 tasks[0] belongs to another async_run, -1001; "
                         "0 -22 tasks[0] belongs to another async_run, 0; "
                         "0 -22 tasks[0] belongs to another async_run, -1001; "
                         "0 await 0");
}

static int copy_a_handle(void *job)
{
    struct async_task task, copy;
    char name[] = "task";
    (void)job;

    async_spawn(&task, sleeper, name);
    copy = task;
    int err = async_await(&task);
    ev("copy: %d", async_await(&copy));
    ev("%s", copy.errmsg);
    ev("cancel: %d", async_cancel(&copy));
    return err;
}

static void a_copied_handle(void **state)
{
    (void)state;
    TRACE(
        copy_a_handle,
        "100 task: success; 100 copy: -22; 100 the task was awaited through a "
        "copy of its struct async_task; 100 cancel: 0");
}

static int gather_a_copy(void *job)
{
    struct async_task tasks[2];
    char name[] = "task";

    async_spawn(&tasks[0], sleeper, name);
    tasks[1] = tasks[0];
    int err = async_gather(tasks, 2);
    ev("%d %s", err, async_errmsg(err));
    (void)job;
    return tasks[0].err;
}

static void a_copy_gathered_beside_its_original(void **state)
{
    (void)state;
    TRACE(gather_a_copy, "100 task: success; 100 -22 the task was awaited "
                         "through a copy of its struct async_task");
}

static int await_twice(void *job)
{
    struct async_task task;
    char name[] = "task";
    (void)job;

    async_spawn(&task, sleeper, name);
    int first = async_await(&task);
    int second = async_await(&task);
    ev("%d %d %d", first, second, async_gather_all(&task, 1));
    ev("cancel %d, reap", async_cancel(&task));
    async_reap(&task, 1);
    return task.err;
}

static void a_task_awaited_twice(void **state)
{
    (void)state;
    TRACE(await_twice, "100 task: success; 100 0 0 0; 100 cancel 0, reap");
}

static int returns_early(void *job)
{
    static char name[] = "child"; /* it outlives this frame */
    struct async_task *child = job;

    async_spawn(child, sleeper, name);
    return sleep_ms(10);
}

static int cancel_what_returned(void *job)
{
    static struct async_task child;
    struct async_task task;
    (void)job;

    async_spawn(&task, returns_early, &child);
    int err = sleep_ms(10);
    if (!err)
        err = async_yield();
    /* It has returned 0, and its forgotten child is being cancelled. */
    ev("cancel %d", async_cancel(&task));
    ev("%d", async_await(&task));
    return err;
}

static void a_task_that_has_returned_keeps_its_result(void **state)
{
    (void)state;
    TRACE(cancel_what_returned,
          "10 cancel 0; 10 child: the task was cancelled; 10 0");
}

/* ---- Jobs -------------------------------------------------------------- */

static int free_yourself(void *job)
{
    double ms = *(double *)job;

    free(job);
    int err = sleep_ms(ms);
    ev("%g ms", ms);
    return err;
}

static int jobs_that_free_themselves(void *job)
{
    struct async_task tasks[3];
    (void)job;

    for (int i = 0; i < 3; i++) {
        double *ms = malloc(sizeof *ms);
        *ms = 10 * i;
        async_spawn(&tasks[i], free_yourself, ms);
    }
    return async_gather(tasks, 3);
}

static void a_job_may_be_freed_by_its_coroutine(void **state)
{
    (void)state;
    TRACE(jobs_that_free_themselves, "0 0 ms; 10 10 ms; 20 20 ms");
}

/* ---- Numbers ----------------------------------------------------------- */

static int sleep_numbers(void *job)
{
    const double numbers[] = {0, -0.0, -1, -INFINITY, NAN, 5e-324, 1e-10};
    (void)job;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        ev("%d", async_sleep(numbers[i]));
    async_block(-1);
    async_block(NAN);
    return 0;
}

static void sleeps_of_no_length(void **state)
{
    (void)state;
    TRACE(sleep_numbers, "0 0; 0 0; 0 0; 0 0; 0 -22; 0 0; 0 0");
}

/* No event after it: the clock flows while a descriptor is waited for. */
static int end_of_time(void *job)
{
    const double numbers[] = {1e9, 5e9, 1e10, 1e300};
    int ends[2];
    (void)job;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        ev("%d", async_wait_for(quick, NULL, numbers[i]));
    async_block(1e300);
    async_block(1e300);
    double now = async_now();
    if (pipe(ends))
        return -errno;
    int err = async_wait_writable(ends[1]);
    close(ends[0]);
    close(ends[1]);
    return err ? err : now > 4e9 && async_now() >= now ? 0 : -ERANGE;
}

static void the_clock_has_an_end(void **state)
{
    (void)state;
    TRACE(end_of_time, "0 0; 0 0; 0 0; 0 0");
    async_keep_time(NULL); /* the next test's begins anew */
}

static int raise_oddly(void *job)
{
    (void)job;
    int err = async_raise(0, "no error at all");
    ev("%d %s", err, async_errmsg(err));
    err = async_raise(7, "seven");
    ev("%d %s", err, async_errmsg(err));
    err = async_raise(-5000, "mine");
    ev("%d %s", err, async_errmsg(err));
    ev("%s", async_errmsg(-5001));
    return 0;
}

static void errors_of_any_number(void **state)
{
    (void)state;
    TRACE(raise_oddly, "0 0 success; 0 7 seven; 0 -5000 mine; 0 error -5001");
}

/* ---- Shield ------------------------------------------------------------ */

static int shielded(void *job)
{
    int err = async_shield(sleeper, job);

    ev("shielded: %s, cancelled %d times", async_strerror(err),
       async_cancelling());
    err = async_yield();
    ev("then: %s", async_strerror(err));
    return async_yield() ? -EINVAL : err;
}

static int cancel_the_shielded(void *job)
{
    struct async_task task;
    char name[] = "inner";
    (void)job;

    async_spawn(&task, shielded, name);
    int err = sleep_ms(10);
    ev("cancel %d %d", async_cancel(&task), async_cancel(&task));
    return err ? err : async_await(&task);
}

static void a_shield_holds_a_cancellation_back(void **state)
{
    (void)state;
    TRACE(cancel_the_shielded, "10 cancel 1 1; 100 inner: success; "
                               "100 shielded: success, cancelled 2 times; "
                               "100 then: the task was cancelled; "
                               "100 ended with the task was cancelled");
}

static int gather_two(void *job)
{
    struct async_task tasks[2];
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], sleeper, i ? "second" : "first");
    return async_gather(tasks, 2);
}

static int nested_shields(void *job)
{
    int err = async_shield(gather_two, job);

    if (!err)
        err = async_shield(sleeper, "last");
    return err;
}

static int shield_all(void *job)
{
    return async_shield(nested_shields, job);
}

static int cancel_nested(void *job)
{
    struct async_task task;
    (void)job;

    async_spawn(&task, shield_all, NULL);
    int err = sleep_ms(10);
    async_cancel(&task);
    return err ? err : async_await(&task);
}

/* What is gathered in a shield is not cancelled, either; and a task that was
   cancelled and never suspends again to hear of it has still been cancelled. */
static void shields_nest(void **state)
{
    (void)state;
    TRACE(cancel_nested, "100 first: success; 100 second: success; "
                         "200 last: success; "
                         "200 ended with the task was cancelled");
}

static int cancel_then_shield(void *job)
{
    async_cancel(job);
    int err = async_shield(sleeper, "inner");
    ev("%d, then %s", err, async_strerror(async_yield()));
    return 0;
}

static int cancelled_before(void *job)
{
    struct async_task task;
    (void)job;

    async_spawn(&task, cancel_then_shield, &task);
    return async_await(&task);
}

static void a_cancellation_pending_on_entry_is_held(void **state)
{
    (void)state;
    TRACE(cancelled_before,
          "100 inner: success; 100 0, then the task was cancelled");
}

static int wait_for_shielded(void *job)
{
    return async_shield(sleeper, job);
}

static int time_out(void *job)
{
    int err = async_wait_for(wait_for_shielded, "slow", 0.01);
    (void)job;

    ev("%s", async_errmsg(err));
    return 0;
}

static void a_time_limit_waits_for_a_shield(void **state)
{
    (void)state;
    TRACE(time_out, "100 slow: success; 100 wait_for_shielded took longer "
                    "than 0.01 s");
}

static void no_shield_outside_of_tasks(void **state)
{
    (void)state;
    assert_int_equal(async_shield(quick, NULL), ASYNC_ENOLOOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handle_of_an_earlier_run),
        cmocka_unit_test(a_handle_of_another_thread),
        cmocka_unit_test(a_copied_handle),
        cmocka_unit_test(a_copy_gathered_beside_its_original),
        cmocka_unit_test(a_task_awaited_twice),
        cmocka_unit_test(a_task_that_has_returned_keeps_its_result),
        cmocka_unit_test(a_job_may_be_freed_by_its_coroutine),
        cmocka_unit_test(sleeps_of_no_length),
        cmocka_unit_test(the_clock_has_an_end),
        cmocka_unit_test(errors_of_any_number),
        cmocka_unit_test(a_shield_holds_a_cancellation_back),
        cmocka_unit_test(shields_nest),
        cmocka_unit_test(a_cancellation_pending_on_entry_is_held),
        cmocka_unit_test(a_time_limit_waits_for_a_shield),
        cmocka_unit_test(no_shield_outside_of_tasks),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
