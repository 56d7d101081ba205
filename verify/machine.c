/*
 * machine.c - what grading needs of the machine, asked for before the first.
 *
 * A compiler that may not write, or a program without descriptors, fails as a
 * wrong submission does. So limits are looked at while there is none yet.
 */
#include "machine.h"
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KIB = 1024, MIB = 1024 * KIB };

/* A limit, the least that every right submission gets along with, and how it
   is spoken of. */
struct need {
    int resource;
    rlim_t least, unit;
    const char *limit, *of; /* "the limit of ...", and what it counts */
    char option;            /* of ulimit */
};

static const struct need needs[] = {
    {RLIMIT_NOFILE, 1024, 1, "open files", "", 'n'},
    {RLIMIT_FSIZE, 64 * MIB, KIB, "a file's size", " KiB", 'f'},
    {RLIMIT_STACK, 8 * MIB, KIB, "the stack", " KiB", 's'},
    /* Most of which nobody touches. */
    {RLIMIT_AS, (rlim_t)4096 * MIB, KIB, "the address space", " KiB", 'v'},
    {RLIMIT_DATA, (rlim_t)4096 * MIB, KIB, "a program's data", " KiB", 'd'},
    {RLIMIT_CPU, 60, 1, "processor time", " s", 't'},
};

/* For the judge, some deputies, and a few threads of each one's program. */
enum { PROCESSES = 128 };

/* What is opened would be taken for standard output, and written into. */
static void open_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0)
        die(EXIT_MACHINE, "cannot open /dev/null: %s", strerror(errno));
    close(fd);
}

/* Whoever may raise a hard limit, root, does. */
static void require(const struct need *need, rlim_t least)
{
    struct rlimit now, more;

    if (getrlimit(need->resource, &now) || now.rlim_cur >= least)
        return;
    more.rlim_max = now.rlim_max > least ? now.rlim_max : least;
    more.rlim_cur = more.rlim_max;
    if (setrlimit(need->resource, &more) == 0)
        return;
    die(EXIT_MACHINE,
        "the limit of %s is %llu%s here\n"
        "  Grading needs %llu%s. Raise it where this was started: ulimit -%c",
        need->limit, (unsigned long long)(now.rlim_max / need->unit), need->of,
        (unsigned long long)(least / need->unit), need->of, need->option);
}

/* All threads of this user, which one limit holds for: as folders in a
   process's task/, they are links to it, on top of a folder's own two. */
static rlim_t count_threads(void)
{
    DIR *processes = opendir("/proc");
    struct dirent *name;
    rlim_t threads = 0;

    while (processes && (name = readdir(processes))) {
        char path[300];
        struct stat tasks;

        snprintf(path, sizeof path, "/proc/%s/task", name->d_name);
        if (*name->d_name >= '1' && *name->d_name <= '9' &&
            stat(path, &tasks) == 0 && tasks.st_uid == getuid())
            threads += tasks.st_nlink - 2;
    }
    if (processes)
        closedir(processes);
    return threads;
}

void machine_prepare(void)
{
    open_descriptors();
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++)
        require(&needs[i], needs[i].least);
#ifdef RLIMIT_NPROC
    static const struct need processes = {RLIMIT_NPROC,     0,  1,
                                          "your processes", "", 'u'};
    require(&processes, count_threads() + PROCESSES);
#endif
}
