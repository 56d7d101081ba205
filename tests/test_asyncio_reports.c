/*
 * test_asyncio_reports.c - asyncio's cases: what is said of mistakes, and
 * Ctrl-C. What asyncio logs or warns of is here the runtime's report.
 *
 * A test has the name of the case that was observed in CPython 3.11, and is the
 * same program: docs/asyncio-semantics.md lists them all. Where it says
 * "difference", the trace is the one that our own rule gives. Those behind
 * "Beside the cases" are of the same kind, and were observed there as well.
 */
#include "trace.h"

#include "async/async_loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

/* ---- Tasks that nobody awaits ------------------------------------------ */

static int bad(void *job)
{
    (void)job;
    return async_raise(-EINVAL, "lost");
}

/* A task is dropped when the one that spawned it ends. */
static int drop(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, bad, NULL);
    int err = sleep_ms(10);
    ev("dropping");
    return err;
}

static int log_task_exception_never_retrieved_main(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, drop, NULL);
    int err = async_await(&t);
    ev("dropped");
    int second = sleep_ms(10);
    return err ? err : second;
}

static void log_task_exception_never_retrieved(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(log_task_exception_never_retrieved_main,
                       "10 dropping; 10 LOG never awaited: task 3, bad | "
                       "lost; 10 dropped; 20 END returned 0");
}

static int sleep_1000(void *job)
{
    (void)job;
    return sleep_ms(1000);
}

static int no_log_for_cancelled_task_main(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, sleep_1000, NULL);
    int err = sleep_ms(10);
    async_cancel(&t);
    int second = sleep_ms(10);
    ev("end");
    return err ? err : second;
}

static void no_log_for_cancelled_task(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(no_log_for_cancelled_task_main,
                       "20 end; 20 END returned 0");
}

static int never(void *job)
{
    (void)job;
    ev("begins");
    int err = async_yield();
    if (!err)
        ev("never");
    return err;
}

static int forget_one(void *job)
{
    static struct async_task t; /* no frame holds it */
    (void)job;

    async_spawn(&t, never, NULL);
    return 0;
}

static int await_who_forgets(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, forget_one, NULL);
    int err = async_await(&t);
    int second = sleep_ms(10);
    return err ? err : second;
}

/* A coroutine object that is dropped has no counterpart, but a task has. */
static void a_forgotten_await_is_reported(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(await_who_forgets,
                       "0 begins; 10 LOG never awaited: task 3, never; "
                       "10 END returned 0");
}

/* ---- Who keeps the thread ---------------------------------------------- */

static void look(struct async_callback *callback)
{
    (void)callback;
    trace_collect();
}

/* Keeps the thread; what is said about it is noted on the next turn. */
static int burn_between(double milliseconds)
{
    static struct async_callback looking;
    int err = sleep_ms(10);

    looking.run = look;
    burn(milliseconds);
    async_call_soon(&looking);
    return err;
}

static int debug_slow_callback_main(void *job)
{
    (void)job;
    int err = burn_between(150);
    int second = burn_between(50);
    int third = sleep_ms(10);
    ev("end");
    return err ? err : second ? second : third;
}

static int trace_debug(async_fn *program, const char *expected)
{
    setenv("ASYNC_DEBUG", "1", 1);
    const char *is = trace_with_reports(program, NULL);
    unsetenv("ASYNC_DEBUG");
    assert_string_equal(is, expected);
    return 0;
}

static void debug_slow_callback(void **state)
{
    (void)state;
    trace_debug(debug_slow_callback_main,
                "160 LOG task 1, main, kept the thread for 0.150 s, and "
                "nobody else could run; 230 end; 230 END returned 0");
}

static int no_debug_no_slow_log_main(void *job)
{
    (void)job;
    int err = burn_between(500);
    int second = sleep_ms(10);
    ev("end");
    return err ? err : second;
}

static void no_debug_no_slow_log(void **state)
{
    (void)state;
    unsetenv("ASYNC_DEBUG");
    TRACE_WITH_REPORTS(no_debug_no_slow_log_main,
                       "520 end; 520 END returned 0");
}

/* ---- Asking and waiting in vain ---------------------------------------- */

/* A task's result is asked for with async_await; task.err is what is known. */
static int result_of_pending_task_main(void *job)
{
    struct async_task t;
    (void)job;

    async_spawn(&t, sleep_1000, NULL);
    ev("%s", async_strerror(t.err));
    async_cancel(&t);
    int err = async_yield();
    ev("%s", async_strerror(async_await(&t)));
    return err;
}

static void result_of_pending_task(void **state)
{
    (void)state;
    TRACE_TO_END(result_of_pending_task_main,
                 "0 the task has not been awaited; "
                 "0 the task was cancelled; 0 END returned 0");
}

static int deadlock_waits_for_ever_main(void *job)
{
    struct async_event never_set = {0};
    (void)job;

    ev("waiting");
    return async_event_wait(&never_set);
}

static void deadlock_waits_for_ever(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(deadlock_waits_for_ever_main,
                       "0 waiting; 0 LOG deadlock: every task waits, and "
                       "nothing is left that could wake one; "
                       "0 END raised deadlock: nothing is left that could "
                       "wake anybody");
}

/* ---- Ctrl-C ------------------------------------------------------------ */

struct interrupt {
    struct async_timer timer;
    int last_words; /* a pipe: what was noted before the process ends, or 0 */
};

static void sigint(struct async_callback *due)
{
    const struct interrupt *it = (struct interrupt *)(void *)due;

    ev("SIGINT");
    if (it->last_words && write(it->last_words, trace_text, trace_length) < 0)
        _exit(1);
    raise(SIGINT);
}

static int interrupt_after(struct interrupt *it, double milliseconds)
{
    it->timer.due.run = sigint;
    return async_timer_set(&it->timer,
                           async_now_ns() + (int64_t)(milliseconds * 1e6));
}

static int bg(void *job)
{
    (void)job;
    int err = sleep_ms(1000);
    if (err)
        ev("bg cancelled");
    return err;
}

static int sigint_cancels_main_main(void *job)
{
    struct interrupt it = {.last_words = 0};
    struct async_task t;
    (void)job;

    async_spawn(&t, bg, NULL);
    int err = interrupt_after(&it, 50);
    if (!err)
        err = sleep_ms(1000);
    if (err == ASYNC_ECANCELED)
        ev("main cancelled");
    int second = sleep_ms(20);
    ev("main cleaned");
    return err ? err : second;
}

static void sigint_cancels_main(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(sigint_cancels_main_main,
                       "50 SIGINT; 50 main cancelled; 70 main cleaned; "
                       "70 LOG never awaited: task 2, bg; "
                       "70 bg cancelled; 70 END raised interrupted");
}

static int sigint_twice_main(void *job)
{
    struct interrupt first = {.last_words = 0}, second = {.last_words = 0};

    second.last_words = *(int *)job;
    int err = interrupt_after(&first, 50);
    if (!err)
        err = interrupt_after(&second, 80);
    if (!err)
        err = sleep_ms(1000);
    ev("1st: cleanup begins");
    if (sleep_ms(1000))
        ev("cleanup cancelled");
    return err;
}

/* Difference: the second Ctrl-C skips cleanup. */
static void sigint_twice(void **state)
{
    char last_words[256];
    int ends[2], status;
    (void)state;

    fflush(NULL);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        trace_to_end(sigint_twice_main, &ends[1]);
        _exit(0);
    }
    close(ends[1]);
    ssize_t length = read(ends[0], last_words, sizeof last_words - 1);
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGINT);
    last_words[length > 0 ? length : 0] = '\0';
    assert_string_equal(last_words,
                        "50 SIGINT; 50 1st: cleanup begins; 80 SIGINT");
}

static int child(void *job)
{
    int err = sleep_ms(1000);
    if (err)
        ev("child %d", *(int *)job);
    return err;
}

static int sigint_stops_gather_main(void *job)
{
    struct interrupt it = {.last_words = 0};
    int numbers[] = {0, 1, 2};
    (void)job;

    int err = interrupt_after(&it, 50);
    return err ? err : async_gather_each(child, numbers, 3);
}

static void sigint_stops_gather(void **state)
{
    (void)state;
    TRACE_TO_END(sigint_stops_gather_main,
                 "50 SIGINT; 50 child 0; 50 child 1; 50 child 2; "
                 "50 END raised interrupted");
}

/* ---- Beside the cases -------------------------------------------------- */

static int gather_two_bad(void *job)
{
    struct async_task ts[2];
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&ts[i], bad, NULL);
    int err = async_gather_all(ts, 2);
    ev("end");
    return err;
}

static void failures_that_were_gathered_are_not_reported(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(gather_two_bad, "0 end; 0 END returned 0");
}

static int hold_99_and_100(void *job)
{
    (void)job;
    int err = sleep_ms(1);
    burn(99);
    int second = sleep_ms(2);
    burn(100);
    int third = sleep_ms(1);
    ev("end");
    return err ? err : second ? second : third;
}

static int slow(void *job)
{
    (void)job;
    int err = sleep_ms(10);
    burn(120);
    ev("burned");
    return err;
}

static int two_slow(void *job)
{
    struct async_task ts[2];
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&ts[i], slow, NULL);
    int err = async_gather(ts, 2);
    ev("end");
    return err;
}

static void debug_names_who_held_the_thread_for_100_ms(void **state)
{
    (void)state;
    trace_debug(hold_99_and_100,
                "203 LOG task 1, main, kept the thread for 0.100 s, and "
                "nobody else could run; 203 end; 203 END returned 0");
    trace_debug(two_slow,
                "130 burned; 250 LOG task 2, slow, kept the thread for "
                "0.120 s, and nobody else could run; 250 burned; "
                "250 LOG task 3, slow, kept the thread for 0.120 s, and "
                "nobody else could run; 250 end; 250 END returned 0");
}

static int wait_in_vain(void *job)
{
    int err = async_event_wait(job);
    if (err)
        ev("w %s", async_strerror(err));
    return err;
}

static int two_wait_in_vain(void *job)
{
    struct async_event never_set = {0};
    struct async_task ts[2];
    (void)job;

    for (int i = 0; i < 2; i++)
        async_spawn(&ts[i], wait_in_vain, &never_set);
    return async_gather(ts, 2);
}

static void deadlock_cancels_who_waits(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(two_wait_in_vain,
                       "0 LOG deadlock: every task waits, and nothing is "
                       "left that could wake one; "
                       "0 w the task was cancelled; "
                       "0 w the task was cancelled; "
                       "0 END raised deadlock: nothing is left that could "
                       "wake anybody");
}

static int swallow_the_interrupt(void *job)
{
    struct interrupt it = {.last_words = 0};
    (void)job;

    int err = interrupt_after(&it, 50);
    if (!err && sleep_ms(1000))
        ev("swallowed");
    int second = sleep_ms(20);
    ev("main returns");
    return err ? err : second;
}

static int fail_when_interrupted(void *job)
{
    struct interrupt it = {.last_words = 0};
    (void)job;

    int err = interrupt_after(&it, 50);
    if (!err && sleep_ms(1000))
        err = async_raise(-EINVAL, "v");
    return err;
}

static void sigint_main_decides_how_it_ends(void **state)
{
    (void)state;
    TRACE_TO_END(swallow_the_interrupt, "50 SIGINT; 50 swallowed; "
                                        "70 main returns; 70 END returned 0");
    TRACE_TO_END(fail_when_interrupted, "50 SIGINT; 50 END raised v");
}

static int with_cleanup(void *job)
{
    (void)job;
    int err = sleep_ms(1000);
    ev("cleanup");
    int second = sleep_ms(20);
    ev("cleaned");
    return err ? err : second;
}

static int interrupted_wait_for(void *job)
{
    struct interrupt it = {.last_words = 0};

    int err = interrupt_after(&it, 50);
    return err ? err : async_wait_for(with_cleanup, job, 1);
}

static void sigint_stops_wait_for(void **state)
{
    (void)state;
    TRACE_TO_END(interrupted_wait_for, "50 SIGINT; 50 cleanup; 70 cleaned; "
                                       "70 END raised interrupted");
}

static int interrupted_while_it_runs(void *job)
{
    (void)job;
    ev("a");
    raise(SIGINT);
    burn(10);
    ev("b");
    int err = async_yield();
    ev(err ? "cancelled" : "c");
    return err;
}

static void sigint_while_a_task_runs(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(interrupted_while_it_runs,
                       "0 a; 10 LOG interrupted; Ctrl-C once more stops at "
                       "once; 10 b; 10 cancelled; 10 END raised interrupted");
}

static int interrupted_at_the_end(void *job)
{
    (void)job;
    raise(SIGINT);
    ev("no suspend");
    return 0;
}

static void sigint_just_before_main_returns(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(interrupted_at_the_end,
                       "0 LOG interrupted; Ctrl-C once more stops at once; "
                       "0 no suspend; 0 END raised interrupted");
}

static int does_not_want_to_stop(void *job)
{
    int err = ASYNC_ECANCELED;
    (void)job;

    for (int i = 0; i < 2 && err == ASYNC_ECANCELED; i++) {
        err = sleep_ms(1000);
        ev("bg %s", async_strerror(err));
    }
    return err;
}

static int interrupted_leftover(void *job)
{
    static struct interrupt it;
    struct async_task t;
    (void)job;

    async_spawn(&t, does_not_want_to_stop, NULL);
    int err = interrupt_after(&it, 50);
    int second = sleep_ms(10);
    ev("main returns");
    return err ? err : second;
}

/* The left-overs are cancelled once more; asyncio leaves them behind. */
static void sigint_while_leftovers_clean_up(void **state)
{
    (void)state;
    TRACE_WITH_REPORTS(interrupted_leftover,
                       "10 main returns; "
                       "10 LOG never awaited: task 2, does_not_want_to_stop; "
                       "10 bg the task was cancelled; 50 SIGINT; "
                       "50 bg the task was cancelled; "
                       "50 END raised interrupted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_task_exception_never_retrieved),
        cmocka_unit_test(no_log_for_cancelled_task),
        cmocka_unit_test(a_forgotten_await_is_reported),
        cmocka_unit_test(debug_slow_callback),
        cmocka_unit_test(no_debug_no_slow_log),
        cmocka_unit_test(result_of_pending_task),
        cmocka_unit_test(deadlock_waits_for_ever),
        cmocka_unit_test(sigint_cancels_main),
        cmocka_unit_test(sigint_twice),
        cmocka_unit_test(sigint_stops_gather),
        cmocka_unit_test(failures_that_were_gathered_are_not_reported),
        cmocka_unit_test(debug_names_who_held_the_thread_for_100_ms),
        cmocka_unit_test(deadlock_cancels_who_waits),
        cmocka_unit_test(sigint_main_decides_how_it_ends),
        cmocka_unit_test(sigint_stops_wait_for),
        cmocka_unit_test(sigint_while_a_task_runs),
        cmocka_unit_test(sigint_just_before_main_returns),
        cmocka_unit_test(sigint_while_leftovers_clean_up),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
