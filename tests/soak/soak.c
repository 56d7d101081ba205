/*
 * soak.c - random load on the runtime, for as long as one likes.
 *
 * A round is a tree of tasks, each of which does something drawn at random:
 * sleeps, waits, holds a permit, hands items on, computes in a thread, reads a
 * pipe, starts more tasks and gathers, times out or cancels them; or fails.
 * When a round is over, everything has to be as it was before: all tasks ended,
 * all permits free, all queues empty, no descriptor open; and after the first
 * rounds, the warm-up, no more memory in use. All of that is counted, nothing
 * is timed.
 *
 * soak ROUNDS|SECONDSs [SEED]: 1000 rounds, or 600s. The same seed begins with
 * the same load; how it goes on depends on the clock, too.
 */
#include "async/runtime.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    TASKS = 150,       /* in a round, at most about so many */
    DEEPEST = 12,      /* a tree of tasks */
    MOST_CHILDREN = 5, /* of a task */
    WARM_UP = 100,     /* rounds */
    PERMITS = 3,
    FAILURE = -EIO /* what some tasks are meant to end with */
};

static uint64_t seed;

static struct {
    uint64_t rounds, begun, ended, failed, cancelled, timed_out;
} total;

/* So many tasks had the round that had most, those of the runtime included. */
static size_t most_spawned;

/* Of the round. */
static int begun, ended, holding, put, taken, pipes, in_threads;
static struct async_semaphore permits = {.permits = PERMITS};
static struct async_queue items = {.capacity = 4};

static int any_below(int n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int)(seed % (uint64_t)n);
}

static void must(bool is_so, const char *what)
{
    if (is_so)
        return;
    fprintf(stderr, "soak: in round %" PRIu64 ": %s\n", total.rounds, what);
    async_dump();
    abort();
}

/* ---- What a task does -------------------------------------------------- */

struct node {
    int depth;
    int number; /* in */
    int square; /* out: of number */
};

static int node(void *job);

static double moment(void)
{
    return any_below(20) / 10000.0;
}

static int hold_a_permit(struct node *self)
{
    (void)self;
    int err = async_semaphore_acquire(&permits);

    if (err)
        return err;
    must(++holding <= PERMITS, "more permits are held than there are");
    err = async_sleep(moment());
    holding--;
    async_semaphore_release(&permits);
    return err;
}

static int put_an_item(struct node *self)
{
    int err = async_queue_put(&items, self);

    put += !err;
    return err;
}

static int compute(void *job)
{
    struct node *self = job;

    __atomic_add_fetch(&in_threads, 1, __ATOMIC_RELAXED);
    usleep(50);
    self->square = self->number * self->number;
    __atomic_sub_fetch(&in_threads, 1, __ATOMIC_RELAXED);
    return 0;
}

static int compute_in_a_thread(struct node *self)
{
    struct node other = {.number = self->number};
    int err = async_to_thread(compute, &other);

    if (!err)
        must(other.square == self->number * self->number, "a thread is wrong");
    return err;
}

static int write_later(void *job)
{
    int err = async_sleep(moment());

    if (err)
        return err;
    return write(*(int *)job, "x", 1) == 1 ? 0 : -errno;
}

static int read_a_pipe(struct node *self)
{
    struct async_task writer;
    int ends[2];
    char byte = 0;
    (void)self;

    if (pipe(ends))
        return -errno;
    pipes++;
    async_spawn(&writer, write_later, &ends[1]);
    int err = async_wait_readable(ends[0]);
    if (!err)
        must(read(ends[0], &byte, 1) == 1 && byte == 'x', "a pipe is wrong");
    async_reap(&writer, 1);
    close(ends[0]);
    close(ends[1]);
    pipes--;
    return err;
}

/* ---- More tasks -------------------------------------------------------- */

struct family {
    struct node nodes[MOST_CHILDREN];
    struct async_task tasks[MOST_CHILDREN];
    size_t n;
};

static void start(struct family *family, const struct node *parent)
{
    *family = (struct family){.n = 1 + (size_t)any_below(MOST_CHILDREN)};
    for (size_t i = 0; i < family->n; i++) {
        family->nodes[i].depth = parent->depth + 1;
        family->nodes[i].number = any_below(1000);
        async_spawn(&family->tasks[i], node, &family->nodes[i]);
    }
}

/* Of tasks that have been waited for. */
static void look_at(const struct family *family, bool all_well)
{
    for (size_t i = 0; i < family->n; i++) {
        const struct node *child = &family->nodes[i];
        int err = family->tasks[i].err;

        must(err == 0 || err == FAILURE || err == ASYNC_ECANCELED ||
                 err == ASYNC_ETIMEDOUT,
             "a task ended as none should");
        must(err || child->square == child->number * child->number,
             "a result is wrong");
        must(!err || !all_well, "a failure was not told");
    }
}

static int gather_them(struct node *self)
{
    struct family family;

    start(&family, self);
    int err = async_gather(family.tasks, family.n);
    look_at(&family, !err);
    return err;
}

static int gather_them_all(struct node *self)
{
    struct family family;

    start(&family, self);
    if (any_below(2))
        async_cancel(&family.tasks[any_below((int)family.n)]);
    int err = async_gather_all(family.tasks, family.n);
    look_at(&family, false);
    return err;
}

static int take_any(struct node *self)
{
    struct family family;
    size_t i, most;
    int err = 0;

    start(&family, self);
    most = (size_t)any_below((int)family.n + 1);
    for (size_t n = 0; !err && n < most; n++) {
        err = async_wait_any(family.tasks, family.n, &i);
        if (!err)
            must(family.tasks[i].err != ASYNC_EINPROGRESS, "none had ended");
    }
    async_reap(family.tasks, family.n);
    look_at(&family, false);
    return err;
}

static int limit_the_time(struct node *self)
{
    struct node child = {.depth = self->depth + 1, .number = any_below(1000)};
    int err = async_wait_for(node, &child, moment());

    total.timed_out += err == ASYNC_ETIMEDOUT;
    return err == ASYNC_ETIMEDOUT ? 0 : err;
}

static int change_its_mind(struct node *self)
{
    struct node child = {.depth = self->depth + 1, .number = any_below(1000)};
    struct async_task task;

    async_spawn(&task, node, &child);
    int err = async_sleep(moment());
    if (err)
        async_reap(&task, 1);
    else
        async_cancel(&task);
    int result = async_await(&task);
    return err ? err : result == ASYNC_ECANCELED ? 0 : result;
}

static int shield_a_child(struct node *self)
{
    struct node child = {.depth = self->depth + 1, .number = any_below(1000)};

    return async_shield(node, &child);
}

static int maybe_fail(struct node *self)
{
    if (any_below(2))
        return 0;
    return async_raise(FAILURE, "task %d was meant to fail", self->number);
}

static int sleep_a_moment(struct node *self)
{
    (void)self;
    return async_sleep(moment());
}

static int node(void *job)
{
    static int (*const leaves[])(struct node *) = {
        sleep_a_moment, hold_a_permit,       put_an_item,
        read_a_pipe,    compute_in_a_thread, sleep_a_moment,
    };
    static int (*const branches[])(struct node *) = {
        gather_them,     gather_them_all, take_any,   limit_the_time,
        change_its_mind, shield_a_child,  maybe_fail, gather_them_all,
    };
    struct node *self = job;
    bool is_leaf = begun++ >= TASKS || self->depth >= DEEPEST ||
                   (self->depth > 0 && any_below(3) == 0);
    int err =
        is_leaf ? leaves[any_below(6)](self) : branches[any_below(8)](self);

    if (!err)
        self->square = self->number * self->number;
    total.failed += err == FAILURE;
    total.cancelled += err == ASYNC_ECANCELED;
    ended++;
    return err;
}

/* ---- Rounds ------------------------------------------------------------ */

/* What the program holds between two rounds. */
struct held {
    size_t records, stacks; /* so many slabs of them */
    size_t bytes;           /* of malloc's */
    size_t pages;           /* in memory */
};

static struct held held(void)
{
    struct held held = {.bytes = mallinfo2().uordblks};
    const struct async_coroutine_slab *records = async_loop->slabs;
    const struct async_stack_slab *stacks = async_loop->stacks.slabs;
    FILE *file = fopen("/proc/self/statm", "re");

    /* A slab begins with a pointer to the next. */
    for (; records; records = *(void *const *)records)
        held.records++;
    for (; stacks; stacks = *(void *const *)stacks)
        held.stacks++;
    if (file) {
        if (fscanf(file, "%*u %zu", &held.pages) != 1)
            held.pages = 0;
        fclose(file);
    }
    return held;
}

static int take_items(void *job)
{
    void *item;
    int err;
    (void)job;

    while (!(err = async_queue_get(&items, &item)))
        taken++;
    return err == ASYNC_ECLOSED ? 0 : err;
}

static int one_round(void)
{
    struct node root = {.number = any_below(1000)};
    struct async_task tasks[2];

    unsigned spawned = async_loop->spawned;

    begun = ended = put = taken = 0;
    items = (struct async_queue){.capacity = 4};
    async_spawn(&tasks[0], take_items, NULL);
    async_spawn(&tasks[1], node, &root);
    int err = async_await(&tasks[1]);
    must(err == 0 || err == FAILURE || err == ASYNC_ECANCELED,
         "the round ended as none should");
    async_queue_close(&items);
    err = async_await(&tasks[0]);
    must(err == 0 && taken == put, "items that were put were not taken");
    must(begun == ended, "a task began, and did not end");
    must(holding == 0 && permits.permits == PERMITS, "permits are missing");
    must(pipes == 0 && in_threads == 0, "something outside goes on");
    must(async_loop->timers.count == 0 && async_loop->outside == 0 &&
             async_loop->threading == 0,
         "the loop waits for what is over");
    spawned = async_loop->spawned - spawned + 1; /* and main */
    if (spawned > most_spawned)
        most_spawned = spawned;
    total.begun += (uint64_t)begun;
    total.ended += (uint64_t)ended;
    total.rounds++;
    return 0;
}

/* As in record.c and stack.c. */
enum { FIRST_RECORDS = 256, STACKS_IN_A_SLAB = 64, PAGES_OF_A_STACK = 4 };

/* So many records are in so many slabs: each has twice as many as the one
   before, up to a size that a soak's rounds do not reach. */
static size_t records_in(size_t slabs)
{
    return FIRST_RECORDS * (((size_t)1 << slabs) - 1);
}

/*
 * However many rounds there were, there are no more records and stacks than the
 * largest one had tasks; beyond those, some room for arrays that have grown.
 * Sanitizers keep what was freed: theirs is not looked at.
 */
static void must_be_flat(const struct held *before, const struct held *now)
{
    must(now->records <= 1 || records_in(now->records - 1) <= most_spawned,
         "there are more records than there were tasks");
    /* The first slab is a small one. */
    must(now->stacks <= most_spawned / STACKS_IN_A_SLAB + 2,
         "there are more stacks than there were tasks");
#if !defined(ASYNC_ASAN) && !defined(ASYNC_TSAN)
    size_t records = records_in(now->records) - records_in(before->records);
    size_t stacks = (now->stacks - before->stacks) * STACKS_IN_A_SLAB;

    must(now->bytes <= before->bytes + (64 << 10) +
                           records * (sizeof(struct async_coroutine) +
                                      sizeof(struct async_seldom)),
         "the heap grows");
    must(now->pages <= before->pages + 1024 + stacks * PAGES_OF_A_STACK,
         "the memory grows");
#else
    (void)before;
#endif
}

struct length {
    uint64_t rounds;
    time_t seconds; /* instead, if it is not 0 */
};

static bool is_over(const struct length *length, time_t begin)
{
    return length->seconds ? time(NULL) >= begin + length->seconds
                           : total.rounds >= length->rounds;
}

static int soak(void *job)
{
    const struct length *length = job;
    time_t begin = time(NULL);
    struct held before = {0}, now;
    int err = 0;

    while (!err && !is_over(length, begin)) {
        err = one_round();
        now = held();
        if (total.rounds == WARM_UP)
            before = now;
        if (total.rounds >= WARM_UP)
            must_be_flat(&before, &now);
        if (total.rounds % 10000 == 0)
            printf("%" PRIu64 " rounds, %zu KiB in memory\n", total.rounds,
                   now.pages * 4);
        fflush(stdout);
    }
    if (before.pages)
        printf("in memory: %zu KiB after %d rounds, %zu KiB after %" PRIu64
               "; %zu and %zu bytes of malloc's\n",
               before.pages * 4, WARM_UP, now.pages * 4, total.rounds,
               before.bytes, now.bytes);
    return err;
}

int main(int argc, char **argv)
{
    struct length length = {.rounds = 1000};
    char *end = "";

    if (argc > 1) {
        length.rounds = strtoull(argv[1], &end, 10);
        if (*end == 's')
            length.seconds = (time_t)length.rounds, end++;
    }
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    if (argc > 3 || *end || !length.rounds || !seed) {
        fputs("usage: soak ROUNDS|SECONDSs [SEED], as in soak 600s 4711\n",
              stderr);
        return 2;
    }
    printf("seed %" PRIu64 "\n", seed);
    fflush(stdout);
    /* A small seed's first numbers are small, too. */
    for (int i = 0; i < 20; i++)
        any_below(2);
    int status = async_main(soak, &length);
    printf("%" PRIu64 " rounds: %" PRIu64 " tasks, of which %" PRIu64
           " failed, %" PRIu64 " were cancelled; %" PRIu64 " timed out\n",
           total.rounds, total.begun, total.failed, total.cancelled,
           total.timed_out);
    return status;
}
