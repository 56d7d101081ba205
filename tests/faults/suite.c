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

#include <cmocka.h>

/* What the test programs' calls of cmocka_run_group_tests are renamed to. */
int fault_run_group_tests(const char *name, const struct CMUnitTest *tests,
                          size_t n, CMFixtureFunction setup,
                          CMFixtureFunction teardown);

static struct {
    const char *name;
    const struct CMUnitTest *tests;
    CMFixtureFunction setup, teardown;
} group;

static int run_case(size_t i)
{
    return _cmocka_run_group_tests(group.name, &group.tests[i], 1, group.setup,
                                   group.teardown);
}

int fault_run_group_tests(const char *name, const struct CMUnitTest *tests,
                          size_t n, CMFixtureFunction setup,
                          CMFixtureFunction teardown)
{
    struct trial *trials = calloc(n, sizeof *trials);

    if (!trials)
        return EXIT_FAILURE;
    group.name = name;
    group.tests = tests;
    group.setup = setup;
    group.teardown = teardown;
    for (size_t i = 0; i < n; i++)
        trials[i] = (struct trial){.name = tests[i].name, .run_case = run_case};
    int status = trial_all(trials, n);
    free(trials);
    return status;
}
