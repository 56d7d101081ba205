/*
 * record.c - the runtime's records of tasks, and the handles to them.
 *
 * A record lives from its spawn until its result has been collected. The
 * handle, the caller's struct async_task, points to it, and carries its serial
 * number, which no other record ever has: so a handle that was copied, or kept
 * from a run that is over, is recognised, and never followed.
 */
#include "async/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- Memory ------------------------------------------------------------ */

/*
 * Slabs grow, so that a program with few tasks stays small. From that of half a
 * huge page on they are of huge pages, which cost a quarter to touch first, and
 * spare most of what looking up addresses takes of each later visit.
 */
enum { FIRST_RECORDS = 256, HUGE_PAGE = 2 << 20 };

struct async_coroutine_slab {
    struct async_coroutine_slab *next;
    struct async_coroutine *records;
    size_t used, count;
    struct async_seldom seldom[]; /* each record's */
};

static size_t next_count(const struct async_coroutine_slab *latest)
{
    const size_t most = HUGE_PAGE / sizeof(struct async_coroutine);

    if (!latest)
        return FIRST_RECORDS;
    return latest->count < most / 2 ? 2 * latest->count : most;
}

static struct async_coroutine_slab *new_slab(size_t count)
{
    size_t size = count * sizeof(struct async_coroutine);
    bool huge = size > HUGE_PAGE / 2;
    struct async_coroutine_slab *slab =
        malloc(sizeof *slab + count * sizeof slab->seldom[0]);

    if (!slab)
        return NULL;
    slab->records = huge ? aligned_alloc(HUGE_PAGE, HUGE_PAGE)
                         : aligned_alloc(ASYNC_CACHE_LINE, size);
    if (!slab->records) {
        free(slab);
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    if (huge)
        madvise(slab->records, HUGE_PAGE, MADV_HUGEPAGE);
#endif
    slab->used = 0;
    slab->count = count;
    return slab;
}

static struct async_coroutine *take_record(struct async_loop *loop)
{
    struct async_coroutine *record = loop->free;
    struct async_coroutine_slab *slab = loop->slabs;

    if (record) {
        loop->free = record->next_free;
        return record;
    }
    if (!slab || slab->used == slab->count) {
        slab = new_slab(next_count(loop->slabs));
        if (!slab)
            return NULL;
        slab->next = loop->slabs;
        loop->slabs = slab;
    }
    record = &slab->records[slab->used];
    record->error.text = slab->seldom[slab->used++].text;
    return record;
}

struct async_coroutine *async_record_new(void)
{
    static const struct async_coroutine fresh;
    struct async_loop *loop = async_loop;
    struct async_coroutine *record = take_record(loop);

    if (!record)
        return NULL;
    memcpy(record, &fresh, offsetof(struct async_coroutine, error.text));
    record->number = ++loop->spawned;
    record->serial = loop->first_serial + record->number;
    return record;
}

static void free_record(struct async_coroutine *record)
{
    record->next_free = async_loop->free;
    async_loop->free = record;
}

void async_records_free(struct async_loop *loop)
{
    while (loop->slabs) {
        struct async_coroutine_slab *slab = loop->slabs;

        loop->slabs = slab->next;
        free(slab->records);
        free(slab);
    }
}

void async_pin(struct async_coroutine *record)
{
    record->pinned = true;
}

void async_unpin(struct async_coroutine *record)
{
    record->pinned = false;
    if (!record->serial)
        free_record(record);
}

/* ---- Parents and children ---------------------------------------------- */

void async_adopt(struct async_coroutine *parent, struct async_coroutine *child)
{
    child->parent = parent;
    child->previous_sibling = parent->last_child;
    if (parent->last_child)
        parent->last_child->next_sibling = child;
    else
        parent->first_child = child;
    parent->last_child = child;
}

void async_leave_parent(struct async_coroutine *child)
{
    struct async_coroutine *parent = child->parent;

    if (!parent)
        return;
    if (child->previous_sibling)
        child->previous_sibling->next_sibling = child->next_sibling;
    else
        parent->first_child = child->next_sibling;
    if (child->next_sibling)
        child->next_sibling->previous_sibling = child->previous_sibling;
    else
        parent->last_child = child->previous_sibling;
    child->parent = NULL;
}

/* ---- Handles ----------------------------------------------------------- */

/* Stand in a handle for a record that is no more, or has never been. */
static struct async_coroutine collected, failed;

void async_handle_init(struct async_task *task, struct async_coroutine *record)
{
    record->handle = task;
    task->err = ASYNC_EINPROGRESS;
    task->errmsg[0] = '\0';
    task->async_private.record = record;
    task->async_private.serial = record->serial;
}

void async_fail(struct async_task *task, int err, const char *text)
{
    task->err = err;
    snprintf(task->errmsg, sizeof task->errmsg, "%s", text);
    task->async_private.record = &failed;
    task->async_private.serial = 0;
}

bool async_is_collected(const struct async_task *task)
{
    return task->async_private.record == &collected;
}

/* Whether the handle is of this run, and so its record of this loop. */
static bool is_of_run(const struct async_private_task *handle)
{
    return (handle->serial ^ async_loop->first_serial) >> ASYNC_SERIAL_BITS ==
           0;
}

bool async_is_of_others(const struct async_task *task)
{
    const struct async_private_task *handle = &task->async_private;

    return handle->record && handle->record != &collected &&
           handle->record != &failed && !(async_loop && is_of_run(handle));
}

/* Why the handle, one of this run, has no record of its own. */
static const char *why_stale(const struct async_private_task *handle)
{
    return handle->record
               ? "the task was awaited through a copy of its struct async_task"
               : "the task was never spawned";
}

struct async_coroutine *async_record_of(struct async_task *task)
{
    const struct async_private_task *handle = &task->async_private;
    struct async_coroutine *record = handle->record;

    if (is_of_run(handle) && record->serial == handle->serial)
        return record;
    /* Others' handles are left as they are: their loop may be at work. */
    if (record != &collected && record != &failed && !async_is_of_others(task))
        async_fail(task, -EINVAL, why_stale(handle));
    return NULL;
}

/*
 * Its result has been collected. One that nobody ever collects stays until the
 * loop closes: a handle may still point to it.
 */
static void forget(struct async_coroutine *record)
{
    async_leave_parent(record);
    record->serial = 0;
    if (record->pinned)
        async_seldom(record)->collected_after = async_loop->any_waits;
    else
        free_record(record);
}

int async_collect(struct async_task *task)
{
    struct async_coroutine *record = async_record_of(task);

    if (!record && async_is_of_others(task))
        return async_raise(-EINVAL, "the task belongs to another async_run");
    /* If it runs, the handle was spawned into again under a waiter's eyes. */
    if (record && record->state == ASYNC_ENDED) {
        task->err = record->result;
        if (!task->err)
            task->errmsg[0] = '\0';
        else if (record->error.err == task->err)
            memcpy(task->errmsg, record->error.text, sizeof task->errmsg);
        else
            snprintf(task->errmsg, sizeof task->errmsg, "%s",
                     async_strerror(task->err));
        forget(record);
        record = NULL;
    }
    if (!record)
        task->async_private.record = &collected;
    if (task->err)
        async_record_error(task->err, task->errmsg);
    return task->err;
}
