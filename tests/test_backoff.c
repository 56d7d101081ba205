/*
 * test_backoff.c - the rule for waits between attempts, on simulated students:
 * whoever doubles passes, whatever the random part; whoever does not, fails.
 */
#include "../verify/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { RUNS = 300 };

#define SECOND INT64_C(1000000000)

static uint64_t state;

/* From 0 to below 1. */
static double chance(void)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (double)(state >> 11) / (double)(UINT64_C(1) << 53);
}

/* ---- How waits grow ---------------------------------------------------- */

static double doubling(size_t k)
{
    return (double)(1 << k);
}

static double constant(size_t k)
{
    (void)k;
    return 1;
}

static double linear(size_t k)
{
    return (double)k + 1;
}

static double linear_from_0(size_t k)
{
    return (double)k;
}

static double half_more(size_t k)
{
    return k == 0 ? 1 : 1.5 * half_more(k - 1);
}

static double squares(size_t k)
{
    return (double)((k + 1) * (k + 1));
}

static double doubled_early(size_t k)
{
    return 2 * doubling(k);
}

static double halved(size_t k)
{
    return doubling(k) / 2;
}

static double none(size_t k)
{
    (void)k;
    return 0;
}

/* ---- Jitter ------------------------------------------------------------ */

static double exact(void)
{
    return 1;
}

static double full(void)
{
    return chance();
}

static double equal(void)
{
    return 0.5 + chance() / 2;
}

static double quarter_either_way(void)
{
    return 0.75 + chance() / 2;
}

static double half_longer(void)
{
    return 1 + chance() / 2;
}

static double (*const jitters[])(void) = {exact, full, equal,
                                          quarter_either_way, half_longer};
enum { JITTERS = sizeof jitters / sizeof jitters[0] };

/* ---- Students ---------------------------------------------------------- */

/* What the rule says of one; limit is the longest wait, after the jitter. */
static const char *mistake_of(double growth(size_t), double jitter(void),
                              size_t n, double base, double limit)
{
    struct waits waits[8];
    int64_t most = limit > 0 ? (int64_t)(limit * 1e9) : INT64_MAX;

    for (size_t k = 0; k < n; k++) {
        waits[k] = (struct waits){INT64_MAX, 0};
        for (int job = 0; job < BACKOFF_JOBS; job++) {
            double seconds = base * growth(k) * jitter();
            int64_t wait = (int64_t)(seconds * 1e9);

            if (wait > most)
                wait = most;
            if (wait < waits[k].shortest)
                waits[k].shortest = wait;
            if (wait > waits[k].longest)
                waits[k].longest = wait;
        }
    }
    return backoff_mistake(waits, n, (int64_t)(base * 1e9), most);
}

static int rejected(double growth(size_t), double jitter(void), double limit)
{
    int n = 0;

    for (unsigned seed = 1; seed <= RUNS; seed++) {
        state = seed * UINT64_C(0x9E3779B97F4A7C15);
        double base = 0.2 + chance();
        size_t waits = limit > 0 ? 6 : BACKOFF_WAITS;
        n += mistake_of(growth, jitter, waits, base, limit) != NULL;
    }
    return n;
}

static void test_doubling_is_never_rejected(void **unused)
{
    (void)unused;
    for (int i = 0; i < JITTERS; i++) {
        assert_int_equal(rejected(doubling, jitters[i], 0), 0);
        assert_int_equal(rejected(doubling, jitters[i], 8), 0);
    }
}

static void test_other_growth_is_always_rejected(void **unused)
{
    static double (*const growths[])(size_t) = {
        constant, linear, linear_from_0, half_more, squares, none};

    (void)unused;
    for (size_t g = 0; g < sizeof growths / sizeof growths[0]; g++)
        for (int i = 0; i < JITTERS; i++)
            assert_int_equal(rejected(growths[g], jitters[i], 0), RUNS);
}

static void test_a_power_too_many_or_too_few(void **unused)
{
    (void)unused;
    for (int i = 0; i < JITTERS; i++) {
        assert_int_equal(rejected(doubled_early, jitters[i], 0), RUNS);
        assert_int_equal(rejected(halved, jitters[i], 0), RUNS);
    }
}

static void test_the_limit(void **unused)
{
    static const struct waits over[] = {{5 * SECOND, 5 * SECOND},
                                        {10 * SECOND, 10 * SECOND}},
                              under[] = {{5 * SECOND, 5 * SECOND},
                                         {8 * SECOND, 8 * SECOND}};

    (void)unused;
    assert_null(backoff_mistake(under, 2, 5 * SECOND, 8 * SECOND));
    assert_non_null(
        strstr(backoff_mistake(over, 2, 5 * SECOND, 8 * SECOND), "max_delay"));
}

/* A wrong factor that is the same for all is told from a random one. */
static void test_the_same_for_all_must_be_exact(void **unused)
{
    static const struct waits same[] = {{SECOND * 6 / 5, SECOND * 6 / 5},
                                        {SECOND * 12 / 5, SECOND * 12 / 5}};

    (void)unused;
    assert_non_null(
        strstr(backoff_mistake(same, 2, SECOND, INT64_MAX), "base_delay"));
}

static void test_mistakes_have_names(void **unused)
{
    static const struct {
        double (*growth)(size_t);
        const char *words;
    } mistakes[] = {
        {none, "no wait between"},
        {linear_from_0, "first retry"},
        {constant, "stays the same"},
        {linear, "linear"},
        {doubled_early, "doubling too many"},
        {halved, "half of it"},
        {half_more, "base_delay * 2^k"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
        assert_non_null(
            strstr(mistake_of(mistakes[i].growth, exact, BACKOFF_WAITS, 0.4, 0),
                   mistakes[i].words));
}

/* What is told of a student on a machine that makes each wait longer by so many
   base_delays. */
static enum backoff_sight sight_of(double growth(size_t), double jitter(void),
                                   double extra)
{
    int64_t waits[BACKOFF_REAL_WAITS][BACKOFF_REAL_JOBS];
    const double base = 2.5e6;

    for (size_t k = 0; k < BACKOFF_REAL_WAITS; k++)
        for (int job = 0; job < BACKOFF_REAL_JOBS; job++)
            waits[k][job] = (int64_t)(base * (growth(k) * jitter() + extra));
    return backoff_in_real_time(waits, (int64_t)base);
}

static void test_doubling_in_real_time(void **unused)
{
    int slow = 0;

    (void)unused;
    state = 1;
    for (int i = 0; i < JITTERS; i++)
        for (int run = 0; run < 100 * RUNS; run++) {
            slow += sight_of(doubling, jitters[i], 0) == BACKOFF_SLOW;
            /* A busy machine does not make it slow, but hard to tell. */
            assert_int_equal(sight_of(doubling, jitters[i], 39),
                             BACKOFF_UNSURE);
        }
    /* Full jitter, once in 2,300 times. */
    assert_true(slow > 0 && slow <= 30);
}

static void test_other_growth_in_real_time(void **unused)
{
    static double (*const growths[])(size_t) = {constant, linear, linear_from_0,
                                                half_more, none};

    (void)unused;
    state = 1;
    for (size_t g = 0; g < sizeof growths / sizeof growths[0]; g++)
        for (int i = 0; i < JITTERS; i++)
            for (int run = 0; run < RUNS; run++) {
                /* 21 on top of 17 are not yet the 38 of doubling. */
                assert_int_equal(sight_of(growths[g], jitters[i], run * 0.07),
                                 BACKOFF_SLOW);
                assert_int_not_equal(sight_of(growths[g], jitters[i], run),
                                     BACKOFF_DOUBLES);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubling_is_never_rejected),
        cmocka_unit_test(test_other_growth_is_always_rejected),
        cmocka_unit_test(test_a_power_too_many_or_too_few),
        cmocka_unit_test(test_the_limit),
        cmocka_unit_test(test_the_same_for_all_must_be_exact),
        cmocka_unit_test(test_mistakes_have_names),
        cmocka_unit_test(test_doubling_in_real_time),
        cmocka_unit_test(test_other_growth_in_real_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
