/*
 * async_loop.h - for those who extend the loop, not for those who use it.
 *
 * A library that waits for something of its own (sockets, another event loop, a
 * judge) needs four things of a task's loop: to suspend the current task and
 * resume it, to be called when a moment comes, to be called when a file
 * descriptor is ready, and to be told when the loop closes. Callbacks run on
 * the loop's own stack, outside any task (async_wait.cancel: on that of whoever
 * cancels): they must not suspend.
 *
 * Everything here belongs to the calling thread's loop, and, unless said
 * otherwise, may only be called while it runs. The structs are the caller's
 * memory, zeroed before their first use; their fields marked "in" are set by
 * the caller, the others are the runtime's. [asyncio: Future, loop.call_at,
 * loop.add_reader]
 */
#ifndef ASYNC_LOOP_H
#define ASYNC_LOOP_H

#include "async/async.h"

#include <stdint.h>

/*
 * What the loop does on a later turn. The list runs both ways so that a
 * callback can be taken back before it ran.
 */
struct async_callback {
    void (*run)(struct async_callback *self); /* in */
    struct async_callback *next, *previous;   /* NULL: not queued */
};

/* Queues the callback for the next turn, behind those queued before it. */
void async_call_soon(struct async_callback *callback);

/* Takes a callback back; nothing happens if it was not queued. */
void async_call_off(struct async_callback *callback);

/* ---- Suspending -------------------------------------------------------- */

/* How a timeline draws the wait. */
enum async_reason {
    ASYNC_FOR_ANYTHING, /* none of the following */
    ASYNC_FOR_TURN,     /* is ready, lets others run first */
    ASYNC_FOR_TIME,
    ASYNC_FOR_TASKS,
    ASYNC_FOR_PERMIT, /* for what another task gives */
    ASYNC_FOR_THREAD,
    ASYNC_FOR_NETWORK
};

/*
 * What a suspended task waits for. It lives on that task's stack.
 *
 * cancel is called when somebody cancels the waiting task. With NULL, the task
 * resumes on the next turn, with ASYNC_ECANCELED. A function can do something
 * else: true says that it has taken care of the cancellation (passed it on to
 * what the task waits for, say), and the task stays suspended; false wakes the
 * task as NULL does.
 */
struct async_wait {
    const char *what;         /* in: "sleeps", for people who read a dump */
    const char *whom;         /* the function that suspended it */
    enum async_reason reason; /* in */
    bool (*cancel)(struct async_wait *self); /* in, or NULL */
    struct async_coroutine *awaited; /* the task that it waits for, or NULL */
    struct async_coroutine *task;    /* whose wait it is */
};

/*
 * Suspends the current task until async_resume(wait), or until it is cancelled
 * (ASYNC_ECANCELED). Either may come first; both may have come by the time the
 * task runs, and then the cancellation wins. ASYNC_EDEADLK in the first task if
 * nobody can be woken any more, ASYNC_ENOLOOP outside of tasks.
 * whom names the function that suspends, for that report.
 */
int async_suspend(struct async_wait *wait, const char *whom) ASYNC_SUSPENDS;

/*
 * Whether a task runs, so that it can be suspended. If none does, that is
 * reported; caller names the function that wants to know.
 */
bool async_in_task(const char *caller);

/*
 * Lets the task that waits there run on the next turn. Nothing happens if it
 * was woken before.
 */
void async_resume(struct async_wait *wait);

/* ---- Moments ----------------------------------------------------------- */

/*
 * Calls due.run once the loop's clock has reached a moment. Timers of the same
 * moment go off in the order in which they were set.
 */
struct async_timer {
    struct async_callback due; /* in: due.run */
    int64_t deadline;
    uint64_t sequence;
    size_t position; /* in the heap, counted from 1; 0: not set */
};

/* Nanoseconds on the loop's clock. */
int64_t async_now_ns(void);

/* For a timer that is not set. ASYNC_ENOMEM, and it is not set; else 0. */
int async_timer_set(struct async_timer *timer, int64_t deadline)
    __attribute__((warn_unused_result));
void async_timer_clear(struct async_timer *timer);

/*
 * How many nanoseconds of the loop's clock pass in so many real ones: more if
 * ASYNC_SPEED says so. For time limits that the real world sets. May be called
 * at any time.
 */
int64_t async_from_real_ns(int64_t real);

/* ---- File descriptors -------------------------------------------------- */

enum { ASYNC_READABLE = 1, ASYNC_WRITABLE = 2 };

/*
 * Calls ready when fd is readable or writable. events says which; an error or a
 * hang-up counts as both. Level-triggered: it is called again as long as that
 * lasts.
 */
struct async_fd {
    int fd;                                           /* in */
    void (*ready)(struct async_fd *self, int events); /* in */
    int watched; /* the events asked for; 0: not watched */
    int happened;
    struct async_callback callback;
};

/*
 * Watches for events (0: no longer). Returns 0 or a negative errno value.
 * Watching alone keeps nobody waiting: see async_outside_begin.
 */
int async_fd_watch(struct async_fd *fd, int events)
    __attribute__((warn_unused_result));

/* No longer. To be called before fd is closed; nothing happens if it was not
   watched. */
void async_fd_unwatch(struct async_fd *fd);

/*
 * While operations are in flight outside the program (a transfer, a thread),
 * the virtual clock does not jump, and nobody waits in vain. Each begin has its
 * end.
 */
void async_outside_begin(void);
void async_outside_end(void);

/* ---- The loop's end ---------------------------------------------------- */

/*
 * Calls close when the loop closes, after the last task has ended; the
 * latest-registered first. Whoever keeps something for each loop frees it so.
 */
struct async_closer {
    void (*close)(struct async_closer *self); /* in */
    struct async_closer *next;
};
void async_on_close(struct async_closer *closer);

/* ---- Errors of one's own ----------------------------------------------- */

/*
 * A library's error codes lie below -1010, in a range that no other one uses.
 * async_strerror asks name() what those from first down to last mean. The
 * struct lives as long as the program.
 */
struct async_error_names {
    int first, last;              /* in: first is the one nearest to 0 */
    const char *(*name)(int err); /* in: never NULL */
    struct async_error_names *next;
    _Atomic bool added;
};

/* At any time, in any thread, any number of times. */
void async_name_errors(struct async_error_names *names);

/* ---- A clock held by somebody else ------------------------------------- */

/*
 * The third clock, beside the real and the virtual one: time stands still until
 * its owner says what time it is.
 *
 * idle is called when no task can run. next is the earliest deadline that a
 * task waits for, INT64_MAX if there is none. It resumes whom it will, and
 * returns the time that it is now; a negative value if nobody will ever be
 * resumed, and that is a deadlock. hold is called when a task blocks the thread
 * until a moment (async_block), and returns the time that it is then.
 */
struct async_time_keeper {
    int64_t (*idle)(struct async_time_keeper *self, int64_t next);  /* in */
    int64_t (*hold)(struct async_time_keeper *self, int64_t until); /* in */
};

/*
 * Gives the clock of this thread to keeper, at time 0, or takes it back (NULL).
 * Only outside of async_run.
 */
void async_keep_time(struct async_time_keeper *keeper);

#endif
