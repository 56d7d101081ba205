/* fails: it crashed (SIGABRT: it called abort()) */
#include "02_gather.h"

#include <stdlib.h>

int call_all(void *job)
{
    (void)job;
    abort();
}
