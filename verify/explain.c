/*
 * explain.c - in plain words, how a program came to its end.
 *
 * Whatever a program does instead of the exercise, exit, crash, hang, flood,
 * meddle with the judge, ends here, once for all checks of all exercises.
 */
#include "exam.h"
#include "llm/error.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* ---- Names ------------------------------------------------------------- */

const char *error_name(int err)
{
    static const struct {
        int err;
        const char *name;
    } names[] = {
        {0, "0"},
        {ASYNC_ECANCELED, "ASYNC_ECANCELED"},
        {ASYNC_ETIMEDOUT, "ASYNC_ETIMEDOUT"},
        {ASYNC_EINPROGRESS, "ASYNC_EINPROGRESS"},
        {ASYNC_ENOLOOP, "ASYNC_ENOLOOP"},
        {ASYNC_ENESTED, "ASYNC_ENESTED"},
        {ASYNC_EDEADLK, "ASYNC_EDEADLK"},
        {ASYNC_ENOMEM, "ASYNC_ENOMEM"},
        {ASYNC_EINTERRUPTED, "ASYNC_EINTERRUPTED"},
        {-ENOSYS, "-ENOSYS"},
        {-ENOMEM, "-ENOMEM"},
        {-EINVAL, "-EINVAL"},
        {-ETIMEDOUT, "-ETIMEDOUT"},
        {-ECANCELED, "-ECANCELED"},
        {-EAGAIN, "-EAGAIN"},
        {-EIO, "-EIO"},
        {-EBUSY, "-EBUSY"},
        {-EPROTO, "-EPROTO"},
        {-ECONNRESET, "-ECONNRESET"},
        {-EHOSTUNREACH, "-EHOSTUNREACH"},
        {LLM_EBADREQUEST, "LLM_EBADREQUEST"},
        {LLM_EAUTHENTICATION, "LLM_EAUTHENTICATION"},
        {LLM_EPERMISSION, "LLM_EPERMISSION"},
        {LLM_ENOTFOUND, "LLM_ENOTFOUND"},
        {LLM_ECONFLICT, "LLM_ECONFLICT"},
        {LLM_EUNPROCESSABLE, "LLM_EUNPROCESSABLE"},
        {LLM_ERATELIMIT, "LLM_ERATELIMIT"},
        {LLM_EQUOTA, "LLM_EQUOTA"},
        {LLM_ESERVER, "LLM_ESERVER"},
        {LLM_ECONNECTION, "LLM_ECONNECTION"},
        {LLM_ETIMEDOUT, "LLM_ETIMEDOUT"},
        {LLM_EMALFORMED, "LLM_EMALFORMED"},
    };
    static char numbers[4][16];
    static int next;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].err == err)
            return names[i].name;
    char *number = numbers[next++ % 4];
    snprintf(number, sizeof numbers[0], "%d", err);
    return number;
}

const char *counted(size_t n, const char *noun)
{
    static char buffers[4][32];
    static int next;
    char *buffer = buffers[next++ % 4];

    snprintf(buffer, sizeof buffers[0], "%zu %s%s", n, noun, n == 1 ? "" : "s");
    return buffer;
}

const char *quoted(const char *text)
{
    static struct text buffers[4];
    static int next;
    struct text *buffer = &buffers[next++ % 4];

    if (!text)
        return "NULL";
    text_free(buffer);
    text_add(buffer, "\"");
    text_add_visible(buffer, text, strlen(text), 50);
    text_add(buffer, "\"");
    return text_chars(buffer);
}

/* ---- Sanitizers -------------------------------------------------------- */

/*
 * "file.c:31 in call_all": the first place in the student's file behind at, or
 * nothing. A frame reads "    #1 0x55d0 in call_all /folder/02_gather.c:31";
 * the grader's own file has the same name in verify/.
 */
static void find_place(struct text *place, const char *at, const char *name)
{
    char file[128], function[64] = "";
    const char *line;

    snprintf(file, sizeof file, "%s.c:", name);
    do {
        at = strstr(at, file);
        if (!at)
            return;
        for (line = at; line[-1] != '\n' && line[-1] != ' ';)
            line--;
        at += strlen(file);
    } while (strncmp(line, "verify/", 7) == 0);
    while (line[-1] == ' ')
        line--;
    const char *end = line;
    while (line[-1] != '\n' && line[-1] != ' ')
        line--;
    /* Of a variable there is only where it is defined. */
    if (end > line && isalpha((unsigned char)*line) &&
        strncmp(line, "in ", 3) != 0)
        snprintf(function, sizeof function, " in %.*s", (int)(end - line),
                 line);
    text_add(place, "%s%.*s%s", file, (int)strspn(at, "0123456789"), at,
             function);
}

/* Adds n bytes, without numbers such as 0x602000000110: they are different
   each time, and say nothing. */
static void add_without_addresses(struct text *text, const char *from, size_t n)
{
    for (const char *at = from, *end = from + n; at < end;) {
        if (strncmp(at, " 0x", 3) == 0)
            at += 3 + strspn(at + 3, "0123456789abcdef");
        else
            text_add_bytes(text, at++, 1);
    }
}

static const char *mistake_behind(const char *error)
{
    static const struct {
        const char *error, *likely;
    } mistakes[] = {
        {"stack-overflow", "endless recursion, or a large local array"},
        {"buffer-overflow", "an index or a size beyond the end of an array"},
        {"dynamic-stack", "an index or a size beyond the end of an array"},
        {"out of bounds", "an index beyond the end of an array"},
        {"use-after-free", "memory is used after free()"},
        {"use-after-return", "a local variable is used after its function "
                             "returned: who waits for the task?"},
        {"use-after-scope", "a local variable is used outside of its block"},
        {"double-free", "the same memory is freed twice: here, and by somebody "
                        "else whose it is"},
        {"not malloc", "free() of what malloc() did not give"},
        {"null pointer", "a pointer is NULL"},
        {"SEGV", "a pointer that is NULL, not set, or freed, or to a local "
                 "variable that is gone"},
        {"BUS", "a pointer that was written over, or not set"},
    };

    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
        if (memmem(error, strcspn(error, "\n"), mistakes[i].error,
                   strlen(mistakes[i].error)))
            return mistakes[i].likely;
    return "C does not say what that means: undefined behaviour";
}

/* Within a library the sanitizer does not know who called it, but which library
   it was. */
static void explain_leak(struct exam *exam, const char *at)
{
    struct text place = {0};

    find_place(&place, at, exam->grader->name);
    if (place.length) {
        saw(exam, "memory is never freed: allocated at %s", text_chars(&place));
        likely(exam, "a path that returns without freeing what it allocated");
    } else if (strstr(at, "vasprintf")) {
        saw(exam, "memory is never freed: a text that asprintf() allocated");
        likely(exam, "asprintf() allocates: the text is to be freed, on every "
                     "path, once nobody needs it; or another was written over "
                     "its pointer");
    } else if (strstr(at, "cjson") || strstr(at, "cJSON")) {
        saw(exam, "memory is never freed: what cJSON allocated");
        likely(exam, "a tree is freed with cJSON_Delete(), a text that cJSON "
                     "printed with free(), on every path");
    } else {
        saw(exam, "memory is never freed: a result that got lost");
        likely(exam, "an out field was overwritten, or a job was a copy");
    }
    text_free(&place);
}

bool explain_sanitizer(struct exam *exam, const struct run *run)
{
    static const char address[] = "ERROR: AddressSanitizer: ",
                      undefined[] = "runtime error: ",
                      leak[] = "ERROR: LeakSanitizer: ";
    const char *messages = text_chars(&run->process.err.kept);
    const char *at = strstr(messages, leak);
    struct text place = {0}, kind = {0};

    if (at) {
        explain_leak(exam, at);
        return true;
    }
    if ((at = strstr(messages, address)))
        at += strlen(address);
    else if ((at = strstr(messages, undefined)))
        at += strlen(undefined);
    else
        return false;
    size_t n = strcspn(at, "\n");
    const char *detail = memmem(at, n, " on ", 4); /* an address */
    find_place(&place, strchr(at, '#') ? strchr(at, '#') : at,
               exam->grader->name);
    add_without_addresses(&kind, at, detail ? (size_t)(detail - at) : n);
    saw(exam, "%s%s%s", text_chars(&kind), place.length ? ", at " : "",
        text_chars(&place));
    text_free(&kind);
    likely(exam, "%s",
           strstr(messages, "async: never awaited") &&
                   memmem(at, n, "use-after", 9)
               ? "its tasks run on, and what they use is gone: they are to be "
                 "awaited, or async_reap()ed, before that"
               : mistake_behind(at));
    text_free(&place);
    return true;
}

/* ---- The ends ---------------------------------------------------------- */

/* Where the program was when it ended. */
static const char *when(const struct run *run)
{
    static char text[96];

    if (run->returned_at != NEVER)
        return "after your function had returned";
    if (run->scenario->web.wanted) {
        snprintf(text, sizeof text, "at %s, with %s in flight",
                 in_seconds(run->now),
                 counted(run->traffic.in_flight, "request"));
        return text;
    }
    snprintf(text, sizeof text, "at %s on its clock, with %s in flight",
             in_seconds(run->now), counted(run->in_flight, "call"));
    return text;
}

/* What a signal means for a beginner. */
static void explain_signal(struct exam *exam, const struct run *run, int number)
{
    static const struct {
        int number;
        const char *name, *likely;
    } signals[] = {
        {SIGSEGV, "SIGSEGV: it used memory that it does not have",
         "a pointer that is NULL, not set, or freed; or endless recursion"},
        {SIGBUS, "SIGBUS: it used memory that it does not have",
         "a pointer that is not set or freed"},
        {SIGABRT, "SIGABRT: it called abort()",
         "abort(), a failed assert(), or a free() of what was not malloc'd"},
        {SIGFPE, "SIGFPE: it divided by zero", "a division by n, and n is 0"},
        {SIGILL, "SIGILL: it ran what is no code",
         "a function that should return a value and does not"},
        {SIGXFSZ, "SIGXFSZ: it wrote too large a file",
         "it writes to a file in a loop"},
    };

    /* The runtime's handler said so before the signal went on. */
    if (strstr(text_chars(&run->process.err.kept), "async: stack overflow")) {
        saw(exam, "a task's stack overflowed, %s", when(run));
        likely(exam, "endless recursion, or a large local array: malloc it");
        return;
    }
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (signals[i].number == number) {
            saw(exam, "it crashed (%s), %s", signals[i].name, when(run));
            likely(exam, "%s", signals[i].likely);
            return;
        }
    }
    saw(exam, "it was ended by signal %d (%s)", number, strsignal(number));
    likely(exam, "it sent the signal itself");
}

static void explain_exit(struct exam *exam, const struct run *run)
{
    int status = run->process.status;

    /* A sanitizer's report may have come too late to be kept. */
    if (explain_sanitizer(exam, run) ||
        (run->scenario->sanitized && !all_awaited(exam, run)))
        return;
    if (WIFSIGNALED(status)) {
        explain_signal(exam, run, WTERMSIG(status));
        return;
    }
    saw(exam, "the program ended itself with exit status %d, %s",
        WEXITSTATUS(status), when(run));
    likely(exam, "exit() or _exit() ends the whole program: return an error");
}

const char *mistake_of_deadlock(const struct run *run)
{
    return strstr(text_chars(&run->process.err.kept), "waits for a permit of")
               ? "a deadlock: tasks wait for a permit that nobody has left to "
                 "release; on some path it was not given back, or there never "
                 "was one"
               : "a deadlock: each task waits for another";
}

static bool explain_trouble(struct exam *exam, const struct run *run)
{
    switch (run->trouble) {
    case NO_TROUBLE:
        return false;
    case BUSY:
        saw(exam, "it yielded a million times %s", when(run));
        likely(exam, "busy waiting: async_sleep(0) or async_yield() in a loop; "
                     "await what you wait for");
        break;
    case POLLING:
        saw(exam, "it woke up 50,000 times and got nowhere, %s", when(run));
        likely(exam, "polling: async_sleep() in a loop; await what you wait "
                     "for");
        break;
    case DEADLOCK:
        saw(exam, "at %s on its clock it waited for what nobody would ever do",
            in_seconds(run->stuck_at));
        likely(exam, "%s", mistake_of_deadlock(run));
        break;
    case GARBAGE:
        saw(exam, "it wrote to file descriptor 3 itself, %s", when(run));
        likely(exam, "that descriptor is the judge's");
        break;
    case DEAF:
        saw(exam, "it closed file descriptor 3, %s", when(run));
        likely(exam, "that descriptor is the judge's");
        break;
    case ENDLESS:
        saw(exam,
            "it printed more than 100,000 lines, or made more than "
            "100,000 calls, %s",
            when(run));
        likely(exam, "a loop that never ends");
        break;
    case SERVER_LOST:
        saw(exam, "the web server that it used ended, %s", when(run));
        likely(exam, "it sent what no server can bear: are these requests "
                     "HTTP?");
        break;
    case SPOILT:
        saw(exam, "it changed its own program, or the folder of that");
        likely(exam, "those are the judge's");
        break;
    }
    return true;
}

/* Ways to hang that need some intention. */
static void explain_hang(struct exam *exam, const struct run *run)
{
    enum ending ending = run->process.ending;

    if (ending == IN_SIGSTOP) {
        saw(exam, "it was stopped (SIGSTOP), %s", when(run));
        likely(exam, "it sent the signal itself");
    } else if (ending == IN_VFORK) {
        saw(exam, "it hung for %d s in vfork(), %s",
            run->process.limits->blocked_seconds, when(run));
        likely(exam, "a process of its own, which nobody asked for");
    } else {
        saw(exam, "its main thread ended, %s", when(run));
        likely(exam, "pthread_exit() ends the thread that everything runs on");
    }
}

/* Nothing moved any more in real time. */
static void explain_blocked(struct exam *exam, const struct run *run)
{
    int seconds = run->process.limits->blocked_seconds;

    if (run->cancelled_at != NEVER && run->returned_at == NEVER) {
        saw(exam, "it was cancelled, and %d s later it had not returned, %s",
            seconds, when(run));
        likely(exam, "ASYNC_ECANCELED was taken for one error among others, "
                     "and it tries again: whatever suspends may return it, and "
                     "then it is returned at once");
    } else if (run->traffic.in_flight > 0) {
        saw(exam, "nothing happened for %d s, %s", seconds, when(run));
        likely(exam, "it waits for an answer that never comes: a time-out for "
                     "each attempt");
    } else {
        saw(exam, "it hung for %d s in a call that blocks, %s", seconds,
            when(run));
        likely(exam, run->scenario->web.wanted
                         ? "a wait that is far too long (async_sleep() takes "
                           "seconds), or a call that blocks the whole thread"
                         : "sleep(), a lock, or reading from standard input: "
                           "they block the whole thread");
    }
}

static void explain_limit(struct exam *exam, const struct run *run)
{
    const struct limits *limits = run->process.limits;

    switch (run->process.ending) {
    case OVER_CPU:
        saw(exam, "it ran for %d s without suspending, %s", limits->cpu_seconds,
            when(run));
        likely(exam, "a loop that never ends, and never waits");
        break;
    case BLOCKED:
        explain_blocked(exam, run);
        break;
    case IN_SIGSTOP:
    case IN_VFORK:
    case WITHOUT_MAIN:
        explain_hang(exam, run);
        break;
    case OVER_TIME:
        saw(exam, "it had not ended after %d s, %s", limits->patience,
            when(run));
        likely(exam, run->strayed || run->call_count > 10000
                         ? "the same call again and again, after an error or "
                           "the end, in a loop that "
                           "does not end"
                         : "it waits in real time, or starts processes or "
                           "threads without end");
        break;
    case OVER_MEMORY:
        saw(exam, "it used more than %zu MiB of memory, %s",
            limits->memory >> 20, when(run));
        likely(exam, "an allocation in a loop that never ends");
        break;
    case OVER_OUTPUT:
        saw(exam, "it printed more than %zu MiB, %s", limits->output >> 20,
            when(run));
        likely(exam, "printing in a loop that never ends");
        break;
    default:
        explain_exit(exam, run);
    }
}

bool explain_end(struct exam *exam, const struct run *run)
{
    if (explain_trouble(exam, run))
        return false;
    if (!run->complete) {
        explain_limit(exam, run);
        return false;
    }
    if (run->leaks) {
        saw(exam, "memory is never freed");
        likely(exam, "a path that returns without freeing what it allocated");
        explain_sanitizer(exam, run);
        return false;
    }
    return true;
}
