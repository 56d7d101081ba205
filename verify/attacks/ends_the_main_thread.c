/* fails: its main thread ended */
#include "02_gather.h"

#include <pthread.h>
#include <unistd.h>

static void *nap(void *nothing)
{
    for (;;)
        pause();
    return nothing;
}

int call_all(void *job)
{
    pthread_t thread;

    (void)job;
    pthread_create(&thread, NULL, nap, NULL);
    pthread_exit(NULL);
}
