/* fails: none of the 5 calls was made */
#include "02_gather.h"

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* The judge, by a debugger's means; and a child, its sibling then. */
int call_all(void *job)
{
    pid_t judge = getppid(), child = fork();

    (void)job;
    if (child == 0) {
        ptrace(PTRACE_SEIZE, judge, NULL, NULL);
        ptrace(PTRACE_INTERRUPT, judge, NULL, NULL);
        ptrace(PTRACE_ATTACH, judge, NULL, NULL);
        pause();
    }
    ptrace(PTRACE_ATTACH, child, NULL, NULL);
    waitpid(child, NULL, 0);
    return 0;
}
