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

#include "async/async_loop.h"
#include "async/poller.h"
#include "async/stack.h"
#include "async/switch.h"

/* From a pointer to a member to the struct that it is a member of. */
#define CONTAINER_OF(pointer, type, member)                                    \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define NS_PER_SECOND INT64_C(1000000000)

/* ---- error.c: an error and its text ------------------------------------ */

struct async_error {
    int err; /* the error that text belongs to; 0: none */
    char text[ASYNC_ERRMSG_SIZE];
};

/* Makes err, with this text, the current task's latest error. Returns err. */
int async_record_error(int err, const char *text);

/* ---- task.c: tasks ----------------------------------------------------- */

/*
 * Somebody who wants to know that a task has ended. ended is called at once, in
 * the order of watching. Nobody stops watching before the end.
 */
struct async_watcher {
    void (*ended)(struct async_watcher *self);
    struct async_watcher *next;
};

/* A watcher that is called a turn later, as asyncio's done callbacks are. */
struct async_late_watcher {
    struct async_watcher watcher;
    struct async_callback callback;
    void *owner; /* NULL: free to be used */
    struct async_coroutine *record;
    struct async_task *task;
};

enum async_state {
    ASYNC_NEW,      /* has not taken its first step */
    ASYNC_RUNNING,  /* is the current task */
    ASYNC_WAITING,  /* is suspended, or woken and queued */
    ASYNC_RETURNED, /* its function has returned; children may be left */
    ASYNC_LEAVING,  /* and are being cancelled and waited for */
    ASYNC_ENDED
};

/*
 * The runtime's own record of a task, from its spawn until its result has been
 * collected. The caller's struct async_task points here; nothing here is linked
 * through the caller's memory, which may be gone by mistake.
 */
struct async_coroutine {
    /* Set when it is spawned, and never changed. */
    async_fn *fn;
    void *job;
    const char *name, *file; /* the function's, and where it was spawned */
    int line;
    unsigned number; /* counts spawned tasks; main is 1 */

    /* Written by the task while it runs, by the loop otherwise. */
    enum async_state state;
    struct async_callback step;   /* queued: its next step is due */
    struct async_context context; /* where it goes on */
    struct async_stack *stack;    /* from its first step until its end */
    struct async_wait *wait;      /* what it waits for; NULL once woken */
    bool passing_on;              /* is telling what it waits for of a cancel */
    bool cancel_pending;          /* to be delivered when it next resumes */
    int cancels;                  /* how often it was cancelled */
    int result;                   /* once it has returned */

    /* Who waits for its end. */
    struct async_watcher *first_watcher, **last_watcher;
    struct async_late_watcher gathered; /* room for the first gather's */
    unsigned pins;                      /* late watchers yet to be called */
    bool forgotten;                     /* free it when they have been */

    /* Whose result it is: children stay listed until they are collected. */
    const struct async_task *handle; /* to be compared only: may dangle */
    struct async_coroutine *parent;
    struct async_coroutine *first_child, *last_child;
    struct async_coroutine *next_sibling, *previous_sibling;

    struct async_error error; /* its latest; last, for it is never cleared */
};

/* The task that runs now; NULL in callbacks and outside of async_run. */
struct async_coroutine *async_current(void);

/* The current task; NULL, and a report that names the caller, if none runs. */
struct async_coroutine *async_current_for(const char *caller);

/* A new child of the current task (or of nobody), its first step queued. NULL
   without memory. */
struct async_coroutine *async_start(async_fn *fn, void *job, const char *name,
                                    const char *file, int line);

/* Cancels a task, as async_cancel does. */
bool async_cancel_coroutine(struct async_coroutine *task);

void async_watch(struct async_coroutine *task, struct async_watcher *watcher);

/* Calls late->callback.run, which the caller has set, a turn after the end. */
void async_watch_late(struct async_coroutine *task,
                      struct async_late_watcher *late);

/* Keeps the record in memory until async_unpin, also once it is collected. */
void async_pin(struct async_coroutine *record);
void async_unpin(struct async_coroutine *record);

/* Makes the handle that of a task which has failed and been collected. */
void async_fail(struct async_task *task, int err, const char *text);

/*
 * The runtime's record of a handle: NULL if its result has been collected.
 * A handle that was never spawned becomes one that failed with -EINVAL.
 */
struct async_coroutine *async_record_of(struct async_task *task);

/*
 * Copies the result of an ended task into the handle, and forgets the record.
 * Returns the result; its text becomes the current task's latest error.
 */
int async_collect(struct async_task *task);

/* ---- clock.c: time and timers ------------------------------------------ */

struct async_timers {
    struct async_timer **heap; /* heap[0] is the earliest */
    size_t count, room;
    uint64_t sequence;
};

/* Nanoseconds from seconds: INT64_MAX if they never pass. */
int64_t async_deadline_after(double seconds);

/* Whether time moves by itself: not while it is virtual and nothing outside. */
bool async_clock_flows(void);
void async_clock_set_flowing(bool flowing); /* of a virtual clock */
void async_clock_jump(int64_t now);         /* of a clock that does not flow */
struct async_time_keeper *async_clock_keeper(void);
int64_t async_real_ns(int64_t ns); /* how long a wait really takes */

int64_t async_next_deadline(void); /* INT64_MAX: no timer is set */
void async_queue_due_timers(void);

/* ---- loop.c: the loop -------------------------------------------------- */

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
    bool deadlocked, deadlock_delivered;
    struct async_timers timers;
    struct async_poller poller;
    size_t watched;     /* file descriptors */
    size_t outside;     /* operations in flight outside the program */
    int interrupts;     /* Ctrl-C: how many have been acted on */
    bool takes_signals; /* this loop is the main thread's */
    struct async_stacks stacks;
    struct async_coroutine_slab *slabs; /* memory of the tasks' records */
    struct async_coroutine *free;       /* linked by next_sibling */
    unsigned spawned;
    struct async_closer *closers;
    struct async_observer *observers;
};

/* This thread's; NULL outside of async_run. */
extern _Thread_local struct async_loop *async_loop;

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

/* Frees the memory of all tasks. */
void async_coroutines_free(struct async_loop *loop);

/* ---- signals.c: Ctrl-C; overflow.c: the guard pages -------------------- */

int async_signals_open(struct async_loop *loop);
void async_signals_close(struct async_loop *loop);
int async_interrupts(void); /* how often Ctrl-C was pressed */

int async_overflow_open(void);
void async_overflow_close(void);

/* ---- report.c: a learner's mistakes, in plain words -------------------- */

/* For signal handlers, which may use nothing but write(2). */
void async_say(const char *text);

void async_report_outside(const char *caller);
void async_report_nested(void);
void async_report_never_awaited(const struct async_coroutine *task);
void async_report_reused(const struct async_coroutine *task, const char *file,
                         int line);
void async_report_over_release(void);
void async_report_deadlock(void);

/* ---- timeline.c -------------------------------------------------------- */

/* The observer for the run that begins, or NULL if nobody asked for one. */
struct async_observer *async_timeline_begin(void);

#endif
