/* fails: it ran for 2 s | it had not ended after 10 s */
#include "02_gather.h"

#include <stdlib.h>
#include <unistd.h>

/* What a process uses that is gone at once, nobody can count; and the judge has
   to wait for a processor. */
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
    for (;;)
        pause();
}
