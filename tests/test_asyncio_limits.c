/*
 * test_asyncio_limits.c - asyncio's cases: wait_for, and the timeout() block,
 * whose body is here a function that async_wait_for runs.
 *
 * A test has the name of the case that was observed in CPython 3.11, and is the
 * same program: docs/asyncio-semantics.md lists them all. Where it says
 * "difference", the trace is the one that our own rule gives. Those behind
 * "Beside the cases" are of the same kind, and were observed there as well.
 */
#include "trace.h"

#include "async/async_loop.h"

#include <errno.h>
#include <math.h>

/* What a child does when it is cancelled. */
enum answer { OBEYS, SWALLOWS, FAILS };

struct child {
    double ms, cleanup_ms;
    enum answer answer;
    const char *value; /* out */
};

static int answer_of(const struct child *child, int err)
{
    switch (child->answer) {
    case SWALLOWS:
        return 0;
    case FAILS:
        return async_raise(-EINVAL, "cleanup failed");
    case OBEYS:
        break;
    }
    return err;
}

/* Notes its end, and how it is cancelled. */
static int d(void *job)
{
    struct child *child = job;
    int err = sleep_ms(child->ms);

    child->value = err ? "late" : "r";
    if (!err) {
        ev("child ends");
        return 0;
    }
    ev("child cancelled");
    if (child->cleanup_ms) {
        int second = sleep_ms(child->cleanup_ms);
        ev(second ? "cleanup broken" : "child cleaned");
        if (second)
            return second;
    }
    return answer_of(child, err);
}

/* Notes nothing. */
static int quiet(void *job)
{
    struct child *child = job;
    int err = sleep_ms(child->ms);

    child->value = err ? "late" : "r";
    return err ? answer_of(child, err) : 0;
}

/* Spawns fn(job), cancels it after milliseconds, and tells how it ended. */
static int cancel_after(double milliseconds, async_fn *fn, void *job)
{
    struct async_task t;

    async_spawn(&t, fn, job);
    int err = sleep_ms(milliseconds);
    async_cancel(&t);
    int result = async_await(&t);
    ev("main: %s", async_errmsg(result));
    return err;
}

/* ---- wait_for ---------------------------------------------------------- */

static int wait_for_in_time_main(void *job)
{
    struct child child = {.ms = 30};
    (void)job;

    int err = async_wait_for(quiet, &child, 0.1);
    ev("%s", child.value);
    int second = sleep_ms(100);
    ev("end");
    return err ? err : second;
}

static void wait_for_in_time(void **state)
{
    (void)state;
    TRACE_TO_END(wait_for_in_time_main, "30 r; 130 end; 130 END returned 0");
}

static int wait_for_timeout_main(void *job)
{
    struct child child = {.ms = 1000};
    (void)job;

    int err = async_wait_for(d, &child, 0.1);
    ev("%s: %s", async_strerror(err), async_errmsg(err));
    return 0;
}

static void wait_for_timeout(void **state)
{
    (void)state;
    TRACE_TO_END(wait_for_timeout_main,
                 "100 child cancelled; "
                 "100 the time was up: d took longer than 0.1 s; "
                 "100 END returned 0");
}

static int wait_for_waits_for_cleanup_main(void *job)
{
    struct child child = {.ms = 1000, .cleanup_ms = 50};
    (void)job;

    int err = async_wait_for(d, &child, 0.1);
    ev("%s", async_strerror(err));
    return 0;
}

static void wait_for_waits_for_cleanup(void **state)
{
    (void)state;
    TRACE_TO_END(wait_for_waits_for_cleanup_main,
                 "100 child cancelled; 150 child cleaned; "
                 "150 the time was up; 150 END returned 0");
}

static int wait_for_child_fails_in_cleanup_main(void *job)
{
    struct child child = {.ms = 1000, .answer = FAILS};
    (void)job;

    int err = async_wait_for(quiet, &child, 0.1);
    ev("%d %s", err == -EINVAL, async_errmsg(err));
    return 0;
}

static void wait_for_child_fails_in_cleanup(void **state)
{
    (void)state;
    TRACE_TO_END(wait_for_child_fails_in_cleanup_main,
                 "100 1 cleanup failed; 100 END returned 0");
}

/* asyncio.current_task(): a task that suspends for a turn can ask its wait. */
struct self {
    struct async_callback callback;
    struct async_wait wait;
};

static void go_on(struct async_callback *callback)
{
    async_resume(&((struct self *)(void *)callback)->wait);
}

static const void *current_task(void)
{
    struct self self = {.callback.run = go_on,
                        .wait.what = "asks which task it is"};

    async_call_soon(&self.callback);
    return async_suspend(&self.wait, "current_task") ? NULL : self.wait.task;
}

static int which_task(void *job)
{
    const void **task = job;

    *task = current_task();
    return sleep_ms(300);
}

static int wait_for_none_main(void *job)
{
    const void *m = current_task(), *task = NULL;
    (void)job;

    int err = async_wait_for(which_task, &task, INFINITY);
    ev("%d", task == m);
    int second = async_wait_for(which_task, &task, 10);
    ev("%d", task == m);
    return err ? err : second;
}

static void wait_for_none(void **state)
{
    (void)state;
    TRACE_TO_END(wait_for_none_main, "300 1; 600 0; 600 END returned 0");
}

static int raise_v(void *job)
{
    (void)job;
    int err = sleep_ms(10);
    return err ? err : async_raise(-EINVAL, "v");
}

static int wait_for_exception_main(void *job)
{
    (void)job;
    int err = async_wait_for(raise_v, NULL, 1);
    ev("%d %s", err == -EINVAL, async_errmsg(err));
    return 0;
}

static void wait_for_exception(void **state)
{
    (void)state;
    TRACE_TO_END(wait_for_exception_main, "10 1 v; 10 END returned 0");
}

static int raise_timeout(void *job)
{
    (void)job;
    int err = sleep_ms(10);
    return err ? err : async_raise(ASYNC_ETIMEDOUT, "mine");
}

static int wait_for_child_own_timeouterror_main(void *job)
{
    (void)job;
    int err = async_wait_for(raise_timeout, NULL, 1);
    ev("%s: %s", async_strerror(err), async_errmsg(err));
    return 0;
}

static void wait_for_child_own_timeouterror(void **state)
{
    (void)state;
    TRACE_TO_END(wait_for_child_own_timeouterror_main,
                 "10 the time was up: mine; 10 END returned 0");
}

static int wait_10_s(void *job)
{
    int err = async_wait_for(d, job, 10);

    if (err == ASYNC_ECANCELED)
        ev("waiter cancelled");
    return err;
}

static int wait_for_outer_cancel_main(void *job)
{
    struct child child = {.ms = 1000, .cleanup_ms = 30};
    (void)job;
    return cancel_after(50, wait_10_s, &child);
}

static void wait_for_outer_cancel(void **state)
{
    (void)state;
    TRACE_TO_END(wait_for_outer_cancel_main,
                 "50 child cancelled; 80 child cleaned; "
                 "80 waiter cancelled; 80 main: the task was cancelled; "
                 "80 END returned 0");
}

static int wait_for_it(void *job)
{
    return async_event_wait(job);
}

static int wait_for_event(void *job)
{
    int err = async_wait_for(wait_for_it, job, 10);
    if (err)
        return err;
    ev("waiter got it");
    err = sleep_ms(10);
    ev("waiter went on");
    return err;
}

static int wait_for_cancel_lost_when_child_done_main(void *job)
{
    struct async_event f = {0};
    struct async_task t;
    (void)job;

    async_spawn(&t, wait_for_event, &f);
    int err = sleep_ms(10);
    async_event_set(&f);
    async_cancel(&t);
    int result = async_await(&t);
    ev("%s", async_strerror(result));
    ev("cancelled() %d", t.err == ASYNC_ECANCELED);
    return err;
}

/* Difference: a cancel is never lost. */
static void wait_for_cancel_lost_when_child_done(void **state)
{
    (void)state;
    TRACE_TO_END(wait_for_cancel_lost_when_child_done_main,
                 "10 the task was cancelled; 10 cancelled() 1; "
                 "10 END returned 0");
}

static int sleep_100_complete(void *job)
{
    const char **value = job;
    int err = sleep_ms(100);
    if (err)
        return err;
    ev("child completed");
    *value = "r";
    return 0;
}

static void tell(int err, const char *value)
{
    if (err)
        ev("%s", async_strerror(err));
    else
        ev("got %s", value);
}

static int wait_for_tie_timeout_first_main(void *job)
{
    const char *value = NULL;
    (void)job;

    int err = async_wait_for(sleep_100_complete, &value, 0.1);
    tell(err, value);
    return 0;
}

static void wait_for_tie_timeout_first(void **state)
{
    (void)state;
    TRACE_TO_END(wait_for_tie_timeout_first_main,
                 "100 the time was up; 100 END returned 0");
}

/* A moment, set before the limit is. */
struct moment {
    struct async_timer timer;
    struct async_event come;
};

static void moment_comes(struct async_callback *due)
{
    async_event_set(&((struct moment *)(void *)due)->come);
}

static int complete_at_that_moment(void *job)
{
    struct moment *moment = job;
    int err = async_event_wait(&moment->come);

    if (!err)
        ev("child completed");
    return err;
}

/* async_wait_for starts its child itself; what the child waits for is older. */
static int wait_for_tie_child_first_main(void *job)
{
    struct moment moment = {.timer.due.run = moment_comes};
    (void)job;

    int err = async_timer_set(&moment.timer, async_now_ns() + 100000000);
    if (err)
        return err;
    err = async_wait_for(complete_at_that_moment, &moment, 0.1);
    tell(err, "r");
    return 0;
}

static void wait_for_tie_child_first(void **state)
{
    (void)state;
    TRACE_TO_END(wait_for_tie_child_first_main,
                 "100 child completed; 100 got r; 100 END returned 0");
}

static int await_it(void *job)
{
    return async_await(job);
}

static int limit_an_older_task(void *job)
{
    const char *value = NULL;
    struct async_task t;
    (void)job;

    async_spawn(&t, sleep_100_complete, &value);
    int err = async_yield();
    int second = async_wait_for(await_it, &t, 0.1);
    tell(second, value);
    async_reap(&t, 1);
    return err;
}

/* As in asyncio with a coroutine that awaits the task: its end is a turn away
   from there. */
static void wait_for_tie_with_an_older_task(void **state)
{
    (void)state;
    TRACE_TO_END(limit_an_older_task,
                 "100 child completed; 100 the time was up; "
                 "100 END returned 0");
}

static int sleep_200_give_9(void *job)
{
    int *value = job;
    int err = sleep_ms(200);
    if (err)
        return err;
    ev("task completed");
    *value = 9;
    return 0;
}

static int shield_it(void *job)
{
    return async_shield(await_it, job);
}

static int wait_for_shield_main(void *job)
{
    int value = 0;
    struct async_task t;
    (void)job;

    async_spawn(&t, sleep_200_give_9, &value);
    int err = async_wait_for(shield_it, &t, 0.1);
    if (err == ASYNC_ETIMEDOUT)
        ev("%s", async_strerror(err));
    err = async_await(&t);
    ev("got %d", value);
    return err;
}

/* Difference: shield only defers. The time is up when the task has ended. */
static void wait_for_shield(void **state)
{
    (void)state;
    TRACE_TO_END(wait_for_shield_main,
                 "200 task completed; 200 the time was up; 200 got 9; "
                 "200 END returned 0");
}

struct announced {
    struct async_event done;
    int value; /* out */
};

static int sleep_200_and_tell(void *job)
{
    struct announced *announced = job;
    int err = sleep_200_give_9(&announced->value);

    async_event_set(&announced->done);
    return err;
}

static int wait_for_its_event(void *job)
{
    struct announced announced = {.value = 0};
    struct async_task t;
    (void)job;

    async_spawn(&t, sleep_200_and_tell, &announced);
    int err = async_wait_for(wait_for_it, &announced.done, 0.1);
    if (err == ASYNC_ETIMEDOUT)
        ev("%s", async_strerror(err));
    err = async_await(&t);
    ev("got %d", announced.value);
    return err;
}

/* asyncio's own trace, for who wants it so. */
static void wait_for_shield_with_an_event(void **state)
{
    (void)state;
    TRACE_TO_END(wait_for_its_event,
                 "100 the time was up; 200 task completed; 200 got 9; "
                 "200 END returned 0");
}

/* ---- timeout() --------------------------------------------------------- */

static int inside(void *job)
{
    (void)job;
    int err = sleep_ms(1000);
    if (err)
        ev("inside: %s", async_strerror(err));
    return err;
}

static int timeout_block_expires_main(void *job)
{
    (void)job;
    int err = async_wait_for(inside, NULL, 0.1);
    ev("outside: %s %d", async_strerror(err), async_cancelling());
    return 0;
}

static void timeout_block_expires(void **state)
{
    (void)state;
    TRACE_TO_END(timeout_block_expires_main,
                 "100 inside: the task was cancelled; "
                 "100 outside: the time was up 0; 100 END returned 0");
}

static int timeout_block_in_time_main(void *job)
{
    struct child child = {.ms = 50};
    (void)job;

    int err = async_wait_for(quiet, &child, 0.1);
    ev("%d", err == ASYNC_ETIMEDOUT);
    err = sleep_ms(100);
    ev("end");
    return err;
}

static void timeout_block_in_time(void **state)
{
    (void)state;
    TRACE_TO_END(timeout_block_in_time_main,
                 "50 0; 150 end; 150 END returned 0");
}

static int finally_sleep_50(void *job)
{
    (void)job;
    int err = sleep_ms(1000);
    int second = sleep_ms(50);
    ev("cleaned");
    return err ? err : second;
}

static int timeout_block_waits_for_cleanup_main(void *job)
{
    (void)job;
    int err = async_wait_for(finally_sleep_50, NULL, 0.1);
    ev("%s", async_strerror(err));
    return 0;
}

static void timeout_block_waits_for_cleanup(void **state)
{
    (void)state;
    TRACE_TO_END(timeout_block_waits_for_cleanup_main,
                 "150 cleaned; 150 the time was up; 150 END returned 0");
}

static int timeout_block_other_error_main(void *job)
{
    struct child child = {.ms = 1000, .answer = FAILS};
    (void)job;

    int err = async_wait_for(quiet, &child, 0.1);
    ev("%s", async_strerror(err));
    return 0;
}

static void timeout_block_other_error(void **state)
{
    (void)state;
    TRACE_TO_END(timeout_block_other_error_main,
                 "100 Invalid argument; 100 END returned 0");
}

static int two_limits(void *job)
{
    struct child child = {.ms = 1000};
    (void)job;

    int err = async_wait_for(quiet, &child, 0.05);
    if (err == ASYNC_ETIMEDOUT)
        ev("inner: %s", async_strerror(err));
    err = sleep_ms(50);
    ev("outer body ends");
    return err;
}

static int timeout_nested_inner_first_main(void *job)
{
    return async_wait_for(two_limits, job, 0.2);
}

static void timeout_nested_inner_first(void **state)
{
    (void)state;
    TRACE_TO_END(timeout_nested_inner_first_main,
                 "50 inner: the time was up; 100 outer body ends; "
                 "100 END returned 0");
}

static int with_limit_10(void *job)
{
    return async_wait_for(quiet, job, 10);
}

static int timeout_outer_cancel_main(void *job)
{
    struct child child = {.ms = 1000};
    (void)job;
    return cancel_after(10, with_limit_10, &child);
}

static void timeout_outer_cancel(void **state)
{
    (void)state;
    TRACE_TO_END(timeout_outer_cancel_main,
                 "10 main: the task was cancelled; 10 END returned 0");
}

struct part {
    const char *name;
    double ms;
};

static int part(void *job)
{
    const struct part *part = job;
    int err = sleep_ms(part->ms);

    ev("%s %s", err ? "cancelled" : "done", part->name);
    return err;
}

static int batch(void *job)
{
    struct part parts[] = {{"a", 20}, {"b", 100}, {"c", 200}};
    (void)job;
    return async_gather_each(part, parts, 3);
}

static int timeout_shared_by_batch_main(void *job)
{
    int err = async_wait_for(batch, job, 0.05);
    ev("%s", async_strerror(err));
    return 0;
}

static void timeout_shared_by_batch(void **state)
{
    (void)state;
    TRACE_TO_END(timeout_shared_by_batch_main,
                 "20 done a; 50 cancelled b; 50 cancelled c; "
                 "50 the time was up; 50 END returned 0");
}

/* ---- Beside the cases -------------------------------------------------- */

/* A limit around a limit; both tell. */
struct limits {
    double outer, inner;
    struct child child;
    bool passes; /* the inner one's error on */
};

static int inner_limit(void *job)
{
    struct limits *limits = job;
    int err = async_wait_for(d, &limits->child, limits->inner);

    ev("inner: %s", async_strerror(err));
    return limits->passes ? err : 0;
}

static int nest(void *job)
{
    struct limits *limits = job;
    int err = async_wait_for(inner_limit, limits, limits->outer);

    ev("outer: %s", async_strerror(err));
    return 0;
}

static void limits_in_limits(void **state)
{
    struct limits inner_first = {0.1, 0.05, {.ms = 1000}, false};
    struct limits outer_first = {
        0.05, 0.1, {.ms = 1000, .cleanup_ms = 20}, true};
    struct limits both = {0.05, 0.05, {.ms = 1000}, true};
    (void)state;

    assert_string_equal(trace_to_end(nest, &inner_first),
                        "50 child cancelled; 50 inner: the time was up; "
                        "50 outer: success; 50 END returned 0");
    assert_string_equal(trace_to_end(nest, &outer_first),
                        "50 child cancelled; 70 child cleaned; "
                        "70 inner: the task was cancelled; "
                        "70 outer: the time was up; 70 END returned 0");
    assert_string_equal(trace_to_end(nest, &both),
                        "50 child cancelled; 50 inner: the task was "
                        "cancelled; 50 outer: the time was up; "
                        "50 END returned 0");
}

static int no_time_at_all(void *job)
{
    struct child child = {.ms = 10};
    (void)job;

    ev("%s", async_strerror(async_wait_for(d, &child, 0)));
    ev("%s", async_strerror(async_wait_for(d, &child, -1)));
    return sleep_ms(20);
}

static void a_limit_of_nothing_never_starts(void **state)
{
    (void)state;
    TRACE_TO_END(no_time_at_all,
                 "0 the time was up; 0 the time was up; 20 END returned 0");
}

static int late_but_there(void *job)
{
    struct child child = {.ms = 1000, .cleanup_ms = 20, .answer = SWALLOWS};
    (void)job;

    int err = async_wait_for(d, &child, 0.05);
    ev("%s", child.value);
    return err;
}

static void a_child_swallows_the_end_of_its_time(void **state)
{
    (void)state;
    TRACE_TO_END(late_but_there,
                 "50 child cancelled; 70 child cleaned; 70 late; "
                 "70 END returned 0");
}

static int wait_1_s(void *job)
{
    int err = async_wait_for(d, job, 1);

    ev("o: %s", async_strerror(err));
    return err;
}

static int cancel_twice(void *job)
{
    struct child child = {.ms = 1000, .cleanup_ms = 100};
    struct async_task t;
    int err = 0;
    (void)job;

    async_spawn(&t, wait_1_s, &child);
    for (int i = 0; i < 2 && !err; i++) {
        err = sleep_ms(10);
        async_cancel(&t);
    }
    int result = async_await(&t);
    return err ? err : result == ASYNC_ECANCELED ? 0 : result;
}

/* Difference: nothing outlives its frame. In asyncio, o is gone before the
   child has ended. */
static void a_second_cancel_breaks_the_cleanup(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_twice,
                 "10 child cancelled; 20 cleanup broken; "
                 "20 o: the task was cancelled; 20 END returned 0");
}

static int wait_50_ms(void *job)
{
    int err = async_wait_for(d, job, 0.05);

    ev("o: %s", async_strerror(err));
    return err;
}

static int cancel_after_the_limit(void *job)
{
    struct child child = {.ms = 1000, .cleanup_ms = 100};
    (void)job;
    return cancel_after(80, wait_50_ms, &child);
}

/* Difference, for the same reason. */
static void a_cancel_after_the_limit_breaks_the_cleanup(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_after_the_limit,
                 "50 child cancelled; 80 cleanup broken; "
                 "80 o: the task was cancelled; "
                 "80 main: the task was cancelled; 80 END returned 0");
}

static int cancel_at_the_limit(void *job)
{
    struct child child = {.ms = 1000};
    (void)job;
    return cancel_after(50, wait_50_ms, &child);
}

static void a_cancel_in_the_turn_of_the_limit(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_at_the_limit,
                 "50 child cancelled; 50 o: the task was cancelled; "
                 "50 main: the task was cancelled; 50 END returned 0");
}

static int tick(void *job)
{
    const int *n = job;
    int err = 0;

    for (int i = 0; i < *n && !err; i++) {
        ev("tick %d", i);
        err = async_yield();
    }
    return err;
}

static int q(void *job)
{
    const bool *yields = job;
    int err = *yields ? async_yield() : 0;

    ev("q end");
    return err;
}

static int count_turns(void *job)
{
    struct async_task k;
    int n = 6;

    async_spawn(&k, tick, &n);
    int err = async_wait_for(q, job, 1);
    ev("main resumed");
    int second = async_await(&k);
    return err ? err : second;
}

static void wait_for_wakeup_ticks(void **state)
{
    bool yields = true;
    (void)state;

    assert_string_equal(trace_to_end(count_turns, &yields),
                        "0 tick 0; 0 tick 1; 0 q end; 0 tick 2; 0 tick 3; "
                        "0 main resumed; 0 tick 4; 0 tick 5; "
                        "0 END returned 0");
    yields = false;
    assert_string_equal(trace_to_end(count_turns, &yields),
                        "0 tick 0; 0 q end; 0 tick 1; 0 tick 2; "
                        "0 main resumed; 0 tick 3; 0 tick 4; 0 tick 5; "
                        "0 END returned 0");
}

static int acquire(void *job)
{
    return async_semaphore_acquire(job);
}

static int limit_an_acquire(void *job)
{
    struct async_semaphore s = {.permits = 1};
    (void)job;

    int err = acquire(&s);
    ev("limit: %s", async_strerror(async_wait_for(acquire, &s, 0.05)));
    async_semaphore_release(&s);
    ev("%d", s.permits);
    int second = acquire(&s);
    ev("acquired");
    async_semaphore_release(&s);
    return err ? err : second;
}

static void an_acquire_with_a_limit_leaves_the_line(void **state)
{
    (void)state;
    TRACE_TO_END(limit_an_acquire,
                 "50 limit: the time was up; 50 1; 50 acquired; "
                 "50 END returned 0");
}

struct releaser {
    struct async_timer timer;
    struct async_semaphore s;
};

static void release_now(struct async_callback *due)
{
    async_semaphore_release(&((struct releaser *)(void *)due)->s);
}

static int release_at_the_limit(void *job)
{
    struct releaser it = {.timer.due.run = release_now, .s.permits = 1};
    (void)job;

    int err = acquire(&it.s);
    if (!err)
        err = async_timer_set(&it.timer, async_now_ns() + 50000000);
    if (err)
        return err;
    err = async_wait_for(acquire, &it.s, 0.05);
    ev("limit: %s", async_strerror(err));
    ev("%d", it.s.permits);
    if (!err)
        async_semaphore_release(&it.s);
    return err;
}

static void a_permit_comes_at_the_limit(void **state)
{
    (void)state;
    TRACE_TO_END(release_at_the_limit,
                 "50 limit: success; 50 0; 50 END returned 0");
}

static int release_after_50(void *job)
{
    int err = async_yield();

    if (!err)
        err = sleep_ms(50);
    async_semaphore_release(job);
    return err;
}

static int release_just_after_the_limit(void *job)
{
    struct async_semaphore s = {.permits = 1};
    struct async_task k;
    (void)job;

    int err = acquire(&s);
    async_spawn(&k, release_after_50, &s);
    ev("limit: %s", async_strerror(async_wait_for(acquire, &s, 0.05)));
    int second = async_await(&k);
    ev("%d", s.permits);
    return err ? err : second;
}

static void a_permit_comes_too_late_and_is_not_lost(void **state)
{
    (void)state;
    TRACE_TO_END(release_just_after_the_limit,
                 "50 limit: the time was up; 50 1; 50 END returned 0");
}

static int tries(void *job)
{
    struct child child = {.ms = 1000};
    int err = 0;
    (void)job;

    for (int i = 0; i < 5 && err != ASYNC_ECANCELED; i++) {
        err = async_wait_for(quiet, &child, 0.1);
        if (err == ASYNC_ETIMEDOUT)
            ev("try %d", i);
    }
    return err;
}

static int limit_all_tries(void *job)
{
    int err = async_wait_for(tries, job, 0.25);
    ev("all: %s", async_strerror(err));
    return 0;
}

static void a_limit_around_tries_with_limits(void **state)
{
    (void)state;
    TRACE_TO_END(limit_all_tries,
                 "100 try 0; 200 try 1; 250 all: the time was up; "
                 "250 END returned 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_for_in_time),
        cmocka_unit_test(wait_for_timeout),
        cmocka_unit_test(wait_for_waits_for_cleanup),
        cmocka_unit_test(wait_for_child_fails_in_cleanup),
        cmocka_unit_test(wait_for_none),
        cmocka_unit_test(wait_for_exception),
        cmocka_unit_test(wait_for_child_own_timeouterror),
        cmocka_unit_test(wait_for_outer_cancel),
        cmocka_unit_test(wait_for_cancel_lost_when_child_done),
        cmocka_unit_test(wait_for_tie_timeout_first),
        cmocka_unit_test(wait_for_tie_child_first),
        cmocka_unit_test(wait_for_tie_with_an_older_task),
        cmocka_unit_test(wait_for_shield),
        cmocka_unit_test(wait_for_shield_with_an_event),
        cmocka_unit_test(timeout_block_expires),
        cmocka_unit_test(timeout_block_in_time),
        cmocka_unit_test(timeout_block_waits_for_cleanup),
        cmocka_unit_test(timeout_block_other_error),
        cmocka_unit_test(timeout_nested_inner_first),
        cmocka_unit_test(timeout_outer_cancel),
        cmocka_unit_test(timeout_shared_by_batch),
        cmocka_unit_test(limits_in_limits),
        cmocka_unit_test(a_limit_of_nothing_never_starts),
        cmocka_unit_test(a_child_swallows_the_end_of_its_time),
        cmocka_unit_test(a_second_cancel_breaks_the_cleanup),
        cmocka_unit_test(a_cancel_after_the_limit_breaks_the_cleanup),
        cmocka_unit_test(a_cancel_in_the_turn_of_the_limit),
        cmocka_unit_test(wait_for_wakeup_ticks),
        cmocka_unit_test(an_acquire_with_a_limit_leaves_the_line),
        cmocka_unit_test(a_permit_comes_at_the_limit),
        cmocka_unit_test(a_permit_comes_too_late_and_is_not_lost),
        cmocka_unit_test(a_limit_around_tries_with_limits),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
