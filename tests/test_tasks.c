/*
 * test_tasks.c - spawn, await, cancel and sleep: who runs when.
 *
 * asyncio's own cases are in test_asyncio_*.c.
 */
#include "trace.h"

#include <errno.h>
#include <execinfo.h>
#include <math.h>

/* A task that notes its name, sleeps and notes it again. */
struct step {
    const char *name;
    double ms;
    int result;
};

static int step(void *job)
{
    struct step *step = job;

    ev("%s", step->name);
    int err = sleep_ms(step->ms);
    if (err)
        ev("%s: %s", step->name, async_errmsg(err));
    else
        ev("%s end", step->name);
    return err ? err : step->result;
}

/* ---- Starting ---------------------------------------------------------- */

static int spawn_runs_later(void *job)
{
    struct step child = {.name = "child"};
    struct async_task task;
    (void)job;

    ev("before");
    async_spawn(&task, step, &child);
    ev("after, %s", async_strerror(task.err));
    int err = async_yield();
    if (err)
        return err;
    ev("after yield");
    return async_await(&task);
}

static void task_starts_at_next_tick(void **state)
{
    (void)state;
    TRACE(spawn_runs_later,
          "0 before; 0 after, the task has not been awaited; 0 child; "
          "0 after yield; 0 child end");
}

static int call_runs_at_once(void *job)
{
    struct step child = {.name = "child", .ms = 50};
    (void)job;

    ev("before");
    int err = step(&child);
    ev("after");
    return err;
}

static void await_coroutine_is_a_call(void **state)
{
    (void)state;
    TRACE(call_runs_at_once, "0 before; 0 child; 50 child end; 50 after");
}

static int tick(void *job)
{
    const int *n = job;

    for (int i = 0; i < *n; i++) {
        ev("tick %d", i);
        int err = async_yield();
        if (err)
            return err;
    }
    return 0;
}

static int await_ended_task(void *job)
{
    struct step child = {.name = "child", .result = -EIO};
    struct async_task task, ticker;
    int n = 3;
    (void)job;

    async_spawn(&task, step, &child);
    int err = sleep_ms(10);
    if (err)
        return err;
    async_spawn(&ticker, tick, &n);
    ev("%d", async_await(&task));
    ev("%d %d", async_await(&task), task.err);
    ev("no tick so far");
    return async_await(&ticker);
}

static void await_done_task_does_not_yield(void **state)
{
    (void)state;
    TRACE(await_ended_task, "0 child; 0 child end; 10 -5; 10 -5 -5; "
                            "10 no tick so far; 10 tick 0; 10 tick 1; "
                            "10 tick 2");
}

struct waiter {
    const char *name;
    struct async_task *task;
};

static int wait_for_task(void *job)
{
    struct waiter *waiter = job;

    ev("%s got %d", waiter->name, async_await(waiter->task));
    return 0;
}

static int two_await_one(void *job)
{
    struct step child = {.name = "q", .ms = 50, .result = -5};
    struct async_task task;
    struct waiter waiters[] = {{"a", &task}, {"b", &task}};
    (void)job;

    async_spawn(&task, step, &child);
    return async_gather_each(wait_for_task, waiters, 2);
}

static void two_waiters_one_task(void **state)
{
    (void)state;
    TRACE(two_await_one, "0 q; 50 q end; 50 a got -5; 50 b got -5");
}

static int await_and_gather_one(void *job)
{
    struct step child = {.name = "q", .ms = 50, .result = -5};
    struct async_task task, other;
    struct waiter waiter = {"a", &task};
    (void)job;

    async_spawn(&task, step, &child);
    async_spawn(&other, wait_for_task, &waiter);
    int err = async_yield();
    if (err)
        return err;
    ev("gather %d", async_gather(&task, 1));
    return async_await(&other);
}

static void a_task_awaited_and_gathered(void **state)
{
    (void)state;
    TRACE(await_and_gather_one, "0 q; 50 q end; 50 a got -5; 50 gather -5");
}

static int await_never_spawned(void *job)
{
    struct async_task task = {0};
    (void)job;

    ev("%d %s", async_await(&task), task.errmsg);
    return 0;
}

static void await_of_a_task_never_spawned(void **state)
{
    (void)state;
    TRACE(await_never_spawned, "0 -22 the task was never spawned");
}

/* ---- Sleeping ---------------------------------------------------------- */

static int sleep_in_order(void *job)
{
    struct step steps[] = {{.name = "a", .ms = 30},
                           {.name = "b", .ms = 10},
                           {.name = "c", .ms = 30},
                           {.name = "d", .ms = 20}};
    (void)job;

    return async_gather_each(step, steps, 4);
}

static void sleep_equal_deadline_fifo(void **state)
{
    (void)state;
    TRACE(sleep_in_order, "0 a; 0 b; 0 c; 0 d; 10 b end; 20 d end; 30 a end; "
                          "30 c end");
}

static int sleep_strangely(void *job)
{
    (void)job;
    ev("%d", async_sleep(-1));
    ev("%d", async_sleep(-INFINITY));
    ev("%d", async_sleep(NAN));
    ev("%s", async_errmsg(-EINVAL));
    return 0;
}

static void sleep_negative_and_nan(void **state)
{
    (void)state;
    TRACE(sleep_strangely, "0 0; 0 0; 0 -22; 0 async_sleep: seconds is not a "
                           "number");
}

static int sleep_less_than_a_nanosecond(void *job)
{
    double start = async_now();
    (void)job;

    int err = async_sleep(1e-10);
    if (err)
        return err;
    return async_now() > start ? 0 : -ETIME;
}

/* Or "while (async_now() < end) sleep for the rest" might never end. */
static void sleep_of_next_to_nothing_takes_time(void **state)
{
    (void)state;
    assert_int_equal(async_run(sleep_less_than_a_nanosecond, NULL), 0);
}

static int sleep_for_ever(void *job)
{
    (void)job;
    return async_sleep(INFINITY);
}

static int cancel_endless_sleep(void *job)
{
    struct async_task task;
    (void)job;

    async_spawn(&task, sleep_for_ever, NULL);
    int err = async_sleep(1e6);
    if (err)
        return err;
    async_cancel(&task);
    ev("%s", async_strerror(async_await(&task)));
    return 0;
}

static void sleep_infinity_ends_when_cancelled(void **state)
{
    (void)state;
    TRACE(cancel_endless_sleep, "1000000000 the task was cancelled");
}

/* ---- Cancelling -------------------------------------------------------- */

static int cancel_new_task(void *job)
{
    struct step child = {.name = "child"};
    struct async_task task;
    (void)job;

    async_spawn(&task, step, &child);
    ev("%d", async_cancel(&task));
    ev("%s", async_strerror(async_await(&task)));
    ev("%d", async_cancel(&task));
    return 0;
}

static void cancel_before_start(void **state)
{
    (void)state;
    TRACE(cancel_new_task, "0 1; 0 the task was cancelled; 0 0");
}

static int cancel_itself(void *job)
{
    struct async_task *self = job;

    async_cancel(self);
    ev("goes on until it suspends: %s", async_strerror(async_yield()));
    async_cancel(self);
    return 0;
}

static int run_cancel_itself(void *job)
{
    struct async_task task;
    (void)job;

    async_spawn(&task, cancel_itself, &task);
    ev("%s", async_strerror(async_await(&task)));
    return 0;
}

static void cancel_pending_at_return(void **state)
{
    (void)state;
    TRACE(run_cancel_itself,
          "0 goes on until it suspends: the task was cancelled; "
          "0 the task was cancelled");
}

/* ---- Tasks that know each other ---------------------------------------- */

static struct async_task shared;

static int spawn_for_others(void *job)
{
    async_spawn(&shared, step, job);
    return async_yield();
}

/* The task's own parent has returned when its result is collected. */
static int await_a_strangers_child(void *job)
{
    struct step child = {.name = "child", .ms = 50};
    struct step steps[] = {{.name = "a", .ms = 10}, {.name = "b", .ms = 20}};
    struct async_task task;
    (void)job;

    async_spawn(&task, spawn_for_others, &child);
    int err = async_yield();
    if (err)
        return err;
    ev("child: %s", async_strerror(async_await(&shared)));
    ev("parent: %s", async_strerror(async_await(&task)));
    return async_gather_each(step, steps, 2);
}

static void await_after_the_parent_returned(void **state)
{
    (void)state;
    TRACE(await_a_strangers_child,
          "0 child; 0 child: the task was cancelled; "
          "0 child: the task was cancelled; 0 parent: success; "
          "0 a; 0 b; 10 a end; 20 b end");
}

static int cleans_for_long(void *job)
{
    int err = sleep_ms(1000);
    (void)job;

    return err ? sleep_ms(10) : 0;
}

static int leaves_its_child(void *job)
{
    struct async_task child;

    async_spawn(&child, cleans_for_long, job);
    return async_yield();
}

static int await_and_tell(void *job)
{
    int err = async_await(job);

    ev("awaited: %s", async_errmsg(err));
    return err;
}

/* The awaited task has returned, and cannot be told any more. */
static int cancel_who_awaits_what_has_returned(void *job)
{
    struct async_task tasks[2];

    async_spawn(&tasks[0], leaves_its_child, job);
    async_spawn(&tasks[1], await_and_tell, &tasks[0]);
    int err = sleep_ms(5);
    async_cancel(&tasks[1]);
    async_reap(tasks, 2);
    ev("left behind: %s", async_strerror(tasks[0].err));
    return err;
}

static void a_cancel_is_kept_for_who_awaits_what_has_returned(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(cancel_who_awaits_what_has_returned,
                       "10 LOG never awaited: task 4, cleans_for_long; "
                       "10 awaited: the task was cancelled; "
                       "10 left behind: success; 10 END returned 0");
}

static int await_other(void *job)
{
    int err = async_await(job);

    ev("%s", async_errmsg(err));
    return 0;
}

static int await_in_a_circle(void *job)
{
    struct async_task tasks[2];
    (void)job;

    async_spawn(&tasks[0], await_other, &tasks[1]);
    async_spawn(&tasks[1], await_other, &tasks[0]);
    return async_gather(tasks, 2);
}

static void tasks_that_await_each_other(void **state)
{
    (void)state;
    TRACE(await_in_a_circle,
          "0 await_other awaits the task that awaits it; 0 success");
}

/* ---- Running ----------------------------------------------------------- */

static int fail_with_text(void *job)
{
    return async_raise(-EINVAL, "Document %d is corrupted!", *(int *)job);
}

static void run_returns_error_and_text(void **state)
{
    int id = 3;
    (void)state;

    assert_int_equal(async_run(fail_with_text, &id), -EINVAL);
    assert_string_equal(async_errmsg(-EINVAL), "Document 3 is corrupted!");
    assert_string_equal(async_errmsg(-EIO), strerror(EIO));
}

static void long_text_is_cut_between_characters(void **state)
{
    char text[300];
    (void)state;

    /* Two bytes each, so that the cut falls into the middle of one. */
    for (size_t i = 0; i < sizeof text - 1; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[sizeof text - 2] = '\0';
    async_raise(-EIO, "%s", text);
    const char *cut = async_errmsg(-EIO);
    assert_int_equal(strlen(cut), 127);
    assert_string_equal(cut + 124, "...");
    assert_memory_equal(cut + 122, "\xc3\xa9", 2);

    async_raise(-EIO, "x%s", text);
    cut = async_errmsg(-EIO);
    assert_int_equal(strlen(cut), 126);
    assert_string_equal(cut + 123, "...");
    assert_memory_equal(cut + 121, "\xc3\xa9", 2);
}

static int deep(int levels)
{
    volatile char frame[1000];

    frame[0] = (char)levels;
    if (levels > 0)
        return deep(levels - 1) + (frame[0] != (char)levels);
    int err = async_yield();
    return err ? err : frame[0];
}

static int run_deep(void *job)
{
    (void)job;
    return deep(150);
}

static void stacks_are_deep_and_switch_in_the_middle(void **state)
{
    (void)state;
    assert_int_equal(async_run(run_deep, NULL), 0);
}

struct sum {
    int n, sum;
};

static int add(void *job)
{
    struct sum *sum = job;

    for (int i = 0; i < 10; i++) {
        /* No lock: nothing suspends between reading and writing. */
        sum->sum += 1;
        int err = async_yield();
        if (err)
            return err;
    }
    return 0;
}

static int many_tasks(void *job)
{
    struct sum *sum = job;
    struct async_task *tasks = calloc((size_t)sum->n, sizeof *tasks);

    if (!tasks)
        return -ENOMEM;
    for (int i = 0; i < sum->n; i++)
        async_spawn(&tasks[i], add, sum);
    int err = async_gather(tasks, (size_t)sum->n);
    free(tasks);
    return err;
}

/* Each awaits the next; so deep a chain is not passed down as a recursion. */
enum { LINKS = 1000 };

struct link {
    int depth;
    int *told; /* how many have been, the last one first */
};

static int wait_for_the_next(void *job)
{
    const struct link *link = job;
    struct link next = {.depth = link->depth + 1, .told = link->told};
    struct async_task task;
    int err;

    if (next.depth == LINKS) {
        err = async_sleep(3600);
    } else {
        async_spawn(&task, wait_for_the_next, &next);
        err = async_await(&task);
    }
    if (err == ASYNC_ECANCELED && *link->told == LINKS - 1 - link->depth)
        ++*link->told;
    return err;
}

static int cancel_a_chain(void *job)
{
    struct link first = {.depth = 0, .told = job};
    struct async_task task;

    async_spawn(&task, wait_for_the_next, &first);
    int err = async_sleep(1);
    if (err)
        return err;
    async_cancel(&task);
    err = async_await(&task);
    return err == ASYNC_ECANCELED ? 0 : -EINVAL;
}

static void cancel_is_passed_down_a_long_chain(void **state)
{
    int told = 0;
    (void)state;

    assert_int_equal(async_run(cancel_a_chain, &told), 0);
    assert_int_equal(told, LINKS);
}

/* The addresses that backtrace() finds, so many calls deep in a task. */
struct depth {
    int calls;
    void *addresses[64];
    int n;
};

__attribute__((noinline)) static int look_back(struct depth *depth, int calls)
{
    if (calls)
        look_back(depth, calls - 1);
    else
        depth->n = backtrace(depth->addresses, 64);
    /* So that the call above is not the last thing done here. */
    __asm__ volatile("" : : : "memory");
    return depth->n;
}

static int look_back_twice(void *job)
{
    struct depth *depth = job;
    int n = look_back(depth, depth->calls);
    int err = async_yield();

    if (err)
        return err;
    return look_back(depth, depth->calls) == n ? 0 : -EINVAL;
}

static int look_back_in_tasks(void *job)
{
    struct depth *depths = job;

    return async_gather_each(look_back_twice, depths, 2);
}

/* Frame by frame up to the function that each stack begins with: the last
   addresses are the same in every task. */
static void backtrace_ends_with_the_task(void **state)
{
    struct depth depths[2] = {{.calls = 1}, {.calls = 11}};
    const struct depth *one = &depths[0], *eleven = &depths[1];
    (void)state;

    assert_int_equal(async_run(look_back_in_tasks, depths), 0);
    assert_in_range(one->n, 4, 10);
    assert_int_equal(eleven->n, one->n + 10);
    assert_ptr_equal(eleven->addresses[eleven->n - 1],
                     one->addresses[one->n - 1]);
    assert_ptr_equal(eleven->addresses[eleven->n - 2],
                     one->addresses[one->n - 2]);
}

static void shared_counter_is_safe_without_await(void **state)
{
    struct sum sum = {.n = 5000};
    (void)state;

    assert_int_equal(async_run(many_tasks, &sum), 0);
    assert_int_equal(sum.sum, 50000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(task_starts_at_next_tick),
        cmocka_unit_test(await_coroutine_is_a_call),
        cmocka_unit_test(await_done_task_does_not_yield),
        cmocka_unit_test(two_waiters_one_task),
        cmocka_unit_test(a_task_awaited_and_gathered),
        cmocka_unit_test(await_of_a_task_never_spawned),
        cmocka_unit_test(sleep_equal_deadline_fifo),
        cmocka_unit_test(sleep_negative_and_nan),
        cmocka_unit_test(sleep_of_next_to_nothing_takes_time),
        cmocka_unit_test(sleep_infinity_ends_when_cancelled),
        cmocka_unit_test(cancel_before_start),
        cmocka_unit_test(cancel_pending_at_return),
        cmocka_unit_test(await_after_the_parent_returned),
        cmocka_unit_test(a_cancel_is_kept_for_who_awaits_what_has_returned),
        cmocka_unit_test(tasks_that_await_each_other),
        cmocka_unit_test(run_returns_error_and_text),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(stacks_are_deep_and_switch_in_the_middle),
        cmocka_unit_test(cancel_is_passed_down_a_long_chain),
        cmocka_unit_test(backtrace_ends_with_the_task),
        cmocka_unit_test(shared_counter_is_safe_without_await),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
