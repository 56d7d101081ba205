/*
 * timer.c - what is due, and when.
 *
 * Timers are a heap by deadline, and by age where deadlines are equal: heap[0]
 * is the next one. Each has four below it and not two, which makes the heap
 * half as deep.
 */
#include "async/runtime.h"

#include <stdlib.h>

static bool earlier(const struct async_timer *a, const struct async_timer *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline
                                      : a->sequence < b->sequence;
}

static void place(struct async_timers *timers, size_t i,
                  struct async_timer *timer)
{
    timers->heap[i] = timer;
    timer->position = i + 1;
}

/* Puts timer into the hole at i, or further up. */
static void sift_up(struct async_timers *timers, size_t i,
                    struct async_timer *timer)
{
    while (i > 0) {
        size_t parent = (i - 1) / 4;

        if (!earlier(timer, timers->heap[parent]))
            break;
        place(timers, i, timers->heap[parent]);
        i = parent;
    }
    place(timers, i, timer);
}

/* Puts timer into the hole at i, or further down. */
static void sift_down(struct async_timers *timers, size_t i,
                      struct async_timer *timer)
{
    for (;;) {
        size_t first = 4 * i + 1, earliest = first;

        if (first >= timers->count)
            break;
        for (size_t c = first + 1; c < first + 4 && c < timers->count; c++)
            if (earlier(timers->heap[c], timers->heap[earliest]))
                earliest = c;
        if (!earlier(timers->heap[earliest], timer))
            break;
        place(timers, i, timers->heap[earliest]);
        i = earliest;
    }
    place(timers, i, timer);
}

int async_timer_set(struct async_timer *timer, int64_t deadline)
{
    struct async_timers *timers = &async_loop->timers;

    if (timers->count == timers->room) {
        size_t room = timers->room ? 2 * timers->room : 64;
        struct async_timer **heap =
            realloc(timers->heap, room * sizeof(struct async_timer *));

        if (!heap)
            return ASYNC_ENOMEM;
        timers->heap = heap;
        timers->room = room;
    }
    timer->deadline = deadline;
    timer->sequence = timers->sequence++;
    timer->due.next = NULL;
    sift_up(timers, timers->count++, timer);
    return 0;
}

void async_timer_clear(struct async_timer *timer)
{
    struct async_timers *timers = &async_loop->timers;
    size_t i = timer->position - 1;

    if (!timer->position) {
        async_call_off(&timer->due); /* it may be due, but not called yet */
        return;
    }
    timer->position = 0;
    timers->count--;
    if (i == timers->count)
        return;

    struct async_timer *last = timers->heap[timers->count];
    if (i > 0 && earlier(last, timers->heap[(i - 1) / 4]))
        sift_up(timers, i, last);
    else
        sift_down(timers, i, last);
}

int64_t async_next_deadline(void)
{
    struct async_timers *timers = &async_loop->timers;

    return timers->count ? timers->heap[0]->deadline : INT64_MAX;
}

void async_queue_due_timers(void)
{
    struct async_timers *timers = &async_loop->timers;

    if (!timers->count)
        return;
    for (int64_t now = async_now_ns(); async_next_deadline() <= now;) {
        struct async_timer *timer = timers->heap[0];

        async_timer_clear(timer);
        async_call_soon(&timer->due);
        if (!timers->count)
            return;
    }
}
