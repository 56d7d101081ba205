/*
 * test_asyncio_gather.c - asyncio's cases: gather, and the TaskGroup that our
 * gather behaves like.
 *
 * A test has the name of the case that was observed in CPython 3.11, and is the
 * same program: docs/asyncio-semantics.md lists them all. Where it says
 * "difference", the trace is the one that our own rule gives. Those behind
 * "Beside the cases" are of the same kind, and were observed there as well.
 */
#include "trace.h"

#include "async/async_loop.h"

#include <errno.h>

/* Sleeps, then completes or fails; notes which, and how it was cancelled. */
struct d {
    const char *name;
    double ms;
    bool bad;
    double cleanup_ms;
    bool swallows;       /* a cancellation */
    const char *failure; /* in its cleanup */
};

static int cancelled(const struct d *d, int err)
{
    ev("%s cancelled", d->name);
    int second = d->cleanup_ms ? sleep_ms(d->cleanup_ms) : 0;
    if (d->cleanup_ms && !second)
        ev("%s cleaned", d->name);
    if (d->failure)
        return async_raise(-EIO, "%s", d->failure);
    return d->swallows ? 0 : err;
}

static int d(void *job)
{
    const struct d *d = job;
    int err = sleep_ms(d->ms);

    if (err)
        return cancelled(d, err);
    if (!d->bad) {
        ev("%s completed", d->name);
        return 0;
    }
    ev("%s fails", d->name);
    return async_raise(-EINVAL, "%s", d->name);
}

static void spawn_each(struct async_task *tasks, struct d *ds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        async_spawn(&tasks[i], d, &ds[i]);
}

/* Notes each turn of the loop. */
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

/* Sleeps, and gives a result; notes neither. */
struct value {
    double ms;
    const char *value;
    const char *result; /* out */
};

static int value(void *job)
{
    struct value *value = job;
    int err = sleep_ms(value->ms);

    if (!err)
        value->result = value->value;
    return err;
}

static int done(void *job)
{
    struct value *it = job;
    int err = value(it);

    if (!err)
        ev("done %s", it->value);
    return err;
}

/* ---- Results ----------------------------------------------------------- */

static int gather_results_in_argument_order_main(void *job)
{
    struct value values[] = {
        {.value = "a", .ms = 30},
        {.value = "b", .ms = 10},
        {.value = "c", .ms = 20},
    };
    (void)job;

    int err = async_gather_each(done, values, 3);
    ev("%s %s %s", values[0].result, values[1].result, values[2].result);
    return err;
}

static void gather_results_in_argument_order(void **state)
{
    (void)state;
    TRACE_TO_END(gather_results_in_argument_order_main,
                 "10 done b; 20 done c; 30 done a; 30 a b c; "
                 "30 END returned 0");
}

struct download {
    const char *file;
    double seconds;
    char content[32]; /* out */
};

static int download_file(void *job)
{
    struct download *download = job;

    ev("Downloading %s", download->file);
    int err = async_sleep(download->seconds);
    if (err)
        return err;
    ev("Downloaded %s", download->file);
    snprintf(download->content, sizeof download->content, "%s content",
             download->file);
    return 0;
}

static int gather_total_is_slowest_main(void *job)
{
    struct download files[] = {
        {.file = "report1.pdf", .seconds = 2},
        {.file = "specs.docx", .seconds = 3},
        {.file = "drawings.dwg", .seconds = 1},
    };
    (void)job;

    int err = async_gather_each(download_file, files, 3);
    ev("%s, %s, %s", files[0].content, files[1].content, files[2].content);
    return err;
}

static void gather_total_is_slowest(void **state)
{
    (void)state;
    TRACE_TO_END(gather_total_is_slowest_main,
                 "0 Downloading report1.pdf; 0 Downloading specs.docx; "
                 "0 Downloading drawings.dwg; 1000 Downloaded drawings.dwg; "
                 "2000 Downloaded report1.pdf; 3000 Downloaded specs.docx; "
                 "3000 report1.pdf content, specs.docx content, "
                 "drawings.dwg content; 3000 END returned 0");
}

static int other(void *job)
{
    (void)job;
    ev("other");
    return 0;
}

static int gather_empty_main(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, other, NULL);
    int err = async_gather(NULL, 0);
    ev("[]");
    int second = async_yield();
    ev("end");
    async_reap(&t, 1);
    return err ? err : second;
}

static void gather_empty(void **state)
{
    (void)state;
    TRACE_TO_END(gather_empty_main, "0 []; 0 other; 0 end; 0 END returned 0");
}

static int start(void *job)
{
    ev("start %d", *(int *)job);
    return 0;
}

static int gather_starts_children_later_main(void *job)
{
    int numbers[] = {1, 2, 3};
    struct async_task g[3];
    (void)job;

    for (int i = 0; i < 3; i++)
        async_spawn(&g[i], start, &numbers[i]);
    ev("called");
    int err = async_yield();
    ev("after sleep0, not awaited");
    int second = async_gather(g, 3);
    ev("end");
    return err ? err : second;
}

static void gather_starts_children_later(void **state)
{
    (void)state;
    TRACE_TO_END(gather_starts_children_later_main,
                 "0 called; 0 start 1; 0 start 2; 0 start 3; "
                 "0 after sleep0, not awaited; 0 end; 0 END returned 0");
}

struct starter {
    const char *name;
    const char *result; /* out */
};

static int start_and_sleep(void *job)
{
    struct starter *starter = job;

    ev("start %s", starter->name);
    int err = sleep_ms(10);
    starter->result = starter->name;
    return err;
}

/* gather(c("coro"), t): the set is spawned last to first. */
static int gather_mixed_tasks_and_coros_main(void *job)
{
    struct starter coro = {.name = "coro"}, task = {.name = "task"};
    struct async_task set[2];
    (void)job;

    async_spawn(&set[1], start_and_sleep, &task);
    async_spawn(&set[0], start_and_sleep, &coro);
    int err = async_gather(set, 2);
    ev("%s %s", coro.result, task.result);
    return err;
}

static void gather_mixed_tasks_and_coros(void **state)
{
    (void)state;
    TRACE_TO_END(gather_mixed_tasks_and_coros_main,
                 "0 start task; 0 start coro; 10 coro task; "
                 "10 END returned 0");
}

static int runs(void *job)
{
    int *result = job;

    ev("runs");
    int err = sleep_ms(10);
    *result = 1;
    return err;
}

static int await_it(void *job)
{
    return async_await(job);
}

/* No task stands at two places of an array; two can await the same. */
static int gather_same_awaitable_twice_main(void *job)
{
    int result = 0;
    struct async_task c, places[2];
    (void)job;

    async_spawn(&c, runs, &result);
    for (int i = 0; i < 2; i++)
        async_spawn(&places[i], await_it, &c);
    int err = async_gather(places, 2);
    ev("2 %d", places[0].err == places[1].err && result == 1);
    int second = async_await(&c);
    return err ? err : second;
}

static void gather_same_awaitable_twice(void **state)
{
    (void)state;
    TRACE_TO_END(gather_same_awaitable_twice_main,
                 "0 runs; 10 2 1; 10 END returned 0");
}

static int inner_gather(void *job)
{
    return async_gather_each(value, (struct value *)job, 2);
}

static int gather_nested_main(void *job)
{
    struct value inner[] = {
        {.value = "10", .ms = 10},
        {.value = "20", .ms = 20},
    };
    struct value five = {.value = "5", .ms = 5};
    struct async_task tasks[2];
    (void)job;

    async_spawn(&tasks[0], inner_gather, inner);
    async_spawn(&tasks[1], value, &five);
    int err = async_gather(tasks, 2);
    ev("[[%s, %s], %s]", inner[0].result, inner[1].result, five.result);
    return err;
}

static void gather_nested(void **state)
{
    (void)state;
    TRACE_TO_END(gather_nested_main, "20 [[10, 20], 5]; 20 END returned 0");
}

static int q(void *job)
{
    (void)job;
    int err = async_yield();
    ev("q end");
    return err;
}

static int gather_wakeup_ticks_main(void *job)
{
    struct async_task k, tasks[1];
    int n = 6;
    (void)job;

    async_spawn(&k, tick, &n);
    async_spawn(&tasks[0], q, NULL);
    int err = async_gather(tasks, 1);
    ev("main resumed");
    int second = async_await(&k);
    return err ? err : second;
}

static void gather_wakeup_ticks(void **state)
{
    (void)state;
    TRACE_TO_END(gather_wakeup_ticks_main,
                 "0 tick 0; 0 tick 1; 0 q end; 0 tick 2; 0 tick 3; "
                 "0 main resumed; 0 tick 4; 0 tick 5; 0 END returned 0");
}

/* ---- Failures ---------------------------------------------------------- */

static int gather_abcd(void)
{
    struct d ds[] = {
        {.name = "a", .ms = 10},
        {.name = "b", .ms = 50},
        {.name = "c", .ms = 30, .bad = true},
        {.name = "d", .ms = 60},
    };
    struct async_task tasks[4];

    spawn_each(tasks, ds, 4);
    int err = async_gather(tasks, 4);
    if (err == -EINVAL)
        ev("caught %s", async_errmsg(err));
    return err == -EINVAL ? 0 : err;
}

static int gather_default_siblings_go_on_main(void *job)
{
    (void)job;
    int err = gather_abcd();
    int second = sleep_ms(100);
    ev("main returns");
    return err ? err : second;
}

/* Difference: gather cancels and waits; b and d do not go on. */
static void gather_default_siblings_go_on(void **state)
{
    (void)state;
    TRACE_TO_END(gather_default_siblings_go_on_main,
                 "10 a completed; 30 c fails; 30 b cancelled; "
                 "30 d cancelled; 30 caught c; 130 main returns; "
                 "130 END returned 0");
}

/* The first failure is looked for; nobody is cancelled before the end. */
static int siblings_go_on(void *job)
{
    struct d ds[] = {
        {.name = "a", .ms = 10},
        {.name = "b", .ms = 50},
        {.name = "c", .ms = 30, .bad = true},
        {.name = "d", .ms = 60},
    };
    struct async_task tasks[4];
    size_t i;
    (void)job;

    spawn_each(tasks, ds, 4);
    int err;
    do
        err = async_wait_any(tasks, 4, &i);
    while (!err && !tasks[i].err);
    if (!err)
        ev("caught %s", tasks[i].errmsg);
    int second = sleep_ms(100);
    ev("main returns");
    async_reap(tasks, 4);
    return err ? err : second;
}

/* asyncio's own trace, for who wants it so. */
static void gather_default_siblings_go_on_with_wait_any(void **state)
{
    (void)state;
    TRACE_TO_END(siblings_go_on,
                 "10 a completed; 30 c fails; 30 caught c; 50 b completed; "
                 "60 d completed; 130 main returns; 130 END returned 0");
}

static int gather_default_siblings_cancelled_by_run_main(void *job)
{
    (void)job;
    return gather_abcd();
}

/* Difference: gather cancels and waits, so "caught c" comes last. */
static void gather_default_siblings_cancelled_by_run(void **state)
{
    (void)state;
    TRACE_TO_END(gather_default_siblings_cancelled_by_run_main,
                 "10 a completed; 30 c fails; 30 b cancelled; "
                 "30 d cancelled; 30 caught c; 30 END returned 0");
}

struct document {
    int i;
    char text[32]; /* out */
};

static int process_document(void *job)
{
    struct document *document = job;
    int err = sleep_ms(1000);

    if (err)
        return err;
    if (document->i == 3) {
        ev("doc 3 raises");
        return async_raise(-EINVAL, "Document %d is corrupted!", document->i);
    }
    ev("doc %d completed", document->i);
    snprintf(document->text, sizeof document->text, "Processed doc %d",
             document->i);
    return 0;
}

static int gather_chapter_doc3_main(void *job)
{
    struct document documents[5];
    (void)job;

    for (int i = 0; i < 5; i++)
        documents[i] = (struct document){.i = i};
    int err = async_gather_each(process_document, documents, 5);
    if (err == -EINVAL)
        ev("Error occurred: %s", async_errmsg(err));
    return err == -EINVAL ? 0 : err;
}

static void gather_chapter_doc3(void **state)
{
    (void)state;
    TRACE_TO_END(gather_chapter_doc3_main,
                 "1000 doc 0 completed; 1000 doc 1 completed; "
                 "1000 doc 2 completed; 1000 doc 3 raises; "
                 "1000 doc 4 completed; "
                 "1000 Error occurred: Document 3 is corrupted!; "
                 "1000 END returned 0");
}

struct failing {
    const char *name;
    double ms;
};

static int bad(void *job)
{
    const struct failing *bad = job;
    int err = sleep_ms(bad->ms);

    return err ? err : async_raise(-EINVAL, "%s", bad->name);
}

static int gather_earliest_failure_wins_main(void *job)
{
    struct failing bads[] = {{"first arg", 30}, {"second arg", 10}};
    (void)job;

    int err = async_gather_each(bad, bads, 2);
    if (err == -EINVAL)
        ev("caught %s", async_errmsg(err));
    err = sleep_ms(50);
    ev("end");
    return err;
}

static void gather_earliest_failure_wins(void **state)
{
    (void)state;
    TRACE_TO_END(gather_earliest_failure_wins_main,
                 "10 caught second arg; 60 end; 60 END returned 0");
}

static int p(void *job)
{
    struct document *document = job;
    int err = sleep_ms(1000);

    if (err)
        return err;
    if (document->i == 3)
        return async_raise(-EINVAL, "Document %d is corrupted!", document->i);
    snprintf(document->text, sizeof document->text, "Processed doc %d",
             document->i);
    return 0;
}

static int gather_return_exceptions_main(void *job)
{
    struct document documents[5];
    struct async_task tasks[5];
    (void)job;

    for (int i = 0; i < 5; i++) {
        documents[i] = (struct document){.i = i};
        async_spawn(&tasks[i], p, &documents[i]);
    }
    int err = async_gather_all(tasks, 5);
    for (int i = 0; i < 5; i++)
        if (tasks[i].err)
            ev("Document %d failed: %s", i, tasks[i].errmsg);
        else
            ev("Document %d: %s", i, documents[i].text);
    return err;
}

static void gather_return_exceptions(void **state)
{
    (void)state;
    TRACE_TO_END(gather_return_exceptions_main,
                 "1000 Document 0: Processed doc 0; "
                 "1000 Document 1: Processed doc 1; "
                 "1000 Document 2: Processed doc 2; "
                 "1000 Document 3 failed: Document 3 is corrupted!; "
                 "1000 Document 4: Processed doc 4; 1000 END returned 0");
}

/* ---- Cancelling -------------------------------------------------------- */

/* call_later(delay, task.cancel) */
struct cancel_later {
    struct async_timer timer;
    struct async_task *task;
};

static void cancel_now(struct async_callback *due)
{
    async_cancel(((struct cancel_later *)(void *)due)->task);
}

static int gather_return_exceptions_cancelled_child_main(void *job)
{
    struct value values[] = {
        {.value = "50", .ms = 50},
        {.value = "20", .ms = 20},
    };
    struct async_task tasks[2];
    struct cancel_later later = {.timer.due.run = cancel_now, .task = tasks};
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], value, &values[i]);
    int err = async_timer_set(&later.timer, async_now_ns() + 10000000);
    int second = async_gather_all(tasks, 2);
    /* It is an error as any other: if (tasks[0].err) does not miss it. */
    ev("%s %s", tasks[0].errmsg, values[1].result);
    return err ? err : second;
}

static void gather_return_exceptions_cancelled_child(void **state)
{
    (void)state;
    TRACE_TO_END(gather_return_exceptions_cancelled_child_main,
                 "20 the task was cancelled 20; 20 END returned 0");
}

static int outer(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 1000}, {.name = "b", .ms = 1000}};
    (void)job;

    int err = async_gather_each(d, ds, 2);
    if (err == ASYNC_ECANCELED)
        ev("outer cancelled");
    return err;
}

/* Spawns fn, cancels it after milliseconds, and tells how it ended. */
static int cancel_after(double milliseconds, async_fn *fn)
{
    struct async_task t;

    async_spawn(&t, fn, NULL);
    int err = sleep_ms(milliseconds);
    async_cancel(&t);
    int result = async_await(&t);
    ev("main: %s", async_errmsg(result));
    return err;
}

static int gather_cancel_awaiting_task_main(void *job)
{
    (void)job;
    return cancel_after(10, outer);
}

static void gather_cancel_awaiting_task(void **state)
{
    (void)state;
    TRACE_TO_END(gather_cancel_awaiting_task_main,
                 "10 a cancelled; 10 b cancelled; 10 outer cancelled; "
                 "10 main: the task was cancelled; 10 END returned 0");
}

static int only_cleanup(void *job)
{
    const struct d *d = job;
    int err = sleep_ms(1000);
    int second = sleep_ms(d->ms);

    if (!second)
        ev("%s cleaned", d->name);
    return err ? err : second;
}

static int gather_all_of_two(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 20}, {.name = "b", .ms = 40}};
    int errs[2];
    (void)job;
    return async_gather_each_all(only_cleanup, ds, 2, errs);
}

static int gather_cancel_with_return_exceptions_main(void *job)
{
    (void)job;
    return cancel_after(10, gather_all_of_two);
}

static void gather_cancel_with_return_exceptions(void **state)
{
    (void)state;
    TRACE_TO_END(gather_cancel_with_return_exceptions_main,
                 "30 a cleaned; 50 b cleaned; "
                 "50 main: the task was cancelled; 50 END returned 0");
}

static int sibling(void *job)
{
    (void)job;
    int err = sleep_ms(50);
    if (!err)
        ev("sibling done");
    return err;
}

static int gather_bad_and_sibling(void *job)
{
    struct failing x = {"x", 10};
    struct async_task tasks[2];
    (void)job;

    async_spawn(&tasks[0], bad, &x);
    async_spawn(&tasks[1], sibling, NULL);
    return async_gather(tasks, 2);
}

static int gather_cancel_after_failure_main(void *job)
{
    struct async_task g;
    (void)job;

    async_spawn(&g, gather_bad_and_sibling, NULL);
    int err = async_await(&g);
    if (err == -EINVAL)
        ev("caught; cancel() -> %d", async_cancel(&g));
    return sleep_ms(100);
}

/* Difference: gather cancels and waits; the sibling does not go on. */
static void gather_cancel_after_failure(void **state)
{
    (void)state;
    TRACE_TO_END(gather_cancel_after_failure_main,
                 "10 caught; cancel() -> 0; 110 END returned 0");
}

/* ---- TaskGroup --------------------------------------------------------- */

static int taskgroup_waits_for_all_main(void *job)
{
    struct value a = {.value = "a", .ms = 30}, b = {.value = "b", .ms = 10};
    struct async_task g[2];
    (void)job;

    async_spawn(&g[0], done, &a);
    async_spawn(&g[1], done, &b);
    ev("body end");
    int err = async_gather(g, 2);
    ev("%s %s", a.result, b.result);
    return err;
}

static void taskgroup_waits_for_all(void **state)
{
    (void)state;
    TRACE_TO_END(taskgroup_waits_for_all_main,
                 "0 body end; 10 done b; 30 done a; 30 a b; "
                 "30 END returned 0");
}

static int taskgroup_failure_cancels_siblings_main(void *job)
{
    struct d ds[] = {
        {.name = "a", .ms = 10, .cleanup_ms = 20},
        {.name = "b", .ms = 50, .cleanup_ms = 20},
        {.name = "c", .ms = 30, .bad = true, .cleanup_ms = 20},
    };
    struct async_task g[3];
    (void)job;

    spawn_each(g, ds, 3);
    int err = async_gather(g, 3);
    ev("gather: %s", async_errmsg(err));
    return err == -EINVAL ? 0 : err;
}

static void taskgroup_failure_cancels_siblings(void **state)
{
    (void)state;
    TRACE_TO_END(taskgroup_failure_cancels_siblings_main,
                 "10 a completed; 30 c fails; 30 b cancelled; "
                 "50 b cleaned; 50 gather: c; 50 END returned 0");
}

/* What stands in the body of the group is one more task of the set. */
static int body(void *job)
{
    (void)job;
    int err = sleep_ms(1000);
    if (err)
        ev("body cancelled");
    return err;
}

static int taskgroup_failure_interrupts_body_main(void *job)
{
    struct failing x = {"x", 10};
    struct async_task g[2];
    (void)job;

    async_spawn(&g[0], bad, &x);
    async_spawn(&g[1], body, NULL);
    int err = async_gather(g, 2);
    ev("group %s", async_errmsg(err));
    ev("cancelling %d", async_cancelling());
    return err == -EINVAL ? 0 : err;
}

static void taskgroup_failure_interrupts_body(void **state)
{
    (void)state;
    TRACE_TO_END(taskgroup_failure_interrupts_body_main,
                 "10 body cancelled; 10 group x; 10 cancelling 0; "
                 "10 END returned 0");
}

/* Difference: to async_gather a cancelled child is a failure, as it is to
   asyncio.gather; async_gather_all is what does not mind. */
static int cancel_a_child(int (*gather)(struct async_task *tasks, size_t n))
{
    struct value a = {.value = "a", .ms = 50}, b = {.value = "b", .ms = 80};
    struct async_task g[2];

    async_spawn(&g[0], done, &a);
    async_spawn(&g[1], done, &b);
    int err = sleep_ms(10);
    async_cancel(&g[0]);
    int second = gather(g, 2);
    ev("group %s %d", async_errmsg(second), g[0].err == ASYNC_ECANCELED);
    return err;
}

static int taskgroup_cancelled_child_is_no_failure_main(void *job)
{
    (void)job;
    return cancel_a_child(async_gather_all);
}

static void taskgroup_cancelled_child_is_no_failure(void **state)
{
    (void)state;
    TRACE_TO_END(taskgroup_cancelled_child_is_no_failure_main,
                 "80 done b; 80 group success 1; 80 END returned 0");
}

static int gather_with_a_cancelled_child(void *job)
{
    (void)job;
    return cancel_a_child(async_gather);
}

static void a_cancelled_child_is_a_failure_to_gather(void **state)
{
    (void)state;
    TRACE_TO_END(gather_with_a_cancelled_child,
                 "10 group the task was cancelled 1; 10 END returned 0");
}

static int hold_a_group(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 1000}, {.name = "b", .ms = 1000}};
    struct async_task g[2];
    (void)job;

    spawn_each(g, ds, 2);
    return async_gather(g, 2);
}

static int taskgroup_outer_cancel_main(void *job)
{
    (void)job;
    return cancel_after(10, hold_a_group);
}

static void taskgroup_outer_cancel(void **state)
{
    (void)state;
    TRACE_TO_END(taskgroup_outer_cancel_main,
                 "10 a cancelled; 10 b cancelled; "
                 "10 main: the task was cancelled; 10 END returned 0");
}

static int taskgroup_two_fail_same_time_main(void *job)
{
    struct failing bads[] = {{"a", 10}, {"b", 10}};
    struct async_task g[2];
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&g[i], bad, &bads[i]);
    int err = async_gather(g, 2);
    ev("%s: %s %s", async_errmsg(err), g[0].errmsg, g[1].errmsg);
    return err == -EINVAL ? 0 : err;
}

static void taskgroup_two_fail_same_time(void **state)
{
    (void)state;
    TRACE_TO_END(taskgroup_two_fail_same_time_main,
                 "10 a: a b; 10 END returned 0");
}

static int leaf(void *job)
{
    (void)job;
    int err = sleep_ms(50);
    ev("leaf");
    return err;
}

/* Who adds a task also awaits it: nothing outlives its frame. */
static int add(void *job)
{
    struct async_task t;
    (void)job;

    int err = sleep_ms(10);
    if (err)
        return err;
    async_spawn(&t, leaf, NULL);
    ev("added");
    return async_await(&t);
}

static int taskgroup_child_adds_child_main(void *job)
{
    struct async_task g[1];
    (void)job;

    async_spawn(&g[0], add, NULL);
    int err = async_gather(g, 1);
    ev("group ends");
    return err;
}

static void taskgroup_child_adds_child(void **state)
{
    (void)state;
    TRACE_TO_END(taskgroup_child_adds_child_main,
                 "10 added; 60 leaf; 60 group ends; 60 END returned 0");
}

/* ---- Beside the cases -------------------------------------------------- */

static int gather_ds(struct d *ds, size_t n)
{
    struct async_task tasks[5];

    spawn_each(tasks, ds, n);
    int err = async_gather(tasks, n);
    ev("gather: %s", async_errmsg(err));
    for (size_t i = 0; i < n; i++)
        if (tasks[i].err && tasks[i].err != ASYNC_ECANCELED)
            ev("%s: %s", ds[i].name, tasks[i].errmsg);
    return 0;
}

static int three_fail(void *job)
{
    struct d ds[] = {
        {.name = "s", .ms = 50},
        {.name = "a", .ms = 10, .bad = true},
        {.name = "b", .ms = 10, .bad = true},
        {.name = "c", .ms = 10, .bad = true},
    };
    (void)job;
    return gather_ds(ds, 4);
}

static void three_fail_in_one_turn(void **state)
{
    (void)state;
    TRACE_TO_END(three_fail,
                 "10 a fails; 10 b fails; 10 c fails; 10 s cancelled; "
                 "10 gather: a; 10 a: a; 10 b: b; 10 c: c; "
                 "10 END returned 0");
}

static int sibling_swallows(void *job)
{
    struct d ds[] = {
        {.name = "b", .ms = 50, .cleanup_ms = 20, .swallows = true},
        {.name = "c", .ms = 10, .bad = true},
    };
    (void)job;
    return gather_ds(ds, 2);
}

static void a_sibling_swallows_the_cancellation(void **state)
{
    (void)state;
    TRACE_TO_END(sibling_swallows,
                 "10 c fails; 10 b cancelled; 30 b cleaned; 30 gather: c; "
                 "30 c: c; 30 END returned 0");
}

static int sibling_fails_in_cleanup(void *job)
{
    struct d ds[] = {
        {.name = "b", .ms = 50, .cleanup_ms = 20, .failure = "b in cleanup"},
        {.name = "c", .ms = 10, .bad = true},
    };
    (void)job;
    return gather_ds(ds, 2);
}

static void a_sibling_fails_in_its_cleanup(void **state)
{
    (void)state;
    TRACE_TO_END(sibling_fails_in_cleanup,
                 "10 c fails; 10 b cancelled; 30 b cleaned; 30 gather: c; "
                 "30 b: b in cleanup; 30 c: c; 30 END returned 0");
}

static int failing_gather(void *job)
{
    struct d ds[] = {
        {.name = "b", .ms = 50, .cleanup_ms = 40},
        {.name = "c", .ms = 10, .bad = true},
    };
    (void)job;
    return async_gather_each(d, ds, 2);
}

static int cancel_failing_gather(void *job)
{
    (void)job;
    return cancel_after(20, failing_gather);
}

/* Difference: a cancel is never lost (a TaskGroup gives c here, which its own
   task then has to tell from a cancellation). */
static void a_cancel_while_a_gather_fails(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_failing_gather,
                 "10 c fails; 10 b cancelled; 50 b cleaned; "
                 "50 main: the task was cancelled; 50 END returned 0");
}

static int gather_all_of_swallowers(void *job)
{
    struct d ds[] = {
        {.name = "a", .ms = 50, .cleanup_ms = 20, .swallows = true},
        {.name = "b", .ms = 50, .swallows = true},
    };
    int errs[2];
    (void)job;

    int err = async_gather_each_all(d, ds, 2, errs);
    if (err == ASYNC_ECANCELED)
        ev("outer cancelled %d", async_cancelling());
    return err;
}

static int cancel_gather_all(void *job)
{
    (void)job;
    return cancel_after(20, gather_all_of_swallowers);
}

static void gather_all_is_cancelled_and_the_children_swallow_it(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_gather_all,
                 "20 a cancelled; 20 b cancelled; 40 a cleaned; "
                 "40 outer cancelled 1; 40 main: the task was cancelled; "
                 "40 END returned 0");
}

static int killer(void *job)
{
    int err = sleep_ms(10);

    if (err)
        return err;
    ev("kill %d", async_cancel(job));
    err = sleep_ms(20);
    ev("killer ends");
    return err;
}

static int kill_a_sibling(void *job)
{
    struct d victim = {.name = "b", .ms = 50};
    struct async_task tasks[2];
    (void)job;

    async_spawn(&tasks[1], d, &victim);
    async_spawn(&tasks[0], killer, &tasks[1]);
    int err = async_gather_all(tasks, 2);
    ev("%s, %s", async_strerror(tasks[0].err), tasks[1].errmsg);
    return err;
}

static void a_child_cancels_its_sibling(void **state)
{
    (void)state;
    TRACE_TO_END(kill_a_sibling,
                 "10 kill 1; 10 b cancelled; 30 killer ends; "
                 "30 success, the task was cancelled; 30 END returned 0");
}

static int fail_at_once(void *job)
{
    (void)job;
    ev("bad");
    return async_raise(-EINVAL, "x");
}

static int fail_in_the_first_step(void *job)
{
    struct d s = {.name = "s", .ms = 50};
    struct async_task k, g[2];
    int n = 8;
    (void)job;

    async_spawn(&k, tick, &n);
    async_spawn(&g[0], fail_at_once, NULL);
    async_spawn(&g[1], d, &s);
    int err = async_gather(g, 2);
    ev("caught");
    int second = async_await(&k);
    return err == -EINVAL ? second : err;
}

static void a_child_fails_in_its_first_step(void **state)
{
    (void)state;
    TRACE_TO_END(fail_in_the_first_step,
                 "0 tick 0; 0 bad; 0 tick 1; 0 tick 2; 0 s cancelled; "
                 "0 tick 3; 0 tick 4; 0 caught; 0 tick 5; 0 tick 6; "
                 "0 tick 7; 0 END returned 0");
}

struct gatherer {
    const char *name;
    struct async_task *set;
};

static int gather_set(void *job)
{
    const struct gatherer *it = job;
    int err = async_gather_all(it->set, 2);

    if (err == ASYNC_ECANCELED)
        ev("%s cancelled %d", it->name, async_cancelling());
    else
        ev("%s", it->name);
    return 0;
}

static int cancel_one_of_two_gatherers(void *job)
{
    struct d ds[] = {{.name = "a", .ms = 10}, {.name = "b", .ms = 40}};
    struct async_task set[2], gs[2];
    struct gatherer gatherers[] = {{"one", set}, {"two", set}};
    (void)job;

    spawn_each(set, ds, 2);
    for (int i = 0; i < 2; i++)
        async_spawn(&gs[i], gather_set, &gatherers[i]);
    int err = sleep_ms(20);
    async_cancel(&gs[0]);
    int second = async_gather(gs, 2);
    return err ? err : second;
}

static void one_of_two_who_gather_a_set_is_cancelled(void **state)
{
    (void)state;
    TRACE_TO_END(cancel_one_of_two_gatherers,
                 "10 a completed; 20 b cancelled; 20 one cancelled 1; "
                 "20 two; 20 END returned 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gather_results_in_argument_order),
        cmocka_unit_test(gather_total_is_slowest),
        cmocka_unit_test(gather_empty),
        cmocka_unit_test(gather_starts_children_later),
        cmocka_unit_test(gather_mixed_tasks_and_coros),
        cmocka_unit_test(gather_same_awaitable_twice),
        cmocka_unit_test(gather_nested),
        cmocka_unit_test(gather_wakeup_ticks),
        cmocka_unit_test(gather_default_siblings_go_on),
        cmocka_unit_test(gather_default_siblings_go_on_with_wait_any),
        cmocka_unit_test(gather_default_siblings_cancelled_by_run),
        cmocka_unit_test(gather_chapter_doc3),
        cmocka_unit_test(gather_earliest_failure_wins),
        cmocka_unit_test(gather_return_exceptions),
        cmocka_unit_test(gather_return_exceptions_cancelled_child),
        cmocka_unit_test(gather_cancel_awaiting_task),
        cmocka_unit_test(gather_cancel_with_return_exceptions),
        cmocka_unit_test(gather_cancel_after_failure),
        cmocka_unit_test(taskgroup_waits_for_all),
        cmocka_unit_test(taskgroup_failure_cancels_siblings),
        cmocka_unit_test(taskgroup_failure_interrupts_body),
        cmocka_unit_test(taskgroup_cancelled_child_is_no_failure),
        cmocka_unit_test(a_cancelled_child_is_a_failure_to_gather),
        cmocka_unit_test(taskgroup_outer_cancel),
        cmocka_unit_test(taskgroup_two_fail_same_time),
        cmocka_unit_test(taskgroup_child_adds_child),
        cmocka_unit_test(three_fail_in_one_turn),
        cmocka_unit_test(a_sibling_swallows_the_cancellation),
        cmocka_unit_test(a_sibling_fails_in_its_cleanup),
        cmocka_unit_test(a_cancel_while_a_gather_fails),
        cmocka_unit_test(gather_all_is_cancelled_and_the_children_swallow_it),
        cmocka_unit_test(a_child_cancels_its_sibling),
        cmocka_unit_test(a_child_fails_in_its_first_step),
        cmocka_unit_test(one_of_two_who_gather_a_set_is_cancelled),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
