/*
 * test_async_await.c - the chapter's four verification tests, as they stand:
 * their names, their thresholds, the lines that they print. And beside them,
 * what they do not catch.
 *
 * The chapter's script tests functions of its own, which are right. Here they
 * can be exchanged: a subject is a way to call and to gather. The right one
 * passes all four. So do some that are wrong, and our own checks, below, tell
 * them from it.
 *
 * On the virtual clock, so that nothing depends on how busy the machine is;
 * ASYNC_CLOCK=real make verify-chapter takes 16 s.
 */
#include "async/async.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 5 };

struct call {
    async_fn *fn; /* in: what is to be called */
    double delay; /* in */
    int task_id;  /* in */
    struct outcome {
        int err;
        char text[64]; /* the result, or the error's text */
    } outcome;         /* out */
};

/* A way to do it, right or wrong. */
struct subject {
    const char *name;
    async_fn *simulated_api_call, *failing_task;
    /* Calls them all at the same time, and fills all outcomes, whatever fails;
       asyncio.gather(..., return_exceptions=True). */
    int (*gather)(struct call *calls, size_t n);
    const char *caught_by; /* which of our checks it fails, of "abcd" */
    int passed;            /* how many of the chapter's tests it passes */
};

static bool utf8; /* the signs of the chapter's lines can be printed */
static bool quiet;

/* ---- The chapter's functions ------------------------------------------- */

static int simulated_api_call(void *job)
{
    struct call *call = job;

    int err = async_sleep(call->delay);
    if (err)
        return err;
    snprintf(call->outcome.text, sizeof call->outcome.text,
             "Result from task %d", call->task_id);
    return 0;
}

static int failing_task(void *job)
{
    const struct call *call = job;

    int err = async_sleep(0.1);
    if (err)
        return err;
    return async_raise(-EINVAL, "Task %d failed!", call->task_id);
}

static void keep_error(struct call *call, const struct async_task *task)
{
    call->outcome.err = task->err;
    if (task->err)
        snprintf(call->outcome.text, sizeof call->outcome.text, "%s",
                 task->errmsg);
}

static int gather(struct call *calls, size_t n)
{
    struct async_task tasks[MOST];

    for (size_t i = 0; i < n; i++)
        async_spawn(&tasks[i], calls[i].fn, &calls[i]);
    int err = async_gather_all(tasks, n);
    for (size_t i = 0; i < n && !err; i++)
        keep_error(&calls[i], &tasks[i]);
    return err;
}

/* ---- Wrong ways -------------------------------------------------------- */

static int gather_reversed(struct call *calls, size_t n)
{
    int err = gather(calls, n);

    for (size_t i = 0; i < n / 2; i++) {
        struct outcome outcome = calls[i].outcome;

        calls[i].outcome = calls[n - 1 - i].outcome;
        calls[n - 1 - i].outcome = outcome;
    }
    return err;
}

static int gather_as_completed(struct call *calls, size_t n)
{
    struct async_task tasks[MOST];
    struct outcome outcomes[MOST];
    size_t i;

    for (i = 0; i < n; i++)
        async_spawn(&tasks[i], calls[i].fn, &calls[i]);
    for (size_t ended = 0; ended < n; ended++) {
        int err = async_wait_any(tasks, n, &i);
        if (err)
            return err;
        keep_error(&calls[i], &tasks[i]);
        outcomes[ended] = calls[i].outcome;
    }
    for (i = 0; i < n; i++)
        calls[i].outcome = outcomes[i];
    return 0;
}

/* The first result is everybody's. */
static int gather_one_for_all(struct call *calls, size_t n)
{
    int err = gather(calls, n);

    for (size_t i = 1; i < n; i++)
        if (!calls[i].outcome.err && !calls[0].outcome.err)
            calls[i].outcome = calls[0].outcome;
    return err;
}

static int gather_junk(struct call *calls, size_t n)
{
    int err = gather(calls, n);

    for (size_t i = 0; i < n; i++) {
        bool failed = calls[i].outcome.err != 0;

        calls[i].outcome = (struct outcome){failed ? -EPERM : 0, "junk"};
        if (failed)
            strcpy(calls[i].outcome.text, "something failed");
    }
    return err;
}

static int gather_two_at_a_time(struct call *calls, size_t n)
{
    int err = 0;

    for (size_t i = 0; i < n && !err; i += 2)
        err = gather(&calls[i], n - i < 2 ? n - i : 2);
    return err;
}

static int one_by_one(struct call *calls, size_t n)
{
    int err = 0;

    for (size_t i = 0; i < n && !err; i++)
        err = gather(&calls[i], 1);
    return err;
}

static int much_too_short(void *job)
{
    struct call *call = job;
    double delay = call->delay;

    call->delay = delay / 10;
    int err = simulated_api_call(call);
    call->delay = delay;
    return err;
}

static const struct subject subjects[] = {
    {"right", simulated_api_call, failing_task, gather, "", 4},
    {"results reversed", simulated_api_call, failing_task, gather_reversed,
     "ab", 4},
    {"results in order of completion", simulated_api_call, failing_task,
     gather_as_completed, "ab", 4},
    {"the first result for all", simulated_api_call, failing_task,
     gather_one_for_all, "a", 4},
    {"junk, and another error", simulated_api_call, failing_task, gather_junk,
     "ab", 4},
    {"sleeps ten times too short", much_too_short, failing_task, gather, "d",
     4},
    {"two at a time", simulated_api_call, failing_task, gather_two_at_a_time,
     "c", 3},
    {"one by one", simulated_api_call, failing_task, one_by_one, "c", 2},
};

enum { SUBJECTS = sizeof subjects / sizeof subjects[0] };

/* ---- The chapter's tests ----------------------------------------------- */

static void print_pass(const char *text)
{
    if (!quiet)
        printf("%sPASS: %s\n", utf8 ? "✅ " : "", text);
}

__attribute__((format(printf, 2, 3))) static bool fail(const char *what,
                                                       const char *format, ...)
{
    va_list arguments;

    if (quiet)
        return false;
    printf("%sFAIL: %s test failed: ", utf8 ? "❌ " : "", what);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    return false;
}

struct run {
    const struct subject *subject; /* in */
    struct call calls[MOST];       /* in and out */
    size_t n;                      /* in */
    double elapsed;                /* out */
};

/* n calls of so many seconds each. */
static struct run new_run(const struct subject *subject, size_t n, double delay)
{
    struct run run = {.subject = subject, .n = n};

    for (size_t i = 0; i < n; i++)
        run.calls[i] = (struct call){.fn = subject->simulated_api_call,
                                     .delay = delay,
                                     .task_id = (int)i};
    return run;
}

static int sequential(void *job)
{
    struct run *run = job;
    double start = async_now();
    int err = 0;

    for (size_t i = 0; i < run->n && !err; i++)
        err = run->calls[i].fn(&run->calls[i]);
    run->elapsed = async_now() - start;
    return err;
}

static int concurrent(void *job)
{
    struct run *run = job;
    double start = async_now();

    int err = run->subject->gather(run->calls, run->n);
    run->elapsed = async_now() - start;
    return err;
}

/* How many outcomes are there: results, or failures. */
static int count(const struct run *run, bool failures)
{
    int n = 0;

    for (size_t i = 0; i < run->n; i++)
        n += *run->calls[i].outcome.text &&
             (run->calls[i].outcome.err != 0) == failures;
    return n;
}

static int simple_async(void *job)
{
    const char **result = job;

    int err = async_sleep(0.1);
    if (err)
        return err;
    *result = "Success";
    return 0;
}

static bool test_async_function_execution(const struct subject *subject)
{
    const char *what = "Async function execution", *result = "";

    (void)subject;
    int err = async_run(simple_async, &result);
    if (err)
        return fail(what, "%s", async_errmsg(err));
    if (strcmp(result, "Success") != 0)
        return fail(what, "Expected 'Success', got %s", result);
    print_pass("Async function execution works correctly");
    return true;
}

static bool test_concurrent_execution_speedup(const struct subject *subject)
{
    const char *what = "Concurrent execution";
    struct run in_turn = new_run(subject, 5, 0.2), at_once = in_turn;

    int err = async_run(sequential, &in_turn);
    if (!err)
        err = async_run(concurrent, &at_once);
    if (err)
        return fail(what, "%s", async_errmsg(err));
    if (count(&in_turn, false) != count(&at_once, false))
        return fail(what, "Should process same number of tasks");
    double speedup = in_turn.elapsed / at_once.elapsed;
    if (speedup < 3.0)
        return fail(what,
                    "Concurrent should be at least 3x faster. Got %.1fx "
                    "speedup",
                    speedup);
    print_pass("Concurrent execution is faster");
    if (!quiet)
        printf("   Sequential: %.2fs\n   Concurrent: %.2fs\n"
               "   Speedup: %.1fx\n",
               in_turn.elapsed, at_once.elapsed, speedup);
    return true;
}

static bool test_error_handling_with_gather(const struct subject *subject)
{
    const char *what = "Error handling";
    struct run run = new_run(subject, 5, 0.1);

    run.calls[1].fn = run.calls[3].fn = subject->failing_task;
    int err = async_run(concurrent, &run);
    if (err)
        return fail(what, "%s", async_errmsg(err));
    int successes = count(&run, false), failures = count(&run, true);
    if (successes + failures != 5)
        return fail(what, "Expected 5 results, got %d", successes + failures);
    if (successes != 3)
        return fail(what, "Expected 3 successes, got %d", successes);
    if (failures != 2)
        return fail(what, "Expected 2 failures, got %d", failures);
    for (size_t i = 0; i < run.n; i++)
        if (run.calls[i].outcome.err &&
            !strcasestr(run.calls[i].outcome.text, "failed"))
            return fail(what, "Exception should contain 'failed' message");
    print_pass("Error handling with gather works correctly");
    if (!quiet)
        printf("   Successes: %d\n   Failures: %d\n", successes, failures);
    return true;
}

static bool test_gather_vs_sequential_behavior(const struct subject *subject)
{
    const char *what = "Gather behavior";
    struct run run = new_run(subject, 4, 0.2);

    int err = async_run(concurrent, &run);
    if (err)
        return fail(what, "%s", async_errmsg(err));
    if (count(&run, false) != 4)
        return fail(what, "Expected 4 results, got %d", count(&run, false));
    if (run.elapsed >= 0.5)
        return fail(what,
                    "Expected ~0.2s (concurrent), got %.2fs (seems sequential)",
                    run.elapsed);
    print_pass("async_gather_all() executes concurrently");
    if (!quiet)
        printf("   4 tasks (0.2s each) completed in %.2fs\n", run.elapsed);
    return true;
}

static const struct test {
    const char *name;
    bool (*run)(const struct subject *subject);
} tests[] = {
    {"Async Function Execution", test_async_function_execution},
    {"Concurrent Execution Speedup", test_concurrent_execution_speedup},
    {"Error Handling with Gather", test_error_handling_with_gather},
    {"Gather Concurrent Behavior", test_gather_vs_sequential_behavior},
};

enum { TESTS = sizeof tests / sizeof tests[0] };

/* How many of them the subject passes. */
static int run_tests(const struct subject *subject)
{
    int passed = 0;

    for (int i = 0; i < TESTS; i++) {
        if (!quiet)
            printf("\n[Test] %s\n", tests[i].name);
        passed += tests[i].run(subject);
    }
    return passed;
}

static const char line[] =
    "============================================================";

static bool run_all_tests(void)
{
    printf("%s\nChapter 12A Verification Tests\n%s\n", line, line);
    int passed = run_tests(&subjects[0]);
    printf("\n%s\nResults: %d/%d tests passed\n%s\n", line, passed, TESTS,
           line);
    if (passed == TESTS)
        printf("\n%sALL TESTS PASSED! You understand async/await!\n",
               utf8 ? "🎉 " : "");
    else
        printf("\n%sSome tests failed. Review the concepts above.\n",
               utf8 ? "⚠️  " : "");
    return passed == TESTS;
}

/* ---- Our checks -------------------------------------------------------- */

/* Five calls, of which the first takes longest and the second and third fail:
   no order but their own looks right. */
static struct run uneven_run(const struct subject *subject)
{
    struct run run = new_run(subject, 5, 0.2);

    run.calls[0].delay = 0.5;
    run.calls[4].delay = 0.4;
    run.calls[1].fn = run.calls[2].fn = subject->failing_task;
    return run;
}

/* Each result is that of its own call. */
static bool check_results(const struct subject *subject)
{
    struct run run = uneven_run(subject);
    char expected[64];
    bool right = async_run(concurrent, &run) == 0;

    for (size_t i = 0; i < run.n; i++) {
        snprintf(expected, sizeof expected, "Result from task %zu", i);
        if (run.calls[i].fn == subject->simulated_api_call)
            right = right && strcmp(run.calls[i].outcome.text, expected) == 0;
    }
    return right;
}

/* Each failure is that of its own call: its code and its text. */
static bool check_failures(const struct subject *subject)
{
    struct run run = uneven_run(subject);
    char expected[64];
    bool right = async_run(concurrent, &run) == 0;

    for (size_t i = 1; i <= 2; i++) {
        snprintf(expected, sizeof expected, "Task %zu failed!", i);
        right = right && run.calls[i].outcome.err == -EINVAL &&
                strcmp(run.calls[i].outcome.text, expected) == 0;
    }
    return right;
}

static int in_flight, most_in_flight;

static int counted_call(void *job)
{
    struct call *call = job;

    if (++in_flight > most_in_flight)
        most_in_flight = in_flight;
    int err = async_sleep(call->delay);
    in_flight--;
    return err;
}

/* All are under way at once: counted, not timed. */
static bool check_concurrency(const struct subject *subject)
{
    struct run run = new_run(subject, 5, 0.2);

    for (size_t i = 0; i < run.n; i++)
        run.calls[i].fn = counted_call;
    most_in_flight = 0;
    return async_run(concurrent, &run) == 0 && most_in_flight == 5;
}

/* A call takes as long as it was asked to; no less, on any machine. */
static bool check_delays(const struct subject *subject)
{
    struct run run = new_run(subject, 1, 0.2);

    return async_run(sequential, &run) == 0 && run.elapsed > 0.2 - 1e-9;
}

static const struct check {
    const char *title;
    bool (*passes)(const struct subject *subject);
} checks[] = {
    {"each result is that of its own call", check_results},
    {"each failure has its own code and text", check_failures},
    {"all calls are under way at once (counted)", check_concurrency},
    {"a call takes as long as it was asked to", check_delays},
};

enum { CHECKS = sizeof checks / sizeof checks[0] };

/* Prints a subject's line; whether it is what we say it is. */
static bool judge(const struct subject *subject)
{
    char caught_by[CHECKS + 1] = "";
    int n = 0;

    quiet = true;
    int passed = run_tests(subject);
    quiet = false;
    for (int i = 0; i < CHECKS; i++)
        if (!checks[i].passes(subject))
            caught_by[n++] = (char)('a' + i);
    printf("%-32s %d/%d %s%s\n", subject->name, passed, TESTS,
           n ? "       caught by " : "       passes", caught_by);
    return passed == subject->passed &&
           strcmp(caught_by, subject->caught_by) == 0;
}

static bool judge_all(void)
{
    bool as_expected = true;

    printf("\nWhat they do not catch: the same tests for functions that are "
           "wrong, and\nfour checks of ours.\n\n");
    printf("%-32s %s\n", "", "chapter   ours");
    for (int i = 0; i < SUBJECTS; i++)
        as_expected = judge(&subjects[i]) && as_expected;
    printf("\n");
    for (int i = 0; i < CHECKS; i++)
        printf("%c. %s\n", 'a' + i, checks[i].title);
    if (!as_expected)
        printf("\nThis table is not what it should be: see subjects in %s.\n",
               __FILE__);
    return as_expected;
}

int main(void)
{
    setlocale(LC_CTYPE, "");
    utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    setenv("ASYNC_CLOCK", "virtual", 0); /* unless it is set already */

    bool passed = run_all_tests();
    bool as_expected = judge_all();
    return passed && as_expected ? 0 : 1;
}
