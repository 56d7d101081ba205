/*
 * queue.c - items on their way from task to task.
 *
 * Items stand in a ring; who waits to put and who waits to get stand in two
 * lines. Whoever is woken looks again: the item or the place that it was woken
 * for may have gone to somebody who did not have to wait.
 */
#include "async/runtime.h"

#include <stdlib.h>

enum { FIRST_ROOM = 8 };

static bool is_full(const struct async_queue *queue)
{
    return queue->capacity && queue->count >= queue->capacity;
}

/* Doubles the ring, the oldest item first again. */
static int grow(struct async_queue *queue)
{
    struct async_private_queue *ring = &queue->async_private;
    size_t room = ring->room ? 2 * ring->room : FIRST_ROOM;

    if (queue->capacity && room > queue->capacity)
        room = queue->capacity;
    void **items = calloc(room, sizeof *items);
    if (!items)
        return ASYNC_ENOMEM;
    for (size_t i = 0; i < queue->count; i++)
        items[i] = ring->items[(ring->first + i) % ring->room];
    free(ring->items);
    ring->items = items;
    ring->room = room;
    ring->first = 0;
    return 0;
}

static void append(struct async_queue *queue, void *item)
{
    struct async_private_queue *ring = &queue->async_private;

    ring->items[(ring->first + queue->count) % ring->room] = item;
    queue->count++;
}

static void *take_first(struct async_queue *queue)
{
    struct async_private_queue *ring = &queue->async_private;
    void *item = ring->items[ring->first];

    ring->first = (ring->first + 1) % ring->room;
    if (--queue->count == 0) {
        free(ring->items);
        ring->items = NULL;
        ring->room = 0;
    }
    return item;
}

int async_queue_put(struct async_queue *queue, void *item)
{
    struct async_private_queue *ring = &queue->async_private;

    if (!async_current_for("async_queue_put"))
        return ASYNC_ENOLOOP;
    while (!queue->closed && is_full(queue)) {
        bool woken;
        int err =
            async_wait_in_line(&ring->putters, "waits for room in a queue",
                               "async_queue_put", &woken);
        /* Woken and cancelled in the same turn: the room is somebody else's. */
        if (err && woken && !is_full(queue))
            async_wake_first(&ring->putters);
        if (err)
            return err;
    }
    if (queue->closed)
        return async_raise(ASYNC_ECLOSED, "the queue was closed");
    if (queue->count == ring->room && grow(queue))
        return async_raise(ASYNC_ENOMEM, "no memory for a queue of %zu items",
                           queue->count + 1);
    append(queue, item);
    async_wake_first(&ring->getters);
    return 0;
}

int async_queue_get(struct async_queue *queue, void **item)
{
    struct async_private_queue *ring = &queue->async_private;

    if (!async_current_for("async_queue_get"))
        return ASYNC_ENOLOOP;
    while (queue->count == 0) {
        bool woken;

        if (queue->closed)
            return async_raise(ASYNC_ECLOSED, "the queue is closed and empty");
        int err = async_wait_in_line(&ring->getters, "waits for an item",
                                     "async_queue_get", &woken);
        if (err && woken && queue->count)
            async_wake_first(&ring->getters);
        if (err)
            return err;
    }
    *item = take_first(queue);
    async_wake_first(&ring->putters);
    return 0;
}

void async_queue_close(struct async_queue *queue)
{
    queue->closed = true;
    while (async_wake_first(&queue->async_private.getters)) {
        /* All of them: those for whom nothing is left are told so. */
    }
    while (async_wake_first(&queue->async_private.putters)) {
        /* All of them. */
    }
}
