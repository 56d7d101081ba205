/*
 * errata.c - measures what docs/errata.md says, where no lesson does.
 *
 * Programs of the chapter and of its solutions, with their own numbers, on the
 * virtual clock: what they take here is what they take at best, and is the same
 * in each run. A line each.
 */
#include "async/async.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 100 };

/* Runs fn to its end, and says how long that took. */
static double seconds_of(async_fn *fn, void *job)
{
    double start = async_now();
    int status = async_main(fn, job);

    if (status != 0)
        exit(status);
    return async_now() - start;
}

/* ---- So many calls, so many at a time ---------------------------------- */

struct calls {
    int n;                        /* in */
    double seconds;               /* in: of each */
    struct async_semaphore slots; /* in: its permits: so many at a time */
};

static int call(void *job)
{
    struct calls *calls = *(struct calls **)job;

    int err = async_semaphore_acquire(&calls->slots);
    if (err)
        return err;
    err = async_sleep(calls->seconds);
    async_semaphore_release(&calls->slots);
    return err;
}

static int call_all(void *job)
{
    struct calls *calls = job, *each[MOST];

    for (int i = 0; i < calls->n; i++)
        each[i] = calls;
    return async_gather_each(call, each, (size_t)calls->n);
}

static void print_calls(const char *what, int n, double seconds, int slots)
{
    struct calls in_turn = {n, seconds, {.permits = 1}};
    struct calls at_once = {n, seconds, {.permits = slots}};
    double slow = seconds_of(call_all, &in_turn);
    double fast = seconds_of(call_all, &at_once);

    printf("%d %s of %g s: %.1f s one by one, %.1f s ", n, what, seconds, slow,
           fast);
    if (slots < n)
        printf("with %d at a time: %.1fx\n", slots, slow / fast);
    else
        printf("at once: %.0fx\n", slow / fast);
}

/* ---- Who runs while somebody waits ------------------------------------- */

static int turns; /* that the other task was given */

static int other(void *job)
{
    (void)job;
    for (;;) {
        turns++;
        int err = async_yield();
        if (err)
            return err;
    }
}

static int suspends_never(void *job)
{
    (void)job;
    return 0;
}

static int awaits(void *job)
{
    async_fn *fn = *(async_fn **)job;
    struct async_task task;
    int err = 0;

    turns = 0;
    async_spawn(&task, other, NULL);
    for (int i = 0; i < 1000 && !err; i++)
        err = fn(NULL);
    printf("%d ", turns);
    async_reap(&task, 1);
    return err;
}

static int yields(void *job)
{
    (void)job;
    return async_yield();
}

static void print_turns(void)
{
    async_fn *never = suspends_never, *always = yields;

    printf("1000 awaits of a coroutine that does not suspend: ");
    seconds_of(awaits, &never);
    printf("turns for others;\n1000 of one that does: ");
    seconds_of(awaits, &always);
    printf("turns\n");
}

/* ---- One of five fails ------------------------------------------------- */

struct document {
    int id;
    int *done;
};

static int process_document(void *job)
{
    struct document *document = job;

    int err = async_sleep(1);
    if (err)
        return err;
    if (document->id == 3)
        return async_raise(-EINVAL, "Document 3 is corrupted!");
    ++*document->done;
    return 0;
}

static int process_five(void *job)
{
    struct document documents[5];

    for (int i = 0; i < 5; i++)
        documents[i] = (struct document){i, job};
    int err = async_gather_each(process_document, documents, 5);
    return err == -EINVAL ? 0 : err;
}

/* ---- The challenge ----------------------------------------------------- */

static double random_fraction(void)
{
    static unsigned long long state = 1;

    state = state * 6364136223846793005 + 1442695040888963407;
    return (double)(state >> 33) / 2147483648.0;
}

/* What a run of the challenge's program prints. */
struct stats {
    double time;
    int failed, retries;
};

static int extract_metadata(void *job)
{
    struct stats *stats = *(struct stats **)job;

    for (int attempt = 0;; attempt++) {
        int err = async_sleep(0.5 + 1.5 * random_fraction());
        if (err)
            return err;
        if (random_fraction() >= 0.1)
            return 0;
        if (attempt == 2) {
            stats->failed++;
            return 0;
        }
        stats->retries++;
        err = async_sleep(1 << attempt);
        if (err)
            return err;
    }
}

static int process_batch_with_stats(void *job)
{
    struct stats *each[100];

    for (int i = 0; i < 100; i++)
        each[i] = job;
    return async_gather_each(extract_metadata, each, 100);
}

static int by_time(const void *a, const void *b)
{
    const struct stats *one = a, *two = b;

    return (one->time > two->time) - (one->time < two->time);
}

static void print_challenge(void)
{
    enum { RUNS = 2000 };
    static struct stats runs[RUNS];
    double time = 0, failed = 0;
    int none = 0, six = 0, two_lines = 0, retries = 0;

    for (int i = 0; i < RUNS; i++) {
        runs[i].time = seconds_of(process_batch_with_stats, &runs[i]);
        time += runs[i].time;
        failed += runs[i].failed;
        retries += runs[i].retries;
        none += runs[i].failed == 0;
        six += runs[i].failed >= 6;
        two_lines += runs[i].retries <= 2;
    }
    qsort(runs, RUNS, sizeof runs[0], by_time);
    printf("The challenge, %d times: %.1f s on average (from %.1f to %.1f), "
           "%.2f failed,\n%.0f retry lines; nothing failed in %d of them, 6 "
           "in %d; at most 2 retry\nlines in %d\n",
           RUNS, time / RUNS, runs[0].time, runs[RUNS - 1].time, failed / RUNS,
           (double)retries / RUNS, none, six, two_lines);
}

/* ---- Retries ----------------------------------------------------------- */

static int card_retry(void *job)
{
    (void)job;
    for (int attempt = 0; attempt < 3; attempt++) {
        int err = async_sleep(1 << attempt); /* each attempt has failed */
        if (err)
            return err;
    }
    return 0;
}

/* The solutions' processor, with one slot. */
struct processor {
    struct async_semaphore slot;
    int max_retries;
    bool hold; /* the slot, also between two attempts: as the solutions do */
    int requests;
    double good_begun;
};

struct url {
    struct processor *processor;
    bool bad;
};

static int fetch(struct url *url)
{
    url->processor->requests++;
    if (!url->bad)
        url->processor->good_begun = async_now();
    int err = async_sleep(0.1);
    if (err)
        return err;
    return url->bad ? -EIO : 0;
}

static int fetch_in_slot(struct url *url)
{
    int err = async_semaphore_acquire(&url->processor->slot);
    if (err)
        return err;
    err = fetch(url);
    async_semaphore_release(&url->processor->slot);
    return err;
}

static int retry(struct url *url, int (*attempt)(struct url *))
{
    int err = attempt(url);

    for (int i = 0; err == -EIO && i < url->processor->max_retries; i++) {
        err = async_sleep(1 << i);
        if (err)
            return err;
        err = attempt(url);
    }
    return err == -EIO ? 0 : err; /* the failure would be in its result */
}

static int fetch_with_retry(void *job)
{
    struct url *url = job;

    if (!url->processor->hold)
        return retry(url, fetch_in_slot);
    int err = async_semaphore_acquire(&url->processor->slot);
    if (err)
        return err;
    err = retry(url, fetch);
    async_semaphore_release(&url->processor->slot);
    return err;
}

static int fetch_two(void *job)
{
    struct url urls[2] = {{job, true}, {job, false}};

    return async_gather_each(fetch_with_retry, urls, 2);
}

static double good_url_waits(bool hold)
{
    struct processor processor = {
        .slot.permits = 1, .max_retries = 2, .hold = hold};
    double start = async_now();

    seconds_of(fetch_two, &processor);
    return processor.good_begun - start;
}

static void print_retries(void)
{
    struct processor processor = {.slot.permits = 1, .max_retries = 3};
    struct url missing = {&processor, true};

    printf("The card's retry, three attempts that fail: %.1f s of waiting\n",
           seconds_of(card_retry, NULL));
    double seconds = seconds_of(fetch_with_retry, &missing);
    printf("A 404, retried three times: %d requests, %.1f s\n",
           processor.requests, seconds);
    printf("One slot, a good URL behind a bad one: begins after %.1f s,\n"
           "and after %.1f s if the slot is free during backoff\n",
           good_url_waits(true), good_url_waits(false));
}

/* ---- Counters, timers, money ------------------------------------------- */

static int counter;

static int add_one(void *job)
{
    (void)job;
    int err = async_yield();
    if (err)
        return err;
    counter += 1;
    return 0;
}

static int add_one_suspended(void *job)
{
    (void)job;
    int read = counter;
    int err = async_yield();
    if (err)
        return err;
    counter = read + 1;
    return 0;
}

static int add_twenty(void *job)
{
    async_fn *fn = *(async_fn **)job;
    char nothing[20];

    counter = 0;
    return async_gather_each(fn, nothing, 20);
}

static int ring(void *job)
{
    int err = async_sleep(1);
    if (err)
        return err;
    printf(" %d", *(int *)job);
    return 0;
}

static int ring_twelve(void *job)
{
    int numbers[12];

    (void)job;
    for (int i = 0; i < 12; i++)
        numbers[i] = i;
    return async_gather_each(ring, numbers, 12);
}

static void print_small_things(void)
{
    async_fn *together = add_one, *suspended = add_one_suspended;

    seconds_of(add_twenty, &together);
    printf("20 tasks, each += 1: %d", counter);
    seconds_of(add_twenty, &suspended);
    printf("; suspended between reading and writing: %d\n", counter);
    printf("12 timers of one deadline, in order:");
    seconds_of(ring_twelve, NULL);
    printf("\n15,620 tokens of gpt-3.5-turbo: $%.5f all input, $%.5f all "
           "output\n",
           15620 * 0.001 / 1000, 15620 * 0.002 / 1000);
    printf("10 tokens in, 50 out: $%.6f; by the solutions' formula $%.6f\n",
           10 * 0.001 / 1000 + 50 * 0.002 / 1000, 60 * 0.0000015);
}

int main(void)
{
    int done = 0;

    setenv("ASYNC_CLOCK", "virtual", 1);
    printf("On the virtual clock, so that nothing takes time:\n\n");
    print_calls("drinks", 5, 180, 2);
    print_calls("reports", 50, 3, 50);
    print_calls("reports", 20, 3, 20);
    print_calls("operations", 5, 0.1, 5);
    print_calls("prompts", 10, 5, 3);
    print_calls("URLs", 20, 0.5, 5);
    print_turns();
    seconds_of(process_five, &done);
    printf("One of five documents of 1 s fails: %d of the others are done\n",
           done);
    print_challenge();
    print_retries();
    print_small_things();
    return 0;
}
