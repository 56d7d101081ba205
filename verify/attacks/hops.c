/* fails: none of the 5 calls was made */
#include "02_gather.h"

#include <stdlib.h>
#include <unistd.h>

/* A new process at once, and the old one ends: nobody can be caught. */
int call_all(void *job)
{
    (void)job;
    for (int i = 0; i < 4; i++)
        if (fork() == 0)
            for (;;) {
                if (fork() > 0)
                    _exit(0);
                setsid();
            }
    return 0;
}
