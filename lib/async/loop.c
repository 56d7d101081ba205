/*
 * loop.c - the event loop.
 *
 * Its one idea is the turn: fetch what has become ready outside, add what is
 * due, then run every callback that was queued by then, in order. A callback
 * that queues another one waits for the next turn, and so nobody starves. While
 * nothing outside is watched and no timer is set, tasks that follow each other
 * begin turns themselves: async_next_turn().
 */
#include "async/runtime.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

_Thread_local struct async_loop *async_loop;

/* ---- The queue of callbacks -------------------------------------------- */

static void queue_init(struct async_queue_of_callbacks *queue)
{
    queue->head.next = queue->head.previous = &queue->head;
}

void async_call_soon(struct async_callback *callback)
{
    async_queue(callback);
}

void async_call_off(struct async_callback *callback)
{
    async_unqueue(callback);
}

static void run_turn(struct async_loop *loop)
{
    struct async_callback *turn = &loop->turn.head;

    while (turn->next != turn) {
        struct async_callback *callback = turn->next;

        async_call_off(callback);
        callback->run(callback);
    }
}

/* ---- File descriptors -------------------------------------------------- */

static void call_ready(struct async_callback *callback)
{
    struct async_fd *fd = CONTAINER_OF(callback, struct async_fd, callback);

    fd->ready(fd, fd->happened);
}

static void fd_happened(struct async_fd *fd, int events)
{
    fd->happened = events;
    async_call_soon(&fd->callback);
}

void async_fd_init(struct async_fd *fd)
{
    fd->callback = (struct async_callback){.run = call_ready};
}

int async_fd_watch(struct async_fd *fd, int events)
{
    if (!events)
        async_fd_unwatch(fd);
    if (events == fd->watched)
        return 0;
    if (!fd->watched)
        async_fd_init(fd);

    int err = async_poller_watch(&async_loop->poller, fd, events, fd->watched);
    if (err)
        return err;
    async_loop->watched += !fd->watched;
    fd->watched = events;
    /* What happened is fetched anew: it may be what is no longer wanted. */
    async_call_off(&fd->callback);
    return 0;
}

void async_fd_unwatch(struct async_fd *fd)
{
    if (!fd->watched)
        return;
    /* What fails here is a descriptor that somebody has closed, and that is not
       watched any more, either. */
    async_poller_watch(&async_loop->poller, fd, 0, fd->watched);
    async_loop->watched--;
    fd->watched = 0;
    async_call_off(&fd->callback);
}

void async_outside_begin(void)
{
    if (async_loop->outside++ == 0)
        async_clock_set_flowing(true);
}

void async_outside_end(void)
{
    if (--async_loop->outside == 0)
        async_clock_set_flowing(false);
}

void async_on_close(struct async_closer *closer)
{
    closer->next = async_loop->closers;
    async_loop->closers = closer;
}

/* ---- Waiting ----------------------------------------------------------- */

/* Cancels all tasks but main, the latest first: they form a tree below it. */
static void cancel_all(struct async_loop *loop)
{
    struct async_coroutine *task = loop->main;

    while (task->last_child)
        task = task->last_child;
    while (task != loop->main) {
        async_cancel_coroutine(task);
        if (!task->previous_sibling) {
            task = task->parent;
            continue;
        }
        task = task->previous_sibling;
        while (task->last_child)
            task = task->last_child;
    }
}

/*
 * The first time that nothing is left which could wake anybody, main is told
 * so, and unwinds; if that moves nothing (main waits for tasks that it has
 * cancelled before), everybody is. The second time there is nothing more to be
 * done.
 */
static void deadlock(struct async_loop *loop)
{
    /* Ctrl-C came since the turn began: it moves main first. */
    if (async_is_interrupted(loop))
        return;
    async_report_deadlock();
    if (loop->deadlocked) {
        async_report_stuck();
        abort();
    }
    loop->deadlocked = true;
    async_cancel_coroutine(loop->main);
    if (async_nothing_ready(loop))
        cancel_all(loop);
}

static void poll_fds(struct async_loop *loop, int64_t nanoseconds)
{
    int err = async_poller_wait(&loop->poller, nanoseconds, fd_happened);

    if (err) {
        async_report_wait_failed(err);
        abort();
    }
}

/* Lets the owner of the clock say what happens next. */
static void ask_time_keeper(struct async_loop *loop)
{
    struct async_time_keeper *keeper = async_clock_keeper();
    int64_t now = keeper->idle(keeper, async_next_deadline());

    if (now >= 0)
        async_clock_jump(now);
    else
        deadlock(loop);
}

/* A virtual clock flows meanwhile: what we wait for is real. */
static void poll_until(struct async_loop *loop, int64_t deadline)
{
    bool flows = async_clock_flows();

    async_clock_set_flowing(true);
    int64_t left = deadline - async_now_ns();
    poll_fds(loop, left > 0 ? async_real_ns(left) : 0);
    async_clock_set_flowing(flows);
}

/* Nothing is ready: waits, or moves the clock, until something may be. */
static void idle(struct async_loop *loop)
{
    int64_t next = async_next_deadline();
    bool outside = loop->outside || loop->threading;

    if (async_clock_keeper() && !outside)
        ask_time_keeper(loop);
    else if (next == INT64_MAX && !outside)
        deadlock(loop);
    else if (next == INT64_MAX || async_clock_keeper())
        poll_fds(loop, -1);
    else if (async_clock_flows() || outside)
        poll_until(loop, next);
    else
        async_clock_jump(next);
}

static void handle_interrupts(struct async_loop *loop)
{
    if (!async_is_interrupted(loop))
        return;
    loop->interrupts = async_interrupts;
    if (async_cancel_coroutine(loop->main))
        return;
    /* It has returned; others, which it left behind, may not have. */
    loop->interrupted_late = true;
    cancel_all(loop);
}

static void take_turn(struct async_loop *loop)
{
    if (loop->watched)
        poll_fds(loop, 0);
    handle_interrupts(loop);
    async_queue_due_timers();
    if (async_nothing_ready(loop)) {
        idle(loop);
        return; /* what that made ready or due is the next turn's */
    }
    async_begin_turn(loop);
    run_turn(loop);
}

/* ---- Opening and closing ----------------------------------------------- */

/*
 * Thousands of connections need thousands of descriptors, and the usual limit
 * is 1,024: that is for the programs which still use select().
 */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
        limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

#ifdef ASYNC_ASAN
/*
 * exit() in a task: LeakSanitizer looks for pointers on the stack on which that
 * was called, and knows of no other; what only the others point to would be
 * reported.
 */
static void show_stacks(void)
{
    struct async_loop *loop = async_loop;

    if (!loop)
        return;
    if (loop->context.size)
        __lsan_register_root_region(loop->context.bottom, loop->context.size);
    async_stacks_show(&loop->stacks);
}

static void prepare_for_exit(void)
{
    static atomic_flag done = ATOMIC_FLAG_INIT;

    if (!atomic_flag_test_and_set(&done))
        atexit(show_stacks);
}
#else
static void prepare_for_exit(void)
{
}
#endif

static void observe(struct async_loop *loop, struct async_observer *observer)
{
    if (!observer)
        return;
    observer->next = loop->observers;
    loop->observers = observer;
}

static int open_loop(struct async_loop *loop)
{
    static atomic_ullong runs;
    int err = async_poller_open(&loop->poller);

    if (err)
        return err;
    queue_init(&loop->ready);
    queue_init(&loop->turn);
    do /* never 0, also when the numbers begin anew */
        loop->first_serial = ++runs << ASYNC_SERIAL_BITS;
    while (!loop->first_serial);
    raise_descriptor_limit();
    prepare_for_exit();
    signal(SIGPIPE, SIG_IGN);
    async_loop = loop;
    err = async_signals_open(loop);
    if (err) {
        async_poller_close(&loop->poller);
        async_loop = NULL;
        return err;
    }
    observe(loop, async_timeline_begin());
    observe(loop, async_debug_begin());
    observe(loop, async_trace_file_begin());
    return 0;
}

static void close_loop(struct async_loop *loop)
{
    while (loop->closers) {
        struct async_closer *closer = loop->closers;

        loop->closers = closer->next;
        closer->close(closer);
    }
    while (loop->observers) {
        struct async_observer *observer = loop->observers;

        loop->observers = observer->next;
        observer->finish(observer);
    }
    async_signals_close(loop);
    async_threads_close(loop);
    async_descriptors_free(loop);
    async_poller_close(&loop->poller);
    async_stacks_free(&loop->stacks);
    async_records_free(loop);
    free(loop->timers.heap);
    async_loop = NULL;
}

int async_run(async_fn *fn, void *job)
{
    struct async_loop loop = {0};
    struct async_task main_task = {.err = ASYNC_ENOMEM};

    if (async_loop) {
        async_report_nested();
        return async_raise(ASYNC_ENESTED, "async_run inside async_run");
    }
    int err = open_loop(&loop);
    if (err)
        return err;

    loop.main = async_start(fn, job, "main", NULL);
    if (loop.main) {
        async_handle_init(&main_task, loop.main);
        while (loop.main->state != ASYNC_ENDED)
            take_turn(&loop);
        async_collect(&main_task);
    }
    close_loop(&loop);
    /* In async_reap, which says so later; but there was no later. */
    if (loop.deadlocked && !loop.deadlock_delivered && !main_task.err)
        main_task.err = ASYNC_EDEADLK;
    /* Ctrl-C may have come after main had ended, even while the loop closed. */
    bool late = loop.interrupted_late || async_is_interrupted(&loop);
    bool interrupted =
        (late && main_task.err == 0) ||
        ((late || loop.interrupts) && main_task.err == ASYNC_ECANCELED);
    if (interrupted)
        return ASYNC_EINTERRUPTED;
    return async_record_error(main_task.err, main_task.errmsg);
}

int async_main(async_fn *fn, void *job)
{
    int err = async_run(fn, job);

    fflush(stdout);
    if (err)
        fprintf(stderr, "error: %s\n", async_errmsg(err));
    if (err == ASYNC_EINTERRUPTED)
        return 128 + SIGINT;
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
