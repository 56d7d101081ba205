/*
 * sandbox.c - limits that need Linux: prctl and /proc.
 */
#include "sandbox.h"
#include "bubblewrap.h"
#include "filter.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__

#include <dirent.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/*
 * Whoever grades as root runs submissions as a user of this process's own, so
 * that two that run at a time cannot meet. No system gives out numbers from
 * here on, and a process's number is below 2^22. The group is the judge's for
 * all of its deputies: what has been built is for each of them.
 */
enum { FIRST_UID = 0x70000000, NOBODY = 65534 };

/* Whom submissions run as. */
static uid_t runner;
static gid_t runners;

/* After so many, it takes more than to kill whom one sees. */
enum { PATIENT_ROUNDS = 20 };

/* On top of what runs already: for a sanitizer's helpers and a few threads. */
enum { SPARE_PROCESSES = 64 };

/* When nobody runs any more, a leak checker may look into the judge. */
static void allow_looking(void)
{
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

/* Whether a process may become that user: a container need not know it. */
static bool can_become(uid_t uid)
{
    int status = 1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(setresuid(uid, uid, uid) == 0 ? 0 : 1);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void choose_user(void)
{
    runner = geteuid();
    runners = getegid();
    if (runner != 0)
        return;
    runner = FIRST_UID + (uid_t)getpid();
    if (!can_become(runner))
        runner = NOBODY;
    runners = (gid_t)runner;
}

void sandbox_judge(void)
{
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    choose_user();
    atexit(allow_looking);
}

void sandbox_deputy(pid_t judge)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != judge)
        raise(SIGTERM); /* it is gone already */
    if (runner >= FIRST_UID)
        runner = FIRST_UID + (uid_t)getpid();
}

uid_t sandbox_uid(void)
{
    return runner;
}

gid_t sandbox_gid(void)
{
    return runners;
}

bool sandbox_is_shared(void)
{
    return runner == getuid() && !bubblewrap_works();
}

bool sandbox_is_apart(void)
{
    return runner >= FIRST_UID || bubblewrap_works();
}

int sandbox_child(void)
{
    /* Whoever grades as root does not run submissions as root. In a container
       that has no such user, EINVAL, there is nobody else to run them as. */
    if (geteuid() == 0) {
        if (setgroups(0, NULL) && errno != EPERM)
            return -errno;
        if (setresgid(runners, runners, runners) && errno != EINVAL)
            return -errno;
        if (setresuid(runner, runner, runner) && errno != EINVAL)
            return -errno;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -errno;
    /* The same user in the same world: nothing else would protect us. */
    if (sandbox_is_shared())
        filter_signals();
    return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) ? -errno : 0;
}

size_t sandbox_process_limit(size_t more)
{
    unsigned long all = 0;
    size_t own = more ? more : SPARE_PROCESSES;

    /* That user has no others. */
    if (runner >= FIRST_UID)
        return own;
    FILE *load = fopen("/proc/loadavg", "re");

    if (!load)
        return 0;
    if (fscanf(load, "%*s %*s %*s %*u/%lu", &all) != 1)
        all = 0;
    fclose(load);
    return all ? all + own : 0;
}

/* ---- Looking at all descendants ---------------------------------------- */

struct entry {
    pid_t pid, parent;
    char state;
    int nice, threads, policy;
    long ticks;
    size_t memory;
    bool has_child;
    bool is_bwrap; /* by its name, which anybody can give itself */
};

/* /proc/PID/stat or that of a thread, from its third field on: the second, the
   program's name, may hold anything. Returns whether it was there. */
static bool read_stat(const char *path, struct entry *entry)
{
    unsigned long user, system;
    long waited[2], pages;
    char line[1024];
    FILE *file = fopen(path, "re");

    if (!file)
        return false;
    size_t n = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[n] = '\0';
    const char *rest = strrchr(line, ')');
    entry->is_bwrap = strstr(line, "(bwrap) ") != NULL;
    if (!rest ||
        sscanf(rest + 1,
               " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld "
               "%*d %d %d %*d %*u %*u %ld %*u %*u %*u %*u %*u %*u %*u %*u "
               "%*u %*u %*u %*u %*u %*d %*d %*u %d",
               &entry->state, &entry->parent, &user, &system, &waited[0],
               &waited[1], &entry->nice, &entry->threads, &pages,
               &entry->policy) != 10)
        return false;
    /* With its children's, once it has waited for them. */
    entry->ticks = (long)(user + system) + waited[0] + waited[1];
    entry->memory = (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
    return true;
}

/* Reads the process's entry, and adds it. */
static void add_entry(struct entry **entries, size_t *count, pid_t pid)
{
    struct entry entry = {.pid = pid};
    char path[64];

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    if (!read_stat(path, &entry))
        return;
    *entries = must_grow(*entries, *count, sizeof **entries);
    (*entries)[(*count)++] = entry;
}

/* Adds the children of one thread. Returns whether the system tells them. */
static bool add_children(struct entry **entries, size_t *count,
                         const char *thread)
{
    char path[420];
    long pid;

    snprintf(path, sizeof path, "%s/children", thread);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (fscanf(file, "%ld", &pid) == 1)
        add_entry(entries, count, (pid_t)pid);
    fclose(file);
    return true;
}

/* Of all threads of a process: each has the children that it began. */
static bool add_all_children(struct entry **entries, size_t *count, pid_t pid)
{
    char path[64], thread[400];
    bool told = false;

    snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
    DIR *threads = opendir(path);
    struct dirent *name;
    while (threads && (name = readdir(threads))) {
        snprintf(thread, sizeof thread, "%s/%s", path, name->d_name);
        if (*name->d_name != '.')
            told |= add_children(entries, count, thread);
    }
    if (threads)
        closedir(threads);
    return told;
}

/* All processes of the machine. */
static struct entry *everybody(size_t *count)
{
    struct entry *entries = NULL;
    DIR *processes = opendir("/proc");
    struct dirent *name;

    *count = 0;
    while (processes && (name = readdir(processes)))
        if (*name->d_name >= '1' && *name->d_name <= '9')
            add_entry(&entries, count, (pid_t)atol(name->d_name));
    if (processes)
        closedir(processes);
    return entries;
}

/* The same as family(), where the system does not tell who is whose child:
   Linux without CONFIG_PROC_CHILDREN. All others' entries have to be read, too.
 */
static struct entry *family_by_search(size_t *count)
{
    size_t all_count;
    struct entry *all = everybody(&all_count), *entries = NULL;

    *count = 0;
    for (size_t i = 0; i <= *count; i++) {
        pid_t parent = i == 0 ? getpid() : entries[i - 1].pid;
        size_t before = *count;

        for (size_t k = 0; k < all_count; k++)
            if (all[k].parent == parent) {
                entries = must_grow(entries, *count, sizeof *entries);
                entries[(*count)++] = all[k];
            }
        if (i > 0)
            entries[i - 1].has_child = *count > before;
    }
    free(all);
    return entries;
}

/* All descendants of the judge, parents first; the caller frees them. It costs
   some files a process, whatever else the machine runs. */
static struct entry *family(size_t *count)
{
    struct entry *entries = NULL;

    *count = 0;
    if (!add_all_children(&entries, count, getpid()))
        return family_by_search(count);
    for (size_t i = 0; i < *count; i++) {
        size_t before = *count;

        add_all_children(&entries, count, entries[i].pid);
        entries[i].has_child = *count > before;
    }
    return entries;
}

/* Whether a thread of this process runs, or would if the machine let it. Who
   waits for a disk does; who waits for the child of its vfork() does not. */
static bool can_run(const struct entry *entry)
{
    char path[64];
    DIR *tasks;
    struct dirent *name;
    bool result = false;

    if (entry->threads <= 1)
        return entry->state == 'R' ||
               (entry->state == 'D' && !entry->has_child);
    snprintf(path, sizeof path, "/proc/%ld/task", (long)entry->pid);
    tasks = opendir(path);
    while (tasks && !result && (name = readdir(tasks))) {
        struct entry task = {0};
        char file[400];

        snprintf(file, sizeof file, "%s/%s/stat", path, name->d_name);
        result =
            *name->d_name != '.' && read_stat(file, &task) &&
            (task.state == 'R' || (task.state == 'D' && !entry->has_child));
    }
    if (tasks)
        closedir(tasks);
    return result;
}

static int64_t waited_for_a_processor(void)
{
    FILE *file = fopen("/proc/self/schedstat", "re");
    long long ns = 0;

    if (file) {
        if (fscanf(file, "%*u %lld", &ns) != 1)
            ns = 0;
        fclose(file);
    }
    return ns;
}

struct look sandbox_look(void)
{
    struct look look = {.waited = waited_for_a_processor()};
    struct entry judge = {0};
    size_t n;
    struct entry *entries = family(&n);

    /* A system may be built without telling of children. */
    look.known = n > 0 && read_stat("/proc/self/stat", &judge);
    for (size_t i = 0; i < n; i++) {
        const struct entry *entry = &entries[i];

        look.ticks += entry->ticks;
        look.memory += entry->memory;
        look.who = look.who * 1000003 + (uint64_t)entry->pid;
        look.unfair |=
            entry->nice != judge.nice || entry->policy != judge.policy;
        look.can_run |= can_run(entry);
        look.stopped |= entry->state == 'T' || entry->state == 't';
        look.in_vfork |= entry->state == 'D' && entry->has_child;
        look.headless |= entry->state == 'Z' && entry->threads > 1;
    }
    free(entries);
    return look;
}

long sandbox_ticks_a_second(void)
{
    return sysconf(_SC_CLK_TCK);
}

static void signal_family(int number)
{
    size_t n;
    struct entry *entries = family(&n);

    for (size_t i = 0; i < n; i++)
        if (!entries[i].is_bwrap || number != SIGQUIT)
            kill(entries[i].pid, number);
    free(entries);
}

void sandbox_ask(void)
{
    signal_family(SIGQUIT);
}

/* Without a look at who they are: a process may live for less than that takes,
   and leave another. Returns whether the system tells who they are. */
static bool kill_children(void)
{
    char path[64];
    long pid;

    snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (fscanf(file, "%ld", &pid) == 1)
        kill((pid_t)pid, SIGKILL);
    fclose(file);
    return true;
}

/* All at one moment, and nobody can fork in it. */
static void kill_runner(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(setresuid(runner, runner, runner) || kill(-1, SIGKILL));
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

void sandbox_kill(int round)
{
    if (round >= PATIENT_ROUNDS && runner >= FIRST_UID)
        kill_runner();
    else if (!kill_children())
        signal_family(SIGKILL);
}

#else

void sandbox_judge(void)
{
}

void sandbox_deputy(pid_t judge)
{
    (void)judge;
}

uid_t sandbox_uid(void)
{
    return geteuid();
}

gid_t sandbox_gid(void)
{
    return getegid();
}

int sandbox_child(void)
{
    return 0;
}

bool sandbox_is_shared(void)
{
    return true;
}

bool sandbox_is_apart(void)
{
    return false;
}

size_t sandbox_process_limit(size_t more)
{
    (void)more;
    return 0;
}

struct look sandbox_look(void)
{
    return (struct look){0};
}

long sandbox_ticks_a_second(void)
{
    return 100;
}

void sandbox_ask(void)
{
}

void sandbox_kill(int round)
{
    (void)round;
}

#endif
