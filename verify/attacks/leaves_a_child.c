/* fails: none of the 5 calls was made */
#include "02_gather.h"

#include <unistd.h>

int call_all(void *job)
{
    (void)job;
    if (fork() == 0) {
        setsid();
        if (fork() == 0)
            for (;;)
                pause();
        _exit(0);
    }
    return 0;
}
