/*
 * suite.c - the test suite under faults.
 *
 * A test program is linked with this instead of cmocka's own runner: each test
 * is run once for each of its calls that can fail. Then its assertions may well
 * be wrong, and end it; but nothing may crash or hang, no sanitizer may find
 * anything, and what was not ended by an assertion has left nothing behind.
 */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What the test programs' calls of cmocka_run_group_tests are renamed to. */
int fault_run_group_tests(const char *name, const struct CMUnitTest *tests,
                          size_t n, CMFixtureFunction setup,
                          CMFixtureFunction teardown);

/*
 * These are left out: they wait until so many requests have arrived, a thread
 * has begun, a terminal has been written to or a second reader was refused, and
 * under a fault that may never be; or a server, which counts, answers a request
 * with what was meant for the one before, and holds it open.
 */
static const char *const waiting_tests[] = {
    "a_cancelled_thread_is_waited_for", "a_terminal_is_filled",
    "colours_are_for_terminals",        "one_reader_at_a_time",
    "test_a_wait_is_cancelled",         "test_concurrent_and_cancelled",
    "test_reading_ends_early",          "test_all_at_once_and_cancelled",
    "test_more_than_a_shard",           "to_thread_cancelled",
};

static bool waits_by_itself(const char *name)
{
    for (size_t i = 0; i < sizeof waiting_tests / sizeof *waiting_tests; i++)
        if (strcmp(waiting_tests[i], name) == 0)
            return true;
    return false;
}

static struct {
    const char *name;
    const struct CMUnitTest **tests;
    CMFixtureFunction setup, teardown;
} group;

static int run_case(size_t i)
{
    return _cmocka_run_group_tests(group.name, group.tests[i], 1, group.setup,
                                   group.teardown);
}

int fault_run_group_tests(const char *name, const struct CMUnitTest *tests,
                          size_t n, CMFixtureFunction setup,
                          CMFixtureFunction teardown)
{
    struct trial *trials = calloc(n, sizeof *trials);
    size_t count = 0;
    int status = EXIT_FAILURE;

    group.name = name;
    group.tests = calloc(n, sizeof(struct CMUnitTest *));
    group.setup = setup;
    group.teardown = teardown;
    for (size_t i = 0; trials && group.tests && i < n; i++)
        if (!waits_by_itself(tests[i].name)) {
            group.tests[count] = &tests[i];
            trials[count++] =
                (struct trial){.name = tests[i].name, .run_case = run_case};
        }
    if (count > 0)
        status = trial_all(trials, count);
    free(group.tests);
    free(trials);
    return status;
}
