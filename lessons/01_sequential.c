/*
 * Lesson 1: blocking adds up.
 *
 * What it shows: an operation that blocks holds the whole program until it is
 * done. Three operations of 2 s take 6 s, and the processor is idle meanwhile.
 *
 * Run it:  make lesson1 (it blocks for 6 s of real time; at once:
 *          ASYNC_CLOCK=virtual make lesson1)
 * Predict: How long do three operations of 2 s take, one after another?
 *          And five drinks of 3 minutes?
 * Expect:  (among other lines)
 *     Total: 6.0 s, of which the processor worked 0.0 s.
 *         5 drinks   of 3 minutes     15 minutes       3 minutes
 * Chapter: Coffee Shop Intro; The Story; Part 1, "Synchronous (Blocking) Code".
 */
#include "async/async.h"

#include "lesson.h"

#include <time.h>

/* Stands for an API call: the program waits here, and can do nothing else. */
static const char *slow_operation(int number)
{
    printf("Starting operation %d...\n", number);
    async_block(2.0);
    printf("Operation %d complete!\n", number);
    return "Result";
}

/* Seconds for which the processor has worked for this program. */
static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static double one_after_another(void)
{
    double start = async_now();
    double cpu_start = cpu_seconds();

    const char *result1 = slow_operation(1);
    const char *result2 = slow_operation(2);
    const char *result3 = slow_operation(3);

    double total = async_now() - start;
    printf("Results: %s, %s, %s\n", result1, result2, result3);
    printf("Total: %.1f s, of which the processor worked %.1f s.\n", total,
           cpu_seconds() - cpu_start);
    return total;
}

static void print_at_scale(int n, const char *what, double each,
                           const char *unit)
{
    char all[32], one[32];

    snprintf(all, sizeof all, "%g %s", n * each, unit);
    snprintf(one, sizeof one, "%g %s", each, unit);
    printf("  %3d %-8s of %-9s %14s %15s\n", n, what, one, all, one);
}

int main(void)
{
    lesson_begin("How long do three operations of 2 s take, one after\n"
                 "another? And five drinks of 3 minutes?");

    printf("Three operations of 2 s, each of which blocks:\n");
    double total = one_after_another();

    printf("\nThe same sum at the chapter's sizes (computed, not run):\n");
    printf("%-28s %13s %15s\n", "", "one by one", "all at once");
    print_at_scale(5, "drinks", 3, "minutes");
    print_at_scale(10, "calls", 2, "s");
    print_at_scale(50, "reports", 3, "s");
    print_at_scale(500, "reports", 3, "s");
    printf("\"All at once\" is the aim. Lesson 3 gets there.\n");

    lesson_end("%.1f s; and 15 minutes", total);
    return 0;
}
