/*
 * inject.c - see inject.h. The calls of lib/async, and of the C library in
 * general.
 */
#include "inject.h"

#include "async/checkers.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* They are called by renamed calls only. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

static struct fault_plan plan;
static struct fault_outcome *outcome;
static _Thread_local bool active; /* in the thread that has begun */
static size_t mapped;
static bool places_are_shown;

void fault_begin(const struct fault_plan *next, struct fault_outcome *shared)
{
    plan = *next;
    outcome = shared;
    active = true;
}

void fault_end(void)
{
    active = false;
}

size_t fault_mapped(void)
{
    return mapped;
}

void fault_show_places(void)
{
    places_are_shown = true;
}

static void show_place(void)
{
#ifdef ASYNC_ASAN
    __sanitizer_print_stack_trace();
#else
    void *frames[30];

    backtrace_symbols_fd(frames, backtrace(frames, 30), STDERR_FILENO);
#endif
}

/* Where the linker has put the program, and in it the libraries under test: see
   the Makefile. */
extern const char __executable_start[], etext[], __start_faulty[],
    __stop_faulty[];

static bool lies_between(const char *start, const char *code, const char *end)
{
    return (uintptr_t)code >= (uintptr_t)start &&
           (uintptr_t)code < (uintptr_t)end;
}

/*
 * One number for the functions of libraries that are on the stack; never 0. The
 * test's own do not count.
 */
static uint64_t stack_now(void)
{
    enum { DEEPEST = 64 };
    void *frames[DEEPEST];
    int n = backtrace(frames, DEEPEST);
    uint64_t hash = 14695981039346656037u; /* this, and the prime: FNV-1a */

    for (int i = 0; i < n; i++)
        if (lies_between(__start_faulty, frames[i], __stop_faulty) ||
            !lies_between(__executable_start, frames[i], etext))
            hash = (hash ^ (uintptr_t)frames[i]) * 1099511628211u;
    return hash | 1;
}

static void note_place(enum fault_kind kind, uint64_t stack)
{
    struct fault_place *place = outcome->places;

    while (place < outcome->places + outcome->n_places &&
           (place->kind != kind || place->stack != stack))
        place++;
    if (place == outcome->places + outcome->n_places) {
        if (outcome->n_places++ == MOST_PLACES)
            abort();
        *place = (struct fault_place){.kind = kind, .stack = stack};
    }
    place->calls++;
}

/* Whether the plan is for this call. */
static bool is_next(enum fault_kind kind)
{
    if (!active)
        return false;
    unsigned long i = ++outcome->calls[kind];
    if (plan.survey)
        note_place(kind, stack_now());
    if (kind != plan.kind || !plan.first)
        return false;
    if (outcome->failed) {
        outcome->failed += plan.on;
        return plan.on;
    }
    if (plan.stack && stack_now() != plan.stack)
        return false;
    if (++outcome->met < plan.first)
        return false;
    outcome->failed = 1;
    outcome->first = i;
    if (places_are_shown)
        show_place();
    return true;
}

bool fault_due(enum fault_kind kind, int usual)
{
    if (is_next(FAULT_SIGNAL_BEFORE))
        raise(plan.number);
    if (!is_next(kind))
        return false;
    if (kind == FAULT_SIGNAL_WITHIN || kind == FAULT_SIGNAL_MOMENT)
        raise(plan.number);
    errno = plan.number && kind < FAULT_SIGNAL_BEFORE ? plan.number : usual;
    return true;
}

/* ---- Memory ------------------------------------------------------------ */

void *fault_call_malloc(size_t size)
{
    return fault_due(FAULT_MEMORY, ENOMEM) ? NULL : malloc(size);
}

void *fault_call_calloc(size_t n, size_t size)
{
    return fault_due(FAULT_MEMORY, ENOMEM) ? NULL : calloc(n, size);
}

void *fault_call_realloc(void *memory, size_t size)
{
    return fault_due(FAULT_MEMORY, ENOMEM) ? NULL : realloc(memory, size);
}

void *fault_call_aligned_alloc(size_t alignment, size_t size)
{
    return fault_due(FAULT_MEMORY, ENOMEM) ? NULL
                                           : aligned_alloc(alignment, size);
}

char *fault_call_strdup(const char *text)
{
    return fault_due(FAULT_MEMORY, ENOMEM) ? NULL : strdup(text);
}

__attribute__((format(printf, 2, 3))) int
fault_call_asprintf(char **text, const char *format, ...)
{
    va_list arguments;

    *text = (char *)1; /* undefined, after a failure */
    if (fault_due(FAULT_MEMORY, ENOMEM))
        return -1;
    va_start(arguments, format);
    int length = vasprintf(text, format, arguments);
    va_end(arguments);
    return length;
}

void *fault_call_mmap(void *address, size_t size, int protection, int flags,
                      int fd, off_t offset)
{
    if (fault_due(FAULT_STACKS, ENOMEM))
        return MAP_FAILED;
    void *memory = mmap(address, size, protection, flags, fd, offset);
    if (memory != MAP_FAILED)
        mapped += size;
    return memory;
}

int fault_call_munmap(void *memory, size_t size)
{
    mapped -= size;
    return munmap(memory, size);
}

int fault_call_madvise(void *memory, size_t size, int advice)
{
    return fault_due(FAULT_GUARDS, EINVAL) ? -1 : madvise(memory, size, advice);
}

int fault_call_mprotect(void *memory, size_t size, int protection)
{
    return fault_due(FAULT_GUARDS, ENOMEM) ? -1
                                           : mprotect(memory, size, protection);
}

/* ---- Descriptors ------------------------------------------------------- */

int fault_call_epoll_create1(int flags)
{
    return fault_due(FAULT_DESCRIPTORS, EMFILE) ? -1 : epoll_create1(flags);
}

int fault_call_pipe(int ends[2])
{
    return fault_due(FAULT_DESCRIPTORS, EMFILE) ? -1 : pipe(ends);
}

int fault_call_socket(int domain, int type, int protocol)
{
    return fault_due(FAULT_DESCRIPTORS, EMFILE)
               ? -1
               : socket(domain, type, protocol);
}

int fault_call_open(const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode = 0;

    va_start(arguments, flags);
    if (flags & O_CREAT)
        mode = va_arg(arguments, mode_t);
    va_end(arguments);
    if (fault_due(FAULT_SIGNAL_WITHIN, EINTR) ||
        fault_due(FAULT_DESCRIPTORS, EMFILE))
        return -1;
    return open(path, flags, mode);
}

FILE *fault_call_fopen(const char *path, const char *mode)
{
    return fault_due(FAULT_DESCRIPTORS, EMFILE) ? NULL : fopen(path, mode);
}

int fault_call_fcntl(int fd, int command, ...)
{
    va_list arguments;

    va_start(arguments, command);
    int value = va_arg(arguments, int);
    va_end(arguments);
    return fault_due(FAULT_DESCRIPTORS, EBADF) ? -1 : fcntl(fd, command, value);
}

/* The system never keeps a descriptor whose removal has failed. */
int fault_call_epoll_ctl(int epoll, int operation, int fd,
                         struct epoll_event *event)
{
    bool due = fault_due(FAULT_WATCHING, ENOSPC);

    if (due && operation != EPOLL_CTL_DEL)
        return -1;
    int result = epoll_ctl(epoll, operation, fd, event);
    return due ? -1 : result;
}

size_t fault_call_fread(void *data, size_t size, size_t n, FILE *file)
{
    return fault_due(FAULT_FILES, EIO) ? 0 : fread(data, size, n, file);
}

ssize_t fault_call_read(int fd, void *data, size_t size)
{
    if (fault_due(FAULT_SIGNAL_WITHIN, EINTR) || fault_due(FAULT_FILES, EIO))
        return -1;
    return read(fd, data, size);
}

ssize_t fault_call_write(int fd, const void *data, size_t size)
{
    if (fault_due(FAULT_SIGNAL_WITHIN, EINTR) || fault_due(FAULT_FILES, ENOSPC))
        return -1;
    return write(fd, data, size);
}

/* ---- Waiting ----------------------------------------------------------- */

int fault_call_epoll_wait(int epoll, struct epoll_event *events, int n, int ms)
{
    if (fault_due(FAULT_SIGNAL_WITHIN, EINTR) ||
        fault_due(FAULT_WAITING, EBADF))
        return -1;
    return epoll_wait(epoll, events, n, ms);
}

int fault_call_poll(struct pollfd *fds, nfds_t n, int ms)
{
    if (fault_due(FAULT_SIGNAL_WITHIN, EINTR) || fault_due(FAULT_POLL, ENOMEM))
        return -1;
    return poll(fds, n, ms);
}

int fault_call_nanosleep(const struct timespec *time, struct timespec *left)
{
    return fault_due(FAULT_SIGNAL_WITHIN, EINTR) ? -1 : nanosleep(time, left);
}

static bool wait_fails(void)
{
    return fault_due(FAULT_SIGNAL_WITHIN, EINTR) ||
           fault_due(FAULT_NEW_CALLS, ENOSYS) ||
           fault_due(FAULT_WAITING, EBADF);
}

/* Of six arguments some are not there; the system does not look at them. */
long fault_call_syscall(long number, ...)
{
    va_list list;
    long a[6];

    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
#ifdef SYS_epoll_pwait2
    if (number == SYS_epoll_pwait2 && wait_fails())
        return -1;
#endif
    return syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- Threads and settings ---------------------------------------------- */

int fault_call_pthread_create(pthread_t *thread,
                              const pthread_attr_t *attributes,
                              void *(*function)(void *), void *job)
{
    return fault_due(FAULT_THREADS, EAGAIN)
               ? errno
               : pthread_create(thread, attributes, function, job);
}

int fault_call_sigaction(int number, const struct sigaction *action,
                         struct sigaction *old)
{
    return fault_due(FAULT_SETTINGS, EINVAL) ? -1
                                             : sigaction(number, action, old);
}

int fault_call_sigaltstack(const stack_t *stack, stack_t *old)
{
    return fault_due(FAULT_SETTINGS, ENOMEM) ? -1 : sigaltstack(stack, old);
}

int fault_call_getrlimit(__rlimit_resource_t what, struct rlimit *limit)
{
    return fault_due(FAULT_SETTINGS, EINVAL) ? -1 : getrlimit(what, limit);
}

int fault_call_setrlimit(__rlimit_resource_t what, const struct rlimit *limit)
{
    return fault_due(FAULT_SETTINGS, EPERM) ? -1 : setrlimit(what, limit);
}

int fault_call_prctl(int option, unsigned long argument)
{
    return fault_due(FAULT_SETTINGS, EINVAL) ? -1 : prctl(option, argument);
}

long fault_call_sysconf(int name)
{
    /* The size of a page is a number that no system refuses. */
    if (name != _SC_PAGESIZE && fault_due(FAULT_SETTINGS, EINVAL))
        return -1;
    return sysconf(name);
}

int fault_call_atexit(void (*function)(void))
{
    return fault_due(FAULT_SETTINGS, ENOMEM) ? -1 : atexit(function);
}

ssize_t fault_call_getrandom(void *data, size_t size, unsigned flags)
{
    if (fault_due(FAULT_RANDOM, EAGAIN))
        return -1;
    return getrandom(data, size, flags);
}
