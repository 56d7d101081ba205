/* fails: in a call that blocks */
#include "02_gather.h"

#include <unistd.h>

/* With a library in front of all others, which the system would load. */
int call_all(void *job)
{
    char *arguments[] = {"program", NULL};
    char *environment[] = {"LD_PRELOAD=/tmp/mine.so", "ASAN_OPTIONS=exitcode=0",
                           NULL};

    (void)job;
    execve("/proc/self/exe", arguments, environment);
    return 0;
}
