/*
 * The grader of exercise 4, fix a forgotten await.
 *
 * The last item of a scenario is the log, those before it are the orders. The
 * gate is for prices alone: when the log is written is the program's affair, as
 * long as it waits for it.
 */
#ifdef VERIFY_DRIVER

#include "04_fix_forgotten_await.h"
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct order *orders;
static size_t order_count;
static int the_log;

/* By its drink and not by its address: it may be a copy. */
static int fetch_price(void *job)
{
    struct order *order = job;
    char *answer = NULL;
    size_t i = 0;

    while (i <= order_count &&
           (!order->drink || strcmp(orders[i].drink, order->drink) != 0))
        i++;
    if (i >= order_count)
        return driver_stray("fetch_price", i == order_count ? (long)i : -1);
    int err = driver_call("fetch_price", i, &answer);
    if (err)
        return err;
    order->price = answer ? atof(answer) : 0;
    free(answer);
    return 0;
}

static int write_log(void *job)
{
    char *answer = NULL;

    if (job != &the_log)
        return driver_stray("write_log", -1);
    int err = driver_call("write_log", order_count, &answer);
    if (err)
        return err;
    free(answer);
    return 0;
}

void driver_main(void)
{
    char total[64];

    order_count = driver_n() - 1;
    /* One more, so that a loop that goes on too long is told as that. */
    orders = calloc(order_count + 1, sizeof *orders);
    if (!orders)
        abort();
    for (size_t i = 0; i <= order_count; i++)
        orders[i].drink = driver_text("drink", i);
    struct bill bill = {fetch_price, write_log, orders,
                        order_count, &the_log,  0};

    driver_run(make_bill, &bill, "make_bill");
    snprintf(total, sizeof total, "%.2f", bill.total);
    driver_out_text(0, "total", total);
    free(orders);
}

#else

#include "grader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRINKS = 4, HOUR = 3600 };

static int cents_of(const struct answer *answer)
{
    int whole = 0, hundredths = 0;

    sscanf(answer->text, "%d.%d", &whole, &hundredths);
    return 100 * whole + hundredths;
}

/* Orders with prices of some coins each; the last item is the log. */
static struct scenario *bill(struct exam *exam)
{
    struct scenario *scenario = scenario_new(exam, DRINKS + 1);

    for (size_t i = 0; i < DRINKS; i++) {
        char *text = scenario->answers[i].text;

        scenario_text(scenario, "drink", text);
        snprintf(text, sizeof scenario->answers[i].text, "%zu.%02zu",
                 1 + draw(exam, 9), 1 + draw(exam, 99));
    }
    return scenario;
}

/* Makes item i the last one to end, or the first. */
static void make_last(struct scenario *scenario, size_t i)
{
    scenario->answers[i].after = slowest(scenario) + 200 * MILLISECOND;
}

static void make_first(struct scenario *scenario, size_t i)
{
    scenario->answers[i].after = 50 * MILLISECOND;
}

static void make_fail(struct exam *exam, struct scenario *scenario, size_t i)
{
    static const int errors[] = {-EIO, -EPROTO, -ECONNRESET, -EHOSTUNREACH};
    struct answer *answer = &scenario->answers[i];

    answer->err = errors[draw(exam, 4)];
    if (i == DRINKS)
        snprintf(answer->text, sizeof answer->text, "The log is full!");
    else
        snprintf(answer->text, sizeof answer->text, "Price %zu is unknown!", i);
}

/* ---- What was called --------------------------------------------------- */

static bool right_jobs(struct exam *exam, const struct run *run)
{
    if (!run->strayed)
        return true;
    if (run->stray < 0) {
        saw(exam, "an operation got a job that is not its own");
        likely(exam, "fetch_price works on &bill->orders[i], write_log on "
                     "bill->log: not on bill itself");
    } else {
        saw(exam, "price %ld was fetched, n is %d", run->stray, DRINKS);
        likely(exam, "the loop goes once too often: i < n, and the log is no "
                     "order");
    }
    return false;
}

/* Whether the operation was called once for that item, and came to its end. */
static bool done_once(struct exam *exam, const struct run *run, const char *op,
                      size_t i)
{
    const char *item = i < DRINKS ? " for one of the orders" : "";
    const struct call *call = call_of(run, op, i);
    size_t times = calls_of(run, op, i);

    if (!call) {
        saw(exam, "%s was never called%s", op, item);
        likely(exam, i < DRINKS ? "a loop that ends too early, or a return "
                                  "before it"
                                : "the log is still to be written: the mistake "
                                  "is only that nobody waits for it");
    } else if (times > 1) {
        saw(exam, "%s was called %s%s", op, counted(times, "time"), item);
        likely(exam, "spawned, and called as well: what was spawned is waited "
                     "for with async_await() or async_gather()");
    } else if (call->gone != NEVER) {
        saw(exam, "%s was cancelled at %s%s", op, in_seconds(call->gone), item);
        likely(exam, "nothing had failed, so it is to come to its end: "
                     "async_await() waits, async_reap() cancels first");
    } else {
        return true;
    }
    return false;
}

static bool all_done(struct exam *exam, const struct run *run)
{
    if (!right_jobs(exam, run))
        return false;
    for (size_t i = 0; i < DRINKS; i++)
        if (!done_once(exam, run, "fetch_price", i))
            return false;
    return done_once(exam, run, "write_log", DRINKS);
}

/* ---- Waiting for all --------------------------------------------------- */

/* Nothing that it started goes on, or is lost, when it returns. */
static bool nothing_left(struct exam *exam, const struct run *run)
{
    if (!all_awaited(exam, run))
        return false;
    if (run->open_at_return == 0)
        return true;
    saw(exam, "it returned at %s, with %s in flight",
        in_seconds(run->returned_at), counted(run->open_at_return, "call"));
    likely(exam, "it does not wait for what it has started");
    return false;
}

static bool all_well(struct exam *exam)
{
    struct scenario *scenario = bill(exam);

    make_last(scenario, DRINKS);
    asked(exam,
          "%d prices and a log, which takes longest: all have ended when "
          "make_bill returns",
          DRINKS);
    const struct run *run = play(exam, scenario);
    /* What is called twice is told as that, though nobody awaits one of them.
     */
    return run && (run->call_count > scenario->n || nothing_left(exam, run)) &&
           all_done(exam, run) && succeeded(exam, run);
}

/* One fails, at first, and others are still at it. */
static bool left_at_failure(struct exam *exam, size_t bad)
{
    struct scenario *scenario = bill(exam);

    make_first(scenario, bad);
    make_last(scenario, bad == DRINKS ? 0 : DRINKS);
    make_fail(exam, scenario, bad);
    asked(exam,
          "%s fails, before the others are done: nothing is under way "
          "any more when make_bill returns",
          bad == DRINKS ? "write_log" : "a fetch_price");
    const struct run *run = play(exam, scenario);
    if (!run || !right_jobs(exam, run))
        return false;
    if (nothing_left(exam, run))
        return true;
    likely(exam, "it returns at the error, before all others have ended: "
                 "async_reap() cancels tasks and waits for them; or gather all "
                 "in one array");
    return false;
}

/* Whoever awaits one price after another, from either end, and leaves at the
   error, has not waited for those behind it. */
static bool waits_for_all(struct exam *exam)
{
    return all_well(exam) && left_at_failure(exam, 0) &&
           left_at_failure(exam, DRINKS - 1) && left_at_failure(exam, DRINKS);
}

/* ---- The total --------------------------------------------------------- */

static bool is_one_price(const struct answer *answers, const char *seen)
{
    for (size_t i = 0; i < DRINKS; i++)
        if (strcmp(answers[i].text, seen) == 0)
            return true;
    return false;
}

static const char *why_wrong_total(const struct answer *answers,
                                   const char *seen, int cents)
{
    double total = strtod(seen, NULL);

    if (total == 0)
        return "added up before they were fetched: a price is there after the "
               "wait, and 0 until then";
    if (strstr(seen, ".00") && cents % 100 != 0)
        return "whole numbers: is there an int on the way? A price is a double";
    if (is_one_price(answers, seen))
        return "that is one price alone: is each added to the others, with +=, "
               "when it is there?";
    if (total < cents / 100.0)
        return "some were not there yet when they were added up, or left out";
    return "too much: each price counts once";
}

static bool right_total(struct exam *exam, const struct run *run)
{
    const struct answer *answers = run->scenario->answers;
    const char *seen = out_of(run, 0, "total");
    struct text prices = {0};
    char wanted[32];
    int cents = 0;

    for (size_t i = 0; i < DRINKS; i++) {
        cents += cents_of(&answers[i]);
        text_add(&prices, "%s%s", i ? " + " : "", answers[i].text);
    }
    snprintf(wanted, sizeof wanted, "%d.%02d", cents / 100, cents % 100);
    bool right = seen && strcmp(seen, wanted) == 0;
    if (!right) {
        saw(exam, "total is %s; the prices were %s = %s", seen ? seen : "?",
            text_chars(&prices), wanted);
        likely(exam, "%s", why_wrong_total(answers, seen ? seen : "0", cents));
    }
    text_free(&prices);
    return right;
}

/* Whether the log is waited for is another check's question. */
static bool adds_up(struct exam *exam, struct scenario *scenario)
{
    const struct run *run = play(exam, scenario);

    if (!run || !right_jobs(exam, run))
        return false;
    if (run->returned != 0)
        return succeeded(exam, run);
    for (size_t i = 0; i < DRINKS; i++)
        if (call_of(run, "fetch_price", i) &&
            call_of(run, "fetch_price", i)->gone != NEVER)
            return done_once(exam, run, "fetch_price", i);
    return right_total(exam, run);
}

static bool sum_of_prices(struct exam *exam)
{
    struct scenario *scenario = bill(exam);

    asked(exam, "total is the sum of the %d prices that fetch_price gave",
          DRINKS);
    if (!adds_up(exam, scenario))
        return false;
    scenario = bill(exam);
    scenario->answers[draw(exam, DRINKS)].after = HOUR * SECOND;
    asked(exam,
          "one price takes an hour: total is the sum of all %d all the "
          "same",
          DRINKS);
    return adds_up(exam, scenario);
}

static bool prices_at_once(struct exam *exam)
{
    struct scenario *scenario = bill(exam);

    scenario->gate = DRINKS;
    scenario->gated = "fetch_price";
    asked(exam, "%d prices, of which none is there before all are asked for",
          DRINKS);
    const struct run *run = play(exam, scenario);
    return run && all_in_flight(exam, run) && succeeded(exam, run);
}

/* ---- Errors ------------------------------------------------------------ */

static bool returns_error(struct exam *exam, size_t bad, bool first)
{
    struct scenario *scenario = bill(exam);
    const struct answer *answer = &scenario->answers[bad];
    const char *op = bad == DRINKS ? "write_log" : "fetch_price";

    if (first)
        make_first(scenario, bad);
    else
        make_last(scenario, bad);
    make_fail(exam, scenario, bad);
    scenario->sanitized = true;
    asked(exam,
          "%s fails with %s, as the %s to end: make_bill returns that "
          "error, and nothing leaks",
          bad == DRINKS ? "write_log" : "a fetch_price",
          error_name(answer->err), first ? "first" : "last");
    const struct run *run = play(exam, scenario);
    if (!run || !right_jobs(exam, run))
        return false;
    if (run->returned == answer->err)
        return true;
    /* Of what nobody waited for there is no error. */
    if (!all_awaited(exam, run))
        return false;
    if (!call_of(run, op, bad) || call_of(run, op, bad)->gone != NEVER)
        return done_once(exam, run, op, bad);
    saw(exam, "make_bill returned %s", error_name(run->returned));
    likely(exam,
           "what %s of its task returns is ignored, or overwritten by "
           "what came of another; async_gather_all() and async_reap() do "
           "not tell of errors",
           bad == DRINKS ? "async_await()" : "async_gather()");
    return false;
}

static bool errors_returned(struct exam *exam)
{
    size_t price = draw(exam, DRINKS);

    return returns_error(exam, DRINKS, false) &&
           returns_error(exam, DRINKS, true) &&
           returns_error(exam, price, true);
}

static const struct check checks[] = {
    {'a', 4, "all has ended when it returns", "", waits_for_all, 0, 2},
    {'b', 4, "the total is that of the prices", "", sum_of_prices, 0, 2},
    {'c', 1, "the prices are fetched at once", "ab", prices_at_once, 0, 0},
    {'d', 1, "errors are returned, no leak", "", errors_returned, 0, 2},
    {0},
};

const struct grader grader_04_fix_forgotten_await = {
    .number = 4,
    .name = "04_fix_forgotten_await",
    .title = "fix a forgotten await",
    .functions = "int make_bill(void *bill);",
    .first_step = "run it: it says which task nobody awaited; and where in "
                  "make_bill() are the prices there at the earliest?",
    .lesson = 3,
    .checks = checks,
};

#endif
