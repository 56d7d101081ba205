/*
 * runtime.h - what the files of the runtime share; nobody else includes it.
 *
 * The loop holds a queue of callbacks. A task's next step is one kind of
 * callback; timers, file descriptors and gathers queue others. One turn of the
 * loop runs exactly the callbacks that were queued when it began; what they
 * queue waits for the next turn. From that one rule follows the order in which
 * everything happens.
 */
#ifndef ASYNC_RUNTIME_H
#define ASYNC_RUNTIME_H

/* Never inlined, also where everything is optimised at once: a frame of its own
   is how such a function knows what its caller's is. See async_current_for().
 */
#define ASYNC_SUSPENDS __attribute__((warn_unused_result, noinline))

#include "async/async_loop.h" /* which must find ASYNC_RUNTIME_H defined */
#include "async/poller.h"
#include "async/stack.h"
#include "async/switch.h"

#include <signal.h>

/* From a pointer to a member to the struct that it is a member of. */
#define CONTAINER_OF(pointer, type, member)                                    \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define NS_PER_SECOND INT64_C(1000000000)

struct async_loop; /* below */

/* ---- error.c: an error and its text ------------------------------------ */

struct async_error {
    int err;    /* the error that text belongs to; 0: none */
    char *text; /* ASYNC_ERRMSG_SIZE bytes, which stand elsewhere */
};

/* Makes err, with this text, the current task's latest error. Returns err. */
int async_record_error(int err, const char *text);

/* ---- task.c: tasks ----------------------------------------------------- */

/* Where the last call of the API stands, in whatever task: see async.h. */
extern _Thread_local const char *async_place;

/*
 * Somebody who wants to know that a task has ended. ended is called at once, in
 * the order of watching. Nobody stops watching before the end.
 */
struct async_watcher {
    void (*ended)(struct async_watcher *self, struct async_coroutine *task);
    struct async_watcher *next;
};

/* A watcher that is called a turn later, as asyncio's done callbacks are. */
struct async_late_watcher {
    struct async_watcher watcher;
    struct async_callback callback;
};

/* A gather, as it watches one of its tasks. */
struct async_gatherer {
    struct async_watcher watcher;
    struct gather *gather; /* NULL: free to be used */
    struct async_task *task;
};

/*
 *     NEW -> RUNNING <-> WAITING
 *     RUNNING -> RETURNED -> ENDED
 *                RETURNED -> LEAVING -> ENDED   with children nobody awaited
 *     NEW -> ENDED                              cancelled before it began
 */
enum async_state {
    ASYNC_NEW,      /* has not taken its first step */
    ASYNC_RUNNING,  /* is the current task */
    ASYNC_WAITING,  /* is suspended, or woken and queued */
    ASYNC_RETURNED, /* its function has returned; children may be left */
    ASYNC_LEAVING,  /* and are being cancelled and waited for */
    ASYNC_ENDED
};

enum { ASYNC_CACHE_LINE = 64 };

/*
 * The runtime's own record of a task, from its spawn until its result has been
 * collected. The caller's struct async_task points here; nothing here is linked
 * through the caller's memory, which may be gone by mistake.
 *
 * With many tasks, what a task costs is the number of cache lines that it
 * touches. So what stands in a group of 64 bytes is used at the same time.
 */
struct async_coroutine {
    /* When somebody waits for its end, and then. */
    _Alignas(ASYNC_CACHE_LINE) int result; /* once it has returned */
    enum async_state state : 8;
    bool watched;              /* by async_wait_any */
    bool noticed;              /* its end, by that */
    bool pinned;               /* watched, and not noticed yet */
    unsigned long long serial; /* no other record has it; 0: collected */
    union {
        uint64_t ended_as; /* the how many-th of the run to end, from 1 on */
        struct async_coroutine *next_free; /* once it is collected */
    };
    struct async_watcher *last_watcher; /* who waits for its end */
    struct async_gatherer gatherer;     /* the first gather that does */

    /* At each step. */
    struct async_callback step; /* queued: its next step is due */
    struct async_wait *wait;    /* what it waits for; NULL once woken */
    const char *place;          /* where: file:line, or NULL */
    struct async_stack *stack;  /* from its first step until its end */
    struct async_coroutine *last_child;
    bool cancel_pending; /* to be delivered when it next resumes */
    bool cancel_held;    /* until the outermost shield is left */
    bool passing_on;     /* a cancellation, at this moment */
    bool put_off;        /* see async_deliver_cancel() */
    int cancels;         /* how often it was cancelled */

    /* At its first step, and when it leaves its parent. */
    struct async_context context; /* where it goes on: next its function */
    async_fn *fn;
    void *job;
    struct async_coroutine *parent; /* until its result has been collected */
    struct async_coroutine *next_sibling, *previous_sibling;

    /* When it is spawned, and seldom otherwise. */
    const struct async_task *handle; /* to be compared only: may dangle */
    const char *name;                /* the function's */
    const char *spawned_at;          /* file:line; NULL: by the runtime */
    struct async_coroutine *first_child;
    struct async_coroutine *next_put_off;
    unsigned number;          /* counts the tasks of this run; main is 1 */
    unsigned shields;         /* async_shield calls that it is in */
    struct async_error error; /* its latest; the text is async_seldom's */
};

/*
 * What most records never need: it stands elsewhere, and the records closer. A
 * new record finds here what the last one left.
 */
struct async_seldom {
    char text[ASYNC_ERRMSG_SIZE];
    unsigned long collected_after; /* so many waits in async_wait_any */
    struct async_late_watcher any; /* async_wait_any's */
    struct async_coroutine *any_of;
};

static inline struct async_seldom *
async_seldom(const struct async_coroutine *task)
{
    return CONTAINER_OF(task->error.text, struct async_seldom, text);
}

/* Whether its function has not returned yet. */
static inline bool async_is_alive(const struct async_coroutine *task)
{
    return task->state < ASYNC_RETURNED;
}

/* A new child of the current task (or of nobody), its first step queued. NULL
   without memory. */
struct async_coroutine *async_start(async_fn *fn, void *job, const char *name,
                                    const char *place);

void async_watch(struct async_coroutine *task, struct async_watcher *watcher);

/* Calls late->callback.run, which the caller has set, a turn after the end. */
void async_watch_late(struct async_coroutine *task,
                      struct async_late_watcher *late);

/* ---- record.c: records and handles ------------------------------------- */

/* A new record with its numbers, the rest zeroed; NULL without memory. */
struct async_coroutine *async_record_new(void);

/* Frees the memory of all records. */
void async_records_free(struct async_loop *loop);

/* Keeps the record in memory until async_unpin, also once it is collected. */
void async_pin(struct async_coroutine *record);
void async_unpin(struct async_coroutine *record);

void async_adopt(struct async_coroutine *parent, struct async_coroutine *child);
void async_leave_parent(struct async_coroutine *child);

/* Makes the handle that of a new task. */
void async_handle_init(struct async_task *task, struct async_coroutine *record);

/* Makes the handle that of a task which has failed, and was not awaited yet. */
void async_fail(struct async_task *task, int err, const char *text);

/*
 * The runtime's record of a handle: NULL if there is none any more. A handle
 * without a task of this run becomes one that failed with -EINVAL.
 */
struct async_coroutine *async_record_of(struct async_task *task);

/* Whether the handle is that of a task of another run: in another thread, or
   before this one. */
bool async_is_of_others(const struct async_task *task);

/*
 * Copies the result of an ended task into the handle, and forgets the record.
 * Returns the result; its text becomes the current task's latest error.
 */
int async_collect(struct async_task *task);
bool async_is_collected(const struct async_task *task);

/* A serial number is the run's, and behind it so many bits for the task's. */
enum { ASYNC_SERIAL_BITS = 40 };

/* ---- cancel.c: asking a task to stop ----------------------------------- */

/* See async_deliver_cancel(). */
struct async_cancelling {
    unsigned depth;
    struct async_coroutine *first_put_off, **last_put_off;
};

/* Cancels a task, as async_cancel does. */
bool async_cancel_coroutine(struct async_coroutine *task);

/* Tells the task's wait of a cancellation that has been counted. */
void async_deliver_cancel(struct async_coroutine *task);

/* ---- sync.c: tasks that wait for each other ---------------------------- */

/* On the stack of the task that waits. */
struct async_waiter {
    struct async_wait wait;
    struct async_waiters *line;
    struct async_waiter *next, *previous;
    bool woken; /* by async_wake_first, and no longer in line */
};

/*
 * Waits at the end of the line. Returns 0 once woken, or ASYNC_ECANCELED, and
 * then *woken tells whether it had been woken, too.
 */
int async_wait_in_line(struct async_waiters *line, const char *what,
                       const char *whom, bool *woken) ASYNC_SUSPENDS;

/* Wakes the first in line; false if nobody waits. */
bool async_wake_first(struct async_waiters *line);

/* ---- thread.c, descriptor.c -------------------------------------------- */

struct async_threads;
struct async_descriptor;
void async_threads_close(struct async_loop *loop);

/* A pipe whose only message is that there is one: neither end blocks. 0 or a
   negative errno value. */
int async_pipe_open(int ends[2]);
void async_pipe_drain(int end);
void async_descriptors_free(struct async_loop *loop);

/* ---- clock.c, timer.c: time -------------------------------------------- */

struct async_timers {
    struct async_timer **heap; /* heap[0] is the earliest */
    size_t count, room;
    uint64_t sequence;
};

/* No clock goes beyond that, which is some 146 years: sums of two times still
   fit into 64 bits. What is later never comes, and is INT64_MAX. */
#define ASYNC_LATEST (INT64_MAX / 2)

/* Nanoseconds from seconds: INT64_MAX if they never pass. */
int64_t async_deadline_after(double seconds);

/* Whether time moves by itself: not while it is virtual and nothing outside. */
bool async_clock_flows(void);
void async_clock_use_real(void); /* in this thread, whatever is set */
void async_clock_set_flowing(bool flowing); /* of a virtual clock */
void async_clock_jump(int64_t now);         /* of a clock that does not flow */
struct async_time_keeper *async_clock_keeper(void);
int64_t async_real_ns(int64_t ns); /* how long a wait really takes */

int64_t async_next_deadline(void); /* INT64_MAX: no timer is set */
void async_queue_due_timers(void);

/* ---- loop.c: the loop -------------------------------------------------- */

/* Stops the program if a task's latest children have lost their memory: if it
   lies below what is live. */
void async_check_frames(const struct async_coroutine *task, uintptr_t live);

/* A suspending call outside of any task: see report.c. */
void async_report_outside(const char *caller);

struct async_queue_of_callbacks {
    struct async_callback head; /* the list is a ring through head */
};

/* What is told of a task's life. */
enum async_moment {
    ASYNC_AT_SPAWN,
    ASYNC_AT_RESUME,  /* also its first step */
    ASYNC_AT_SUSPEND, /* the only one with a wait; also once it has returned,
                         if children that nobody awaited keep it */
    ASYNC_AT_CANCEL,  /* async_current() is who cancels it, NULL: the loop */
    ASYNC_AT_END      /* also of one that never began */
};

/* Who is told of everything that happens to tasks, such as a timeline. */
struct async_observer {
    void (*told)(struct async_observer *self, enum async_moment moment,
                 struct async_coroutine *task, const struct async_wait *wait);
    void (*finish)(struct async_observer *self); /* the run is over */
    struct async_observer *next;
};

struct async_loop {
    struct async_queue_of_callbacks ready; /* run on the next turn */
    struct async_queue_of_callbacks turn;  /* the rest of this turn's */
    struct async_context context;          /* the loop's own stack */
    struct async_coroutine *current;       /* NULL while the loop itself runs */
    struct async_coroutine *main;
    unsigned long long first_serial; /* all of its tasks' begin with it */
    struct async_cancelling cancelling;
    bool deadlocked, deadlock_delivered;
    struct async_timers timers;
    struct async_poller poller;
    size_t watched;   /* file descriptors */
    size_t outside;   /* operations in flight outside the program */
    size_t threading; /* and in threads of this program */
    uint64_t ended;   /* so many tasks have */
    struct async_any *first_any, *last_any; /* who waits in async_wait_any */
    unsigned long any_waits;                /* so many have begun there */
    struct async_threads *threads;          /* NULL: none yet */
    struct async_descriptor **descriptors;  /* by number; NULL: never used */
    size_t descriptor_room;
    int interrupts;        /* Ctrl-C: how many have been acted on */
    bool interrupted_late; /* one of them after main had returned */
    bool takes_signals;    /* this loop is the main thread's */
    struct async_stacks stacks;
    struct async_coroutine_slab *slabs; /* memory of the tasks' records */
    struct async_coroutine *free;
    unsigned spawned;
    struct async_closer *closers;
    struct async_observer *observers;
};

extern volatile sig_atomic_t async_interrupts; /* Ctrl-C was so often pressed */

/* This thread's; NULL outside of async_run. */
extern _Thread_local struct async_loop *async_loop;

/* The task that runs now; NULL in callbacks and outside of async_run. */
static inline struct async_coroutine *async_current(void)
{
    return async_loop ? async_loop->current : NULL;
}

/* Where the calling function's frame begins; clang's __builtin_dwarf_cfa() is
   the frame pointer on aarch64. */
#if defined(__clang__) && defined(__aarch64__)
#define ASYNC_FRAME() ((uintptr_t)__builtin_sponentry())
#else
#define ASYNC_FRAME() ((uintptr_t)__builtin_dwarf_cfa())
#endif

/*
 * The same, for a function of the API: NULL, and a report that names it, if
 * none runs. What lies below that function's frame belongs to functions which
 * have returned: async_check_frames() wants to know it. (Where its frame begins
 * is what unwinders call the canonical frame address. The frame pointer is not
 * enough: on aarch64 it points below the function's variables.) So this is
 * inlined, and the functions of the API are not.
 */
static inline __attribute__((always_inline)) struct async_coroutine *
async_current_for(const char *caller)
{
    struct async_coroutine *task = async_current();

    if (!task)
        async_report_outside(caller);
    else if (task->last_child)
        async_check_frames(task, ASYNC_FRAME());
    return task;
}

/* Whether the task is one of this loop's. */
static inline bool async_is_of_loop(const struct async_coroutine *task,
                                    const struct async_loop *loop)
{
    return task->serial >> ASYNC_SERIAL_BITS ==
           loop->first_serial >> ASYNC_SERIAL_BITS;
}

/* async_call_soon() and async_call_off(), for the runtime's own callbacks. */
static inline void async_queue(struct async_callback *callback)
{
    struct async_callback *head = &async_loop->ready.head;

    if (callback->next)
        return; /* it is queued */
    callback->next = head;
    callback->previous = head->previous;
    head->previous->next = callback;
    head->previous = callback;
}

static inline void async_unqueue(struct async_callback *callback)
{
    if (!callback->next)
        return;
    callback->previous->next = callback->next;
    callback->next->previous = callback->previous;
    callback->next = NULL;
}

static inline bool async_nothing_ready(const struct async_loop *loop)
{
    return loop->ready.head.next == &loop->ready.head;
}

/* Makes what is ready, and something is, this turn's work: its own is done. */
static inline void async_begin_turn(struct async_loop *loop)
{
    struct async_callback *ready = &loop->ready.head, *turn = &loop->turn.head;

    turn->next = ready->next;
    turn->previous = ready->previous;
    turn->next->previous = turn->previous->next = turn;
    ready->next = ready->previous = ready;
}

static inline bool async_is_interrupted(const struct async_loop *loop)
{
    return loop->takes_signals && async_interrupts > loop->interrupts;
}

/* Begins the next turn, if nothing but callbacks has to be looked at for it;
   otherwise that is the loop's, and false. */
static inline bool async_next_turn(struct async_loop *loop)
{
    if (loop->watched || loop->timers.count || async_is_interrupted(loop) ||
        async_nothing_ready(loop))
        return false;
    async_begin_turn(loop);
    return true;
}

static inline void async_tell(enum async_moment moment,
                              struct async_coroutine *task,
                              const struct async_wait *wait)
{
    struct async_observer *observer = async_loop->observers;

    for (; observer; observer = observer->next)
        observer->told(observer, moment, task, wait);
}

/* Makes fd ready to be handed to the poller. */
void async_fd_init(struct async_fd *fd);

/* ---- signals.c: Ctrl-C, Ctrl-\; overflow.c: the guard pages ----------- */

int async_signals_open(struct async_loop *loop);
void async_signals_close(struct async_loop *loop);

/* For each thread that runs a loop. */
int async_overflow_open(void);
void async_overflow_close(void);

/* ---- report.c: a learner's mistakes, in plain words -------------------- */

/* For signal handlers, which may use nothing but write(2). */
void async_say(const char *text);

/* These say at async_place where it happened. */
void async_report_nested(void);
void async_report_over_release(void);
void async_report_other_thread(void);
void async_report_cancelled_elsewhere(void);

void async_report_never_awaited(const struct async_coroutine *task);
void async_report_more_never_awaited(const struct async_coroutine *parent,
                                     size_t more);
void async_report_failed_cleanup(const struct async_coroutine *task);
void async_report_reused(const struct async_coroutine *task, const char *place);
void async_report_lost_frame(const struct async_coroutine *task);
void async_report_deadlock(void);
void async_report_stuck(void); /* after a deadlock: for good */
void async_report_wait_failed(int err);

/* from: where the task went on, NULL: where it began. whom: the function that
   then suspended it, at its place; NULL: it ended. */
void async_report_held(const struct async_coroutine *task, double seconds,
                       const char *from, const char *whom);

/* async_dump() of a loop, from a signal handler, too. */
void async_dump_loop(const struct async_loop *loop);

/* The observer that reports tasks which keep the thread for too long, or NULL
   without ASYNC_DEBUG=1. */
struct async_observer *async_debug_begin(void);

/* ---- timeline.c, trace_file.c ------------------------------------------ */

/* The observer for the run that begins, or NULL if nobody asked for one. */
struct async_observer *async_timeline_begin(void);
struct async_observer *async_trace_file_begin(void);

#endif
