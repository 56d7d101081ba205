/*
 * floor.c - what the machine's own operations cost: those that no runtime with
 * a stack for each task can do without.
 *
 *     build/bench/floor [CASE [N]]
 *
 * prints a line for each case: the median of five processes. docs/speed.md
 * tells which of the runtime's figures stands on which of these.
 */
#include "async/runtime.h"
#include "async/stack.h"
#include "async/switch.h"
#include "bench.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE = 4096, STACK = 256 * 1024, LINE = 64 };

/* ---- Clock and switch -------------------------------------------------- */

static double read_clock(long n)
{
    double start = bench_seconds();

    for (long i = 0; i < n; i++)
        bench_seconds();
    return bench_each(start, n);
}

static struct async_context here, there;
static char other_stack[STACK] __attribute__((aligned(64)));

__attribute__((noinline)) static void go_there(void)
{
    async_context_switch(&here, &there, false);
}

__attribute__((noinline)) static void come_back(void)
{
    async_context_switch(&there, &here, false);
}

/* Both sides switch in the same function, and it returns to the same place. */
__attribute__((noinline)) static void hop(struct async_context *from,
                                          struct async_context *to)
{
    async_context_switch(from, to, false);
}

__attribute__((noinline)) static void
hop_often(struct async_context *from, struct async_context *to, long n)
{
    for (long i = 0; i < n; i++)
        hop(from, to);
}

static void same_code(void)
{
    async_context_arrived(&there);
    hop_often(&there, &here, INT64_MAX);
}

static void other_code(void)
{
    async_context_arrived(&there);
    for (;;)
        come_back();
}

static double switch_same(long n)
{
    async_context_make(&there, same_code, other_stack, sizeof other_stack);
    double start = bench_seconds();
    hop_often(&here, &there, n / 2);
    return bench_each(start, n);
}

static double switch_other(long n)
{
    async_context_make(&there, other_code, other_stack, sizeof other_stack);
    double start = bench_seconds();
    for (long i = 0; i < n / 2; i++)
        go_there();
    return bench_each(start, n);
}

/* ---- Memory ------------------------------------------------------------ */

static char *reserve(size_t size, int advice)
{
    char *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

    bench_check(memory != MAP_FAILED, "no addresses");
    if (advice)
        madvise(memory, size, advice);
    return memory;
}

/* The last page of each of n stacks, as the first step of a task does. */
static double touch_stacks(long n)
{
    char *memory = reserve((size_t)n * STACK, MADV_NOHUGEPAGE);
    double start = bench_seconds();

    for (long i = 0; i < n; i++)
        memory[(size_t)(i + 1) * STACK - LINE] = 1;
    return bench_each(start, n);
}

static double populate_stacks(long n)
{
    char *memory = reserve((size_t)n * STACK, MADV_NOHUGEPAGE);
    double start = bench_seconds();

    for (long i = 0; i < n; i++)
        bench_check(madvise(memory + (size_t)(i + 1) * STACK - PAGE, PAGE,
                            MADV_POPULATE_WRITE) == 0,
                    "no MADV_POPULATE_WRITE: it came with Linux 5.14");
    return bench_each(start, n);
}

static double touch_pages(size_t n, int advice)
{
    char *memory = reserve(n * PAGE, advice);
    double start = bench_seconds();

    for (size_t i = 0; i < n; i++)
        memory[i * PAGE] = 1;
    return bench_each(start, (long)n);
}

static double touch_small(long n)
{
    return touch_pages((size_t)n, MADV_NOHUGEPAGE);
}

static double touch_huge(long n)
{
    return touch_pages((size_t)n, MADV_HUGEPAGE);
}

static double install_guards(long n)
{
    char *memory = reserve((size_t)n * STACK, MADV_NOHUGEPAGE);
    double start = bench_seconds();

    for (long i = 0; i < n; i++)
        bench_check(
            madvise(memory + (size_t)i * STACK, PAGE, MADV_GUARD_INSTALL) == 0,
            "no MADV_GUARD_INSTALL: it came with Linux 6.13");
    return bench_each(start, n);
}

/* For a page of each of n stacks, 64 in one system call; and then their last
   page may be touched. */
static double advise_many(long n, size_t page_at, int advice, bool touch)
{
    enum { MANY = 64 };
    char *memory = reserve((size_t)n * STACK, MADV_NOHUGEPAGE) + page_at;
    struct iovec pages[MANY];
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    double start = bench_seconds();

    for (long i = 0; i < n; i += MANY) {
        long count = n - i < MANY ? n - i : MANY;
        for (long k = 0; k < count; k++)
            pages[k] = (struct iovec){memory + (size_t)(i + k) * STACK, PAGE};
        bench_check(syscall(SYS_process_madvise, self, pages, count, advice,
                            0) == count * PAGE,
                    "no process_madvise for oneself: it came with Linux 6.13");
        for (long k = 0; touch && k < count; k++)
            ((char *)pages[k].iov_base)[STACK - LINE] = 1;
    }
    return bench_each(start, n);
}

static double install_many_guards(long n)
{
    return advise_many(n, 0, MADV_GUARD_INSTALL, false);
}

static double guard_many_and_touch(long n)
{
    return advise_many(n, 0, MADV_GUARD_INSTALL, true);
}

static double populate_many(long n)
{
    return advise_many(n, STACK - PAGE, MADV_POPULATE_WRITE, false);
}

/* As guards and as touch, one stack after the other. */
static double guard_and_touch(long n)
{
    char *memory = reserve((size_t)n * STACK, MADV_NOHUGEPAGE);
    double start = bench_seconds();

    for (long i = 0; i < n; i++) {
        bench_check(
            madvise(memory + (size_t)i * STACK, PAGE, MADV_GUARD_INSTALL) == 0,
            "no MADV_GUARD_INSTALL: it came with Linux 6.13");
        memory[(size_t)(i + 1) * STACK - LINE] = 1;
    }
    return bench_each(start, n);
}

static double protect(long n)
{
    char *memory = reserve((size_t)n * STACK, MADV_NOHUGEPAGE);
    double start = bench_seconds();

    for (long i = 0; i < n; i++)
        bench_check(
            mprotect(memory + (size_t)i * STACK, PAGE, PROT_NONE) == 0,
            "no more mappings: vm.max_map_count allows half as many guards");
    return bench_each(start, n);
}

/* Writes four lines of each of n stacks that are there already. */
static double revisit(long n, size_t colours)
{
    char *memory = reserve((size_t)n * STACK, MADV_NOHUGEPAGE);
    double start = 0;

    for (int pass = 0; pass < 3; pass++) {
        start = bench_seconds();
        for (long i = 0; i < n; i++) {
            char *top = memory + (size_t)(i + 1) * STACK -
                        (size_t)i % colours * 4 * LINE;
            for (int line = 1; line <= 4; line++)
                top[-line * LINE]++;
        }
    }
    return bench_each(start, n);
}

static double revisit_many(long n)
{
    return revisit(n, 1);
}

static double revisit_many_coloured(long n)
{
    return revisit(n, 12);
}

/* Reads a line of each of n records that lie side by side, each pointing to the
   next; the third time. */
static double follow(long n, size_t size)
{
    char *memory = calloc((size_t)n, size);
    double start = 0;

    bench_check(memory != NULL, "no memory");
    for (long i = 0; i < n; i++)
        *(char **)(memory + (size_t)i * size) =
            memory + (size_t)((i + 1) % n) * size;
    for (int pass = 0; pass < 3; pass++) {
        start = bench_seconds();
        char *volatile end = memory;
        for (long i = 0; i < n; i++)
            end = *(char **)end;
    }
    double each = bench_each(start, n);
    free(memory);
    return each;
}

static double follow_64(long n)
{
    return follow(n, 64);
}

static double follow_256(long n)
{
    return follow(n, 256);
}

static double follow_records(long n)
{
    return follow(n, (sizeof(struct async_coroutine) + 63) / 64 * 64);
}

/* ---- Timers ------------------------------------------------------------ */

/* n are set, later and later, and then taken out as they become due. */
static double set_and_clear(long n)
{
    struct async_loop loop = {0};
    struct async_timer *timers = calloc((size_t)n, sizeof *timers);

    bench_check(timers != NULL, "no memory");
    async_loop = &loop;
    double start = bench_seconds();
    for (long i = 0; i < n; i++)
        bench_check(async_timer_set(&timers[i], i) == 0, "no memory");
    while (loop.timers.count)
        async_timer_clear(loop.timers.heap[0]);
    double each = bench_each(start, n);
    async_loop = NULL;
    free(loop.timers.heap);
    free(timers);
    return each;
}

/* Median lateness of waits of 100 us, in microseconds. */
static double wait_late(long n, unsigned long slack, bool milliseconds)
{
    struct timespec wait = {.tv_nsec = 100000};
    struct epoll_event event;
    double *late = malloc((size_t)n * sizeof *late);
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    bench_check(late != NULL && epoll >= 0, "no epoll");
    prctl(PR_SET_TIMERSLACK, slack);
    for (long i = 0; i < n; i++) {
        double start = bench_seconds();

        if (milliseconds)
            epoll_wait(epoll, &event, 1, 1);
        else
            syscall(SYS_epoll_pwait2, epoll, &event, 1, &wait, NULL, 0);
        late[i] = (bench_seconds() - start) * 1e9 - 100e3;
    }
    double median = bench_median(late, n);
    close(epoll);
    free(late);
    return median;
}

static double wait_without_slack(long n)
{
    return wait_late(n, 1, false);
}

static double wait_with_slack(long n)
{
    return wait_late(n, 50000, false);
}

static double wait_milliseconds(long n)
{
    return wait_late(n, 1, true);
}

/* ------------------------------------------------------------------------ */

static const struct floor_case {
    const char *name;
    double (*measure)(long n);
    long n;
    const char *what;
} cases[] = {
    {"clock", read_clock, 1000000, "clock_gettime"},
    {"switch", switch_same, 1000000, "between two stacks with the same calls"},
    {"switch-other", switch_other, 1000000,
     "the same, but a return goes elsewhere than predicted"},
    {"touch", touch_stacks, 100000, "a new page in each of N stacks"},
    {"populate", populate_stacks, 100000, "the same by MADV_POPULATE_WRITE"},
    {"populates", populate_many, 100000,
     "the same by process_madvise, 64 at a time"},
    {"touch-dense", touch_small, 100000, "a new page, the next one each time"},
    {"touch-huge", touch_huge, 100000, "the same, in huge pages of 512"},
    {"guard", install_guards, 100000, "MADV_GUARD_INSTALL for a stack"},
    {"guards", install_many_guards, 100000,
     "the same by process_madvise, 64 at a time"},
    {"guard-touch", guard_and_touch, 100000, "guard and touch in turn"},
    {"guards-touch", guard_many_and_touch, 100000,
     "64 guards at a time, then their touches"},
    {"mprotect", protect, 30000, "mprotect for a stack"},
    {"revisit", revisit_many, 100000, "4 lines of a known stack, one of N"},
    {"coloured", revisit_many_coloured, 100000,
     "the same, begun in 12 places of a page"},
    {"follow-64", follow_64, 100000, "the next of N records of 64 bytes"},
    {"follow-256", follow_256, 100000, "of 256 bytes"},
    {"follow-record", follow_records, 100000, "of a task's record's size"},
    {"timers", set_and_clear, 100000, "a timer set, and taken out when due"},
    {"late", wait_without_slack, 1000, "a wait of 100 us: late, slack 1 ns"},
    {"late-slack", wait_with_slack, 1000, "the same, slack 50 us"},
    {"late-ms", wait_milliseconds, 300, "epoll_wait, in milliseconds"},
    {0},
};

/* In a process of its own, whose memory nobody has touched. */
static double in_a_child(const struct floor_case *c, long n)
{
    double figure = 0;
    int channel[2], status;

    bench_check(pipe(channel) == 0, "no pipe");
    pid_t child = fork();
    bench_check(child >= 0, "no process");
    if (child == 0) {
        figure = c->measure(n);
        _exit(write(channel[1], &figure, sizeof figure) != sizeof figure);
    }
    close(channel[1]);
    bool got = read(channel[0], &figure, sizeof figure) == sizeof figure;
    close(channel[0]);
    waitpid(child, &status, 0);
    return got ? figure : -1;
}

static void print_case(const struct floor_case *c, long n)
{
    enum { CHILDREN = 5 };
    double figures[CHILDREN];

    for (int i = 0; i < CHILDREN; i++)
        if ((figures[i] = in_a_child(c, n)) < 0)
            return; /* it has said why */
    printf("%-14s %9.1f ns  %s\n", c->name, bench_median(figures, CHILDREN),
           c->what);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    bool found = false;

    for (const struct floor_case *c = cases; c->name; c++)
        if (argc < 2 || strcmp(c->name, argv[1]) == 0) {
            print_case(c, argc > 2 ? atol(argv[2]) : c->n);
            found = true;
        }
    if (!found)
        fprintf(stderr, "there is no case %s\n", argv[1]);
    return found ? 0 : 2;
}
