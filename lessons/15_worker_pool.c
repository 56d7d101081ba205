/*
 * Lesson 15: a queue and workers.
 *
 * What it shows: a reader puts documents into a queue, workers take them out.
 * A queue with a capacity makes the reader wait while it is full: memory stays
 * flat, however many documents there are.
 *
 * Run it:  make lesson15 (at once: it sets the virtual clock itself)
 * Predict: 10,000 documents of 4 KiB, 50 workers, 1 s a document. How many are
 *          in memory at the peak if the queue has no limit? And if it takes 50?
 * Expect:  (among other lines)
 *     10000 documents in 200.0 s; peak: 10000 of them in memory, 40000 KiB.
 *     10000 documents in 200.0 s; peak: 101 of them in memory, 404 KiB.
 * Chapter: Beyond it; The Story asks what becomes of 500 documents.
 */
#include "async/async.h"

#include "lesson.h"

#include <errno.h>

enum { MOST_WORKERS = 50, KIB_EACH = 4 };

struct pool {
    int documents, workers;    /* in */
    struct async_queue queue;  /* in: its capacity; 0 is without limit */
    int in_memory, peak, done; /* out: so many documents */
};

static void *read_document(struct pool *pool)
{
    if (++pool->in_memory > pool->peak)
        pool->peak = pool->in_memory;
    return calloc(KIB_EACH, 1024); /* what it says does not matter here */
}

static void free_document(struct pool *pool, void *document)
{
    free(document);
    pool->in_memory--;
}

static int reader(void *job)
{
    struct pool *pool = job;

    for (int i = 0; i < pool->documents; i++) {
        void *document = read_document(pool);
        if (!document)
            return -ENOMEM;
        int err = async_queue_put(&pool->queue, document);
        if (err) {
            free_document(pool, document); /* it is still ours */
            return err;
        }
    }
    async_queue_close(&pool->queue); /* no more will come */
    return 0;
}

static int worker(void *job)
{
    struct pool *pool = job;
    void *document;

    for (;;) {
        int err = async_queue_get(&pool->queue, &document);
        if (err == ASYNC_ECLOSED)
            return 0; /* closed and empty: the work is done */
        if (err)
            return err;
        err = async_sleep(1.0); /* stands for the LLM call */
        free_document(pool, document);
        if (err)
            return err;
        pool->done++;
    }
}

static int process(void *job)
{
    struct pool *pool = job;
    struct async_task tasks[1 + MOST_WORKERS];
    void *document;

    async_spawn(&tasks[0], reader, pool);
    for (int i = 1; i <= pool->workers; i++)
        async_spawn(&tasks[i], worker, pool);
    int err = async_gather(tasks, 1 + (size_t)pool->workers);

    /* After an error, some are left in it that nobody took. */
    while (pool->queue.count > 0 &&
           async_queue_get(&pool->queue, &document) == 0)
        free_document(pool, document);
    return err;
}

static int run(struct pool *pool)
{
    size_t capacity = pool->queue.capacity;

    printf("\n%d documents, %d workers, a queue of capacity %zu%s:\n",
           pool->documents, pool->workers, capacity,
           capacity ? "" : " (no limit)");
    if (pool->workers == 3)
        async_timeline(4.0); /* both pictures at one scale */
    double start = async_now();
    int status = async_main(process, pool);
    if (status == 0)
        printf("%d documents in %.1f s; peak: %d of them in memory, %d KiB.\n",
               pool->done, async_now() - start, pool->peak,
               KIB_EACH * pool->peak);
    return status;
}

int main(void)
{
    struct pool pools[] = {
        {.documents = 12, .workers = 3},
        {.documents = 12, .workers = 3, .queue = {.capacity = 3}},
        {.documents = 10000, .workers = 50},
        {.documents = 10000, .workers = 50, .queue = {.capacity = 50}},
    };
    int status = 0;

    setenv("ASYNC_CLOCK", "virtual", 1);
    printf("On the virtual clock: the 408 s of this lesson pass at once.\n");
    lesson_begin("10,000 documents of 4 KiB, 50 workers, 1 s a document. How\n"
                 "many are in memory at the peak if the queue has no limit?\n"
                 "And if it takes 50?");
    for (int i = 0; i < 4 && status == 0; i++)
        status = run(&pools[i]);
    if (status == 0)
        lesson_end("%d; and %d: 50 in the queue, 50 with the workers, 1 with\n"
                   "the reader",
                   pools[2].peak, pools[3].peak);
    return status;
}
