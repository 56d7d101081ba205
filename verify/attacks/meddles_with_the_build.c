/* fails: none of the 5 calls was made | it changed its own program */
#include "02_gather.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The sanitized program is made beside the first checks: of these. */
static const char *const parts[] = {
    "..",
    "../02_gather.c",
    "../02_gather.h",
    "../plain",
    "../plain/02_gather.i",
    "../plain/02_gather.o",
    "../sanitized",
    "../sanitized/driver.o",
    "../sanitized/grader.o",
    "../sanitized/libasync.a",
    "../sanitized/program",
    "../sanitized/refused",
};

static void spoil(const char *part)
{
    chmod(part, 0777);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0777);
    if (fd >= 0) {
        dprintf(fd, "int main(void) { return 0; }\n");
        close(fd);
    }
    rename(part, "mine");
    symlink("/bin/true", part);
    unlink(part);
    chmod(part, 0);
}

/* See kills_everybody.c. */
static bool is_guarded(void)
{
    return getppid() == 1 || getuid() >= 0x70000000 ||
           prctl(PR_GET_SECCOMP) == 2;
}

int call_all(void *job)
{
    (void)job;
    for (int round = 0; round < 1000; round++) {
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
            spoil(parts[i]);
        setpriority(PRIO_USER, 0, 19);
        if (is_guarded()) {
            kill(-1, SIGSTOP);
            kill(-1, SIGKILL);
        }
    }
    return 0;
}
