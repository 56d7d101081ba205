/*
 * task.c - the life of a task.
 *
 * async_spawn makes a record and queues its first step; the step switches to
 * the task's stack; async_suspend switches to the next task, or back to the
 * loop; async_resume queues the next step. When its function has returned,
 * whoever watches the task is told, and its result is kept in the record until
 * it is collected.
 */
#include "async/runtime.h"

#include <stdlib.h>

_Thread_local const char *async_place;

bool async_in_task(const char *caller)
{
    return async_current_for(caller) != NULL;
}

/* ---- The end of a task ------------------------------------------------- */

/* Each watcher points to the one before it. */
static void tell_watchers(struct async_coroutine *task)
{
    struct async_watcher *watcher = task->last_watcher, *first = NULL, *next;

    for (; watcher; watcher = next) {
        next = watcher->next;
        watcher->next = first;
        first = watcher;
    }
    for (watcher = first; watcher; watcher = next) {
        next = watcher->next;
        watcher->ended(watcher, task);
    }
}

/* Returns the parent if it has returned, and this was the last of its children:
   then it ends, too. */
static inline struct async_coroutine *end_one(struct async_coroutine *task)
{
    struct async_loop *loop = async_loop;
    struct async_coroutine *parent = task->parent;

    /* It was cancelled, but never suspended again to be told so. */
    if (task->cancel_pending && !task->result)
        task->result = ASYNC_ECANCELED;
    task->state = ASYNC_ENDED;
    task->ended_as = ++loop->ended;
    if (task->stack) {
        async_stack_give_back(&loop->stacks, task->stack);
        task->stack = NULL;
    }
    async_tell(ASYNC_AT_END, task, NULL);
    tell_watchers(task);
    if (!parent || parent->state != ASYNC_LEAVING)
        return NULL;
    if (task->result && task->result != ASYNC_ECANCELED)
        async_report_failed_cleanup(task);
    async_leave_parent(task);
    return parent->first_child ? NULL : parent;
}

/* No recursion: a task's stack is small, and families may be deep. */
static void end(struct async_coroutine *task)
{
    do
        task = end_one(task);
    while (task);
}

/* Whether nobody is going to look how the task ended. Whoever cancelled it
   knows that. */
static bool is_forgotten(const struct async_coroutine *child)
{
    bool expected = child->cancels && child->result == ASYNC_ECANCELED;

    return child->state != ASYNC_ENDED || (!child->last_watcher && !expected);
}

enum { MOST_REPORTS = 10 };

/*
 * A task returned and left children that nobody has awaited. Their jobs may lie
 * on its stack, which therefore stays as it is until the last of them ended.
 */
static void reap_children(struct async_callback *step)
{
    struct async_coroutine *task =
        CONTAINER_OF(step, struct async_coroutine, step);
    struct async_coroutine *child = task->first_child, *next;
    size_t forgotten = 0;

    task->state = ASYNC_LEAVING;
    for (; child; child = next) {
        next = child->next_sibling;
        if (is_forgotten(child) && ++forgotten <= MOST_REPORTS)
            async_report_never_awaited(child);
        if (child->state == ASYNC_ENDED)
            async_leave_parent(child);
        else
            async_cancel_coroutine(child);
    }
    if (forgotten > MOST_REPORTS)
        async_report_more_never_awaited(task, forgotten - MOST_REPORTS);
    if (!task->first_child)
        end(task);
}

static void returned(struct async_coroutine *task)
{
    static const struct async_wait for_children = {
        .what = "has returned, its children have not",
        .reason = ASYNC_FOR_TASKS,
    };

    task->state = ASYNC_RETURNED;
    if (!task->first_child) {
        end(task);
        return;
    }
    /* A turn later, so that a child spawned last takes its first step. */
    task->step.run = reap_children;
    async_queue(&task->step);
    async_tell(ASYNC_AT_SUSPEND, task, &for_children);
}

/* ---- Steps ------------------------------------------------------------- */

/* What switching away for ever needs of the stack. */
#ifdef ASYNC_TSAN
enum { SWITCHING = 2048 };
#else
enum { SWITCHING = 512 };
#endif

/*
 * Calls the task's function a little further down the stack. If it returns
 * without having awaited its children, their jobs lie in the frame that it
 * leaves behind; what runs up here afterwards must not write over it.
 */
__attribute__((noinline)) static int call_function(struct async_coroutine *task)
{
    char gap[SWITCHING];

    /* In use, for all that the compiler knows, before the call and after. */
    __asm__ volatile("" : : "r"(gap) : "memory");
    int result = task->fn(task->job);
    __asm__ volatile("" : : "r"(gap) : "memory");
    return result;
}

static void run_function(void);

/* Gives a new task its stack; false if it has ended instead. */
static __attribute__((noinline)) bool begin(struct async_coroutine *task)
{
    struct async_stacks *stacks = &async_loop->stacks;

    if (task->cancel_pending) {
        end(task);
        return false;
    }
    task->stack = async_stack_take(stacks);
    if (!task->stack) {
        task->result = ASYNC_ENOMEM;
        end(task);
        return false;
    }
    async_context_make(&task->context, run_function,
                       async_stack_start(stacks, task->stack),
                       async_stack_size(stacks));
    return true;
}

/* Makes the task the current one: false if it has ended instead. The caller
   switches to it. */
static inline bool make_current(struct async_coroutine *task)
{
    if (task->state == ASYNC_NEW && !begin(task))
        return false;
    task->state = ASYNC_RUNNING;
    async_loop->current = task;
    async_tell(ASYNC_AT_RESUME, task, NULL);
    return true;
}

static void take_step(struct async_callback *step)
{
    struct async_coroutine *task =
        CONTAINER_OF(step, struct async_coroutine, step);
    struct async_loop *loop = async_loop;

    if (!make_current(task))
        return;
    async_context_switch(&loop->context, &task->context, false);
    loop->current = NULL; /* it may be another one: see below */
}

/*
 * Whom a task that suspends or ends switches to. If what comes next is a task's
 * step, too, that is where the loop would go: the way through the loop would be
 * a second switch. What happens in between, a new task's stack being made ready
 * or one that never began being ended, happens on the stack that is being left.
 */
static inline struct async_context *next_context(struct async_loop *loop)
{
    struct async_callback *turn = &loop->turn.head;

    do {
        while (turn->next->run == take_step) {
            struct async_coroutine *task =
                CONTAINER_OF(turn->next, struct async_coroutine, step);

            async_unqueue(turn->next);
            if (make_current(task))
                return &task->context;
        }
    } while (turn->next == turn && async_next_turn(loop));
    return &loop->context;
}

/*
 * What every stack begins with. The task's end, too, happens on its own stack,
 * which nobody touches before the switch: if the next task is a new one and
 * gets this very stack, it begins where this function began.
 */
static void run_function(void)
{
    struct async_loop *loop = async_loop;
    struct async_coroutine *task = loop->current;

    async_context_bottom();
    async_context_arrived(&task->context);
    async_place = NULL;
    task->result = call_function(task);
    loop->current = NULL;
    returned(task);
    async_context_switch(&task->context, next_context(loop), true);
}

/* What the suspending call of a task that goes on returns. */
static int why_resumed(struct async_coroutine *task)
{
    struct async_loop *loop = async_loop;

    if (loop->deadlocked && !loop->deadlock_delivered && task == loop->main) {
        loop->deadlock_delivered = true;
        task->cancel_pending = false;
        return ASYNC_EDEADLK;
    }
    if (task->cancel_pending) {
        task->cancel_pending = false;
        return ASYNC_ECANCELED;
    }
    return 0;
}

/*
 * A function that spawned tasks has returned, and nobody waited for them: their
 * jobs lay in its frame. Live frames end where the API's function begins that
 * was called now, so what a running child points to must not lie below:
 *
 *     top      run_function, and the functions that it has called
 *     live     a function of the API
 *              functions that have returned: nobody's
 *     bottom
 *
 * Only the latest children are looked at: each child is the latest when its
 * spawner next calls the API.
 */
void async_check_frames(const struct async_coroutine *task, uintptr_t live)
{
    const struct async_coroutine *child = task->last_child;

    for (; child; child = child->previous_sibling) {
        uintptr_t job = (uintptr_t)child->job;
        uintptr_t handle = (uintptr_t)child->handle;
        uintptr_t bottom = (uintptr_t)task->stack->bottom;

        if ((job < bottom || job >= live) &&
            (handle < bottom || handle >= live))
            return;
        if (child->state != ASYNC_ENDED) {
            async_report_lost_frame(child);
            abort();
        }
    }
}

/* Lets others run until the task's step comes. Inlined, unlike those who call
   it: see switch.h. */
static inline __attribute__((always_inline)) int
leave(struct async_coroutine *task, const struct async_wait *wait)
{
    struct async_loop *loop = async_loop;

    task->place = async_place;
    task->state = ASYNC_WAITING;
    async_tell(ASYNC_AT_SUSPEND, task, wait);
    struct async_context *next = next_context(loop);
    if (next != &task->context)
        async_context_switch(&task->context, next, false);
    async_place = task->place;
    return why_resumed(task);
}

__attribute__((noinline)) int async_suspend(struct async_wait *wait,
                                            const char *whom)
{
    struct async_coroutine *task = async_current_for(whom);

    if (!task)
        return ASYNC_ENOLOOP;

    wait->task = task;
    wait->whom = whom;
    task->wait = wait;
    if (task->cancel_pending) {
        task->cancel_pending = false;
        async_deliver_cancel(task);
    }
    return leave(task, wait);
}

int async_yield(void)
{
    static const struct async_wait for_turn = {
        .what = "lets others run",
        .reason = ASYNC_FOR_TURN,
        .whom = "async_yield",
    };
    struct async_coroutine *task = async_current_for("async_yield");

    if (!task)
        return ASYNC_ENOLOOP;
    async_queue(&task->step);
    return leave(task, &for_turn);
}

void async_resume(struct async_wait *wait)
{
    struct async_coroutine *task = wait->task;

    if (!task || task->wait != wait)
        return;
    task->wait = NULL;
    async_queue(&task->step);
}

/* ---- Spawning ---------------------------------------------------------- */

struct async_coroutine *async_start(async_fn *fn, void *job, const char *name,
                                    const char *place)
{
    struct async_loop *loop = async_loop;
    struct async_coroutine *task = async_record_new();

    if (!task)
        return NULL;
    task->fn = fn;
    task->job = job;
    task->name = name;
    task->spawned_at = place;
    task->step.run = take_step;
    if (loop->current)
        async_adopt(loop->current, task);
    async_tell(ASYNC_AT_SPAWN, task, NULL);
    async_queue(&task->step);
    return task;
}

/*
 * A loop that spawns all its tasks in one variable, or in two: a handle that is
 * about to be overwritten is one of those spawned since the last round, which
 * ended with a task that was spawned at this place.
 */
static void report_reused(const struct async_coroutine *parent,
                          const struct async_task *task, const char *place)
{
    enum { MOST_PLACES = 8 };
    const struct async_coroutine *child = parent->last_child;

    for (int i = 0; child && i < MOST_PLACES; i++) {
        if (child->handle == task) {
            async_report_reused(child, place);
            return;
        }
        if (child->spawned_at == place)
            return;
        child = child->previous_sibling;
    }
}

__attribute__((noinline)) void async_spawn_at(struct async_task *task,
                                              async_fn *fn, void *job,
                                              const char *name,
                                              const char *place)
{
    async_place = place;

    struct async_coroutine *parent = async_current_for("async_spawn");
    if (!parent) {
        async_fail(task, ASYNC_ENOLOOP, async_strerror(ASYNC_ENOLOOP));
        return;
    }

    report_reused(parent, task, place);
    struct async_coroutine *child = async_start(fn, job, name, place);
    if (child)
        async_handle_init(task, child);
    else
        async_fail(task, ASYNC_ENOMEM, async_strerror(ASYNC_ENOMEM));
}

/* ---- Waiting for one task ---------------------------------------------- */

void async_watch(struct async_coroutine *task, struct async_watcher *watcher)
{
    watcher->next = task->last_watcher;
    task->last_watcher = watcher;
}

static void queue_late(struct async_watcher *watcher,
                       struct async_coroutine *task)
{
    (void)task;
    async_queue(
        &CONTAINER_OF(watcher, struct async_late_watcher, watcher)->callback);
}

void async_watch_late(struct async_coroutine *task,
                      struct async_late_watcher *late)
{
    late->watcher.ended = queue_late;
    async_watch(task, &late->watcher);
}

struct awaiting {
    struct async_wait wait;
    struct async_watcher watcher;
};

static void awaited_ended(struct async_watcher *watcher,
                          struct async_coroutine *task)
{
    (void)task;
    async_resume(&CONTAINER_OF(watcher, struct awaiting, watcher)->wait);
}

/*
 * The awaiting task was cancelled: that is passed on, and the wait goes on. A
 * task that has returned, and only waits for its children, cannot be told any
 * more; then it is the awaiting one's, once it goes on.
 */
static bool cancel_awaited(struct async_wait *wait)
{
    if (!async_cancel_coroutine(wait->awaited))
        wait->task->cancel_pending = true;
    return true;
}

/* Whether task awaits whom, or a task that does. */
static bool awaits(const struct async_coroutine *task,
                   const struct async_coroutine *whom)
{
    while (task != whom && task->wait && task->wait->awaited)
        task = task->wait->awaited;
    return task == whom;
}

int async_await(struct async_task *task)
{
    struct async_coroutine *current = async_current_for("async_await");
    struct awaiting awaiting = {
        .wait = {.what = "waits for",
                 .reason = ASYNC_FOR_TASKS,
                 .cancel = cancel_awaited},
        .watcher = {.ended = awaited_ended},
    };

    if (!current)
        return ASYNC_ENOLOOP;

    struct async_coroutine *awaited = async_record_of(task);
    if (!awaited || awaited->state == ASYNC_ENDED)
        return async_collect(task);
    if (awaits(awaited, current))
        return async_raise(ASYNC_EDEADLK, "%s awaits the task that awaits it",
                           current->name);

    awaiting.wait.awaited = awaited;
    async_watch(awaited, &awaiting.watcher);
    int err = async_suspend(&awaiting.wait, "async_await");
    int result = async_collect(task);
    return err ? err : result;
}
