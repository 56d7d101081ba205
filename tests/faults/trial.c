/*
 * trial.c - see trial.h. Each fault has a process of its own, forked before
 * anything has run: it runs the trial with the fault, and then once more
 * without, which must work. Then nothing may be left: no memory (if we are
 * compiled with LeakSanitizer), no mapping, no descriptor.
 */
#include "async/checkers.h"
#include "async/runtime.h"

#include "trial.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef ASYNC_ASAN
#include <sanitizer/lsan_interface.h>

/* Their own exit status, and a NULL from malloc where ours may give one. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "exitcode=99:allocator_may_return_null=1:detect_stack_use_after_"
           "return=0";
}
#endif

enum {
    WRONG = 1,
    PATIENCE = 60, /* seconds; only a guard against what hangs */
    MOST_WORDS = 64
};

/* ---- What may come of which fault -------------------------------------- */

enum { MOST_CODES = 6 };

/*
 * Codes of the libraries above the runtime, which may not be there: libcurl
 * calls lack of memory now and then something else, and cJSON cannot tell it
 * from a text that is not JSON.
 */
enum {
    FAULT_CURL_RESOLVE = -1106, /* ASYNC_CURL_E(CURLE_COULDNT_RESOLVE_HOST) */
    FAULT_CURL_MEMORY = -1127,  /* ASYNC_CURL_E(CURLE_OUT_OF_MEMORY) */
    FAULT_CURL_ABORTED = -1142, /* ASYNC_CURL_E(CURLE_ABORTED_BY_CALLBACK) */
    FAULT_REQUEST = -2001,      /* LLM_EBADREQUEST */
    FAULT_CONNECTION = -2010,   /* LLM_ECONNECTION */
    FAULT_MALFORMED = -2012     /* LLM_EMALFORMED */
};

/* With no codes, the trial has to do all of its work all the same. */
static const struct fault {
    const char *name;
    enum fault_kind kind;
    int number;
    bool on_too; /* also from one call on for ever */
    int codes[MOST_CODES];
    int stopped_by; /* this signal may end the program */
} faults[] = {
    {"memory", FAULT_MEMORY, 0, true, {ASYNC_ENOMEM, -ENOMEM}, 0},
    {"stacks", FAULT_STACKS, 0, true, {ASYNC_ENOMEM}, 0},
    {"guards", FAULT_GUARDS, 0, true, {0}, 0},
    {"descriptors", FAULT_DESCRIPTORS, 0, true, {-EMFILE, -EBADF}, 0},
    {"watching", FAULT_WATCHING, 0, true, {-ENOSPC}, 0},
    {"old-kernel", FAULT_NEW_CALLS, ENOSYS, true, {0}, 0},
    {"container", FAULT_NEW_CALLS, EPERM, true, {0}, 0},
    /* Somebody has closed the runtime's descriptor: it says so, and aborts. */
    {"waiting", FAULT_WAITING, EBADF, false, {0}, SIGABRT},
    {"short-poll", FAULT_POLL, ENOMEM, false, {0}, 0},
    {"threads", FAULT_THREADS, 0, true, {-EAGAIN}, 0},
    {"settings", FAULT_SETTINGS, 0, true, {0}, 0},
    {"files", FAULT_FILES, 0, false, {0}, 0},
    {"random", FAULT_RANDOM, 0, true, {-EAGAIN}, 0},
    {"curl", FAULT_CURL, 0, true, {-ENOMEM, FAULT_CURL_MEMORY}, 0},
    {"inside-curl",
     FAULT_INSIDE_CURL,
     0,
     true,
     {-ENOMEM, FAULT_CURL_MEMORY, FAULT_CURL_RESOLVE, FAULT_CONNECTION,
      FAULT_CURL_ABORTED},
     0},
    {"inside-json",
     FAULT_INSIDE_JSON,
     0,
     true,
     {-ENOMEM, -EINVAL, FAULT_MALFORMED, FAULT_REQUEST},
     0},
    {"patterns", FAULT_PATTERNS, 0, true, {-ENOMEM}, 0},
    /* A second Ctrl-C stops the program at once. */
    {"SIGINT-before", FAULT_SIGNAL_BEFORE, SIGINT, true, {0}, SIGINT},
    {"SIGINT-within", FAULT_SIGNAL_WITHIN, SIGINT, false, {0}, SIGINT},
    {"SIGINT-moment", FAULT_SIGNAL_MOMENT, SIGINT, true, {0}, SIGINT},
    {"SIGTERM-before", FAULT_SIGNAL_BEFORE, SIGTERM, true, {0}, 0},
    {"SIGTERM-within", FAULT_SIGNAL_WITHIN, SIGTERM, false, {0}, 0},
    {"SIGALRM-within", FAULT_SIGNAL_WITHIN, SIGALRM, false, {0}, 0},
    {"SIGALRM-moment", FAULT_SIGNAL_MOMENT, SIGALRM, true, {0}, 0},
    {"SIGCHLD-within", FAULT_SIGNAL_WITHIN, SIGCHLD, false, {0}, 0},
};

enum { FAULTS = sizeof faults / sizeof faults[0] };

static bool is_signal(const struct fault *fault)
{
    return fault->kind >= FAULT_SIGNAL_BEFORE;
}

static bool allowed(const struct fault *fault, int result)
{
    for (int i = 0; i < MOST_CODES && fault->codes[i]; i++)
        if (result == fault->codes[i])
            return true;
    return result == 0;
}

static const struct trial *trials;
static size_t n_trials;

/* ---- In the process of a fault ----------------------------------------- */

/* What the parent wants to know; in memory that both have. */
static struct report {
    struct fault_outcome outcome;
    int result;      /* with the fault */
    int descriptors; /* open at the end */
    bool judged;     /* it came to the end */
    bool good;
} * report;

static volatile sig_atomic_t own_signals;
static int cancels; /* of the main task */

int trial_wrong(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return WRONG;
}

static void count_signal(int number)
{
    (void)number;
    own_signals++;
}

static void told(struct async_observer *self, enum async_moment moment,
                 struct async_coroutine *task, const struct async_wait *wait)
{
    (void)self, (void)moment, (void)task, (void)wait;
    fault_due(FAULT_SIGNAL_MOMENT, 0);
}

static void finish(struct async_observer *self)
{
    (void)self;
}

struct main_job {
    async_fn *fn;
    void *job;
};

static int watched_main(void *job)
{
    static struct async_observer observer;
    struct main_job *main_job = job;

    observer = (struct async_observer){
        .told = told, .finish = finish, .next = async_loop->observers};
    async_loop->observers = &observer;
    int err = main_job->fn(main_job->job);
    /* A deadlock cancels, too. */
    cancels = async_cancelling() - async_loop->deadlocked;
    return err;
}

int trial_async_run(async_fn *fn, void *job)
{
    struct main_job main_job = {fn, job};

    cancels = 0;
    return async_run(watched_main, &main_job);
}

/* What the program under trial has to say to a signal: nothing, but it is not
   restarted where it was interrupted. */
static void handle_signals(void)
{
    const int numbers[] = {SIGINT, SIGTERM, SIGALRM, SIGCHLD};
    struct sigaction action = {.sa_handler = count_signal};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
}

/*
 * Whoever sent a signal has to see what it does: either the program's own
 * handler was called, or the runtime's, and then the run was interrupted, the
 * main task having been told once.
 */
static bool judge_signal(const struct fault *fault, int result)
{
    unsigned long runtimes =
        report->outcome.failed - (unsigned long)own_signals;

    if (fault->number != SIGINT && runtimes)
        return !trial_wrong("%lu signals have not arrived", runtimes);
    if (result != (runtimes ? ASYNC_EINTERRUPTED : 0))
        return trial_wrong("%d, of %lu signals %lu the runtime's", result,
                           report->outcome.failed, runtimes),
               false;
    if (cancels > 1)
        return trial_wrong("main was cancelled %d times", cancels), false;
    return true;
}

static bool judge(const struct fault *fault, int result)
{
    if (result == WRONG)
        return false;
    if (is_signal(fault))
        return judge_signal(fault, result);
    if (!allowed(fault, result) || (!report->outcome.failed && result))
        return trial_wrong("it returned %d: %s", result,
                           async_strerror(result)),
               false;
    return true;
}

static int open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int n = 0;

    while (folder && readdir(folder))
        n++;
    if (folder)
        closedir(folder);
    return n;
}

static bool nothing_left(int descriptors)
{
    report->descriptors = open_descriptors();
    /* Fewer: a trace, say, was given up. */
    if (descriptors && report->descriptors > descriptors)
        return trial_wrong("%d descriptors instead of %d are open",
                           report->descriptors, descriptors),
               false;
    if (fault_mapped())
        return trial_wrong("%zu bytes are still mapped", fault_mapped()), false;
#ifdef ASYNC_ASAN
    if (__lsan_do_recoverable_leak_check())
        return false;
#endif
    return true;
}

/* A test that has failed was ended in the middle by one of its assertions. */
static void run_case(const struct trial *trial, const struct fault_plan *plan)
{
    fault_begin(plan, &report->outcome);
    report->result = trial->run_case((size_t)(trial - trials));
    fault_end();
    report->good = report->result || nothing_left(0);
    report->judged = true;
}

/* descriptors: how many are open after a run; 0: that is not known yet. */
static void run_trial(const struct trial *trial, const struct fault *fault,
                      const struct fault_plan *plan, int descriptors)
{
    fault_begin(plan, &report->outcome);
    report->result = trial->run();
    fault_end();
    report->good = judge(fault, report->result);
    if (report->good) {
        int again = trial->run();
        if (again)
            trial_wrong("the second run, without any fault: %d, %s", again,
                        async_strerror(again));
        report->good = !again && nothing_left(descriptors);
    }
    report->judged = true;
}

static void run_here(const struct trial *trial, const struct fault *fault,
                     const struct fault_plan *plan, int descriptors)
{
    handle_signals();
    if (trial->run_case)
        run_case(trial, plan);
    else
        run_trial(trial, fault, plan, descriptors);
}

/* ---- In the parent ----------------------------------------------------- */

static FILE *output;         /* of the child, should anybody want to read it */
static struct report *first; /* of the trial without a fault */

/* Waits for the child, and tells how it ended: as waitpid does. */
static int wait_for(pid_t child)
{
    const struct timespec limit = {.tv_sec = PATIENCE};
    sigset_t ended;
    int status;

    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (sigtimedwait(&ended, NULL, &limit) >= 0 || errno != EAGAIN)
            continue;
        fprintf(output, "It hangs; its tasks:\n");
        fflush(output);
        kill(child, SIGQUIT);
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        break;
    }
    return status;
}

static int in_child(const struct trial *trial, const struct fault *fault,
                    const struct fault_plan *plan, int descriptors)
{
    *report = (struct report){0};
    rewind(output);
    if (ftruncate(fileno(output), 0) < 0)
        abort();
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(EXIT_FAILURE);
    }
    if (child == 0) {
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        dup2(fileno(output), STDOUT_FILENO);
        dup2(fileno(output), STDERR_FILENO);
        run_here(trial, fault, plan, descriptors);
        fflush(stdout);
        _exit(!report->good);
    }
    return wait_for(child);
}

static void show_output(void)
{
    char line[256];

    fseek(output, 0, SEEK_SET);
    for (int i = 0; i < 60 && fgets(line, sizeof line, output); i++)
        printf("    %s", line);
}

/* Tests of the suite may send a SIGINT of their own. */
static bool stopped_rightly(const struct trial *trial,
                            const struct fault *fault,
                            const struct fault_plan *plan, int status)
{
    return fault->stopped_by && WIFSIGNALED(status) &&
           WTERMSIG(status) == fault->stopped_by &&
           (fault->stopped_by != SIGINT || plan->on || trial->run_case);
}

/* A test's own child process, too, may have been what crashed. */
static bool sanitizer_spoke(void)
{
    char line[256];
    bool found = false;

    fseek(output, 0, SEEK_SET);
    while (!found && fgets(line, sizeof line, output))
        found = strstr(line, "Sanitizer: ") || strstr(line, "runtime error: ");
    return found;
}

static struct {
    unsigned long faults, codes, done, unmet, wrong;
} sum, total;

/* Shown of a trial; the others are counted. */
enum { MOST_SHOWN = 10 };

static void show_wrong(const struct trial *trial, const struct fault *fault,
                       const struct fault_plan *plan, int status)
{
    printf("FAIL  %s %s %lu%s\n", trial->name, fault->name,
           report->outcome.first, plan->on ? "+" : "");
    if (WIFSIGNALED(status))
        printf("    signal %d\n", WTERMSIG(status));
    else if (!report->judged)
        printf("    exit status %d\n", WEXITSTATUS(status));
    show_output();
}

static void count_report(const struct trial *trial, const struct fault *fault,
                         const struct fault_plan *plan, int status)
{
    bool stopped = stopped_rightly(trial, fault, plan, status);
    bool good = stopped || (report->judged && report->good && !status);

    sum.faults++;
    if (!good || sanitizer_spoke()) {
        if (sum.wrong++ < MOST_SHOWN)
            show_wrong(trial, fault, plan, status);
    } else if (stopped || report->result) {
        sum.codes++;
    } else if (!report->outcome.failed) {
        sum.unmet++;
    } else {
        sum.done++;
    }
}

static unsigned long most; /* faults of a kind in a trial; 0: no limit */
static bool every;         /* also those that are_alike */

/* What earlier trials have called where. */
enum { MOST_SEEN = 16 * MOST_PLACES };
static struct fault_place *seen;
static size_t n_seen;

static struct fault_place *find_seen(const struct fault_place *place)
{
    struct fault_place *it = seen;

    while (it < seen + n_seen &&
           (it->kind != place->kind || it->stack != place->stack))
        it++;
    if (it == seen + n_seen) {
        if (n_seen++ == MOST_SEEN)
            abort();
        *it = *place;
        it->calls = 0;
    }
    return it;
}

static void remember(const struct fault_outcome *survey)
{
    for (size_t i = 0; i < survey->n_places; i++)
        find_seen(&survey->places[i])->calls += survey->places[i].calls;
}

/*
 * Of the calls that are made at one place, in all trials, the first fails, the
 * second, the fourth, the eighth ...: what is between them finds the libraries
 * much as these do.
 */
static bool is_picked(unsigned long i)
{
    return every || (i & (i - 1)) == 0;
}

static unsigned long count_picked(const struct fault_place *place)
{
    unsigned long before = find_seen(place)->calls, n = 0;

    for (unsigned long i = 1; i <= place->calls; i++)
        n += is_picked(before + i);
    return n;
}

static void try_call(const struct trial *trial, const struct fault *fault,
                     const struct fault_place *place, unsigned long i,
                     int descriptors)
{
    struct fault_plan plan = {.kind = fault->kind,
                              .stack = place->stack,
                              .first = i,
                              .number = fault->number};

    for (int on = 0; on < 1 + fault->on_too; on++) {
        plan.on = on;
        int status = in_child(trial, fault, &plan, descriptors);
        count_report(trial, fault, &plan, status);
    }
}

/* The trial's calls fail, one at a time; most of them, evenly spread. */
static void try_fault(const struct trial *trial, const struct fault *fault)
{
    const struct fault_place *place = first->outcome.places;
    const struct fault_place *end = place + first->outcome.n_places;
    unsigned long all = 0, n = 0;

    for (const struct fault_place *it = place; it < end; it++)
        if (it->kind == fault->kind)
            all += count_picked(it);
    unsigned long limit = most && most < all ? most : all;
    for (; place < end; place++) {
        if (place->kind != fault->kind)
            continue;
        unsigned long before = find_seen(place)->calls;
        for (unsigned long i = 1; i <= place->calls; i++)
            if (is_picked(before + i) && n++ * limit % all < limit)
                try_call(trial, fault, place, i, first->descriptors);
    }
}

static bool is_asked_for(const char *const *arguments, const char *name)
{
    bool found = !*arguments;

    for (; *arguments; arguments++)
        found = found || strcmp(*arguments, name) == 0;
    return found;
}

static void try_all(const struct trial *trial, const char *const *kinds)
{
    static const struct fault_plan none = {.survey = true};
    int status = in_child(trial, &faults[0], &none, 0);

    *first = *report;
    memset(&sum, 0, sizeof sum);
    bool good = !status && first->good && !first->result;
    if (!good && trial->run_case) {
        printf("%-34.34s left out: not run here, or it leaks\n", trial->name);
        return;
    }
    if (!good) {
        printf("FAIL  %s without any fault\n", trial->name);
        show_output();
        total.wrong++;
        return;
    }
    for (size_t i = 0; i < FAULTS; i++)
        if (is_asked_for(kinds, faults[i].name))
            try_fault(trial, &faults[i]);
    if (trial->run_case)
        remember(&first->outcome);
    printf("%-34.34s %7lu %7lu %7lu %7lu %7lu\n", trial->name, sum.faults,
           sum.codes, sum.done, sum.unmet, sum.wrong);
    total.faults += sum.faults;
    total.wrong += sum.wrong;
}

static const struct trial *find_trial(const char *name)
{
    for (size_t i = 0; i < n_trials; i++)
        if (strcmp(trials[i].name, name) == 0)
            return &trials[i];
    return NULL;
}

static const struct fault *find_fault(const char *name)
{
    for (size_t i = 0; i < FAULTS; i++)
        if (strcmp(faults[i].name, name) == 0)
            return &faults[i];
    return NULL;
}

/* FAULT="NAME KIND N". */
static int run_one(const char *name, const char *kind, const char *number)
{
    const struct trial *trial = find_trial(name);
    const struct fault *fault = find_fault(kind);
    char *end;
    struct fault_plan plan = {.first = strtoul(number, &end, 10)};

    if (!trial || !fault || (*end && strcmp(end, "+") != 0)) {
        fprintf(stderr, "FAULT: there is no %s %s %s\n", name, kind, number);
        return EXIT_FAILURE;
    }
    plan.kind = fault->kind;
    plan.number = fault->number;
    plan.on = *end == '+';
    fault_show_places();
    run_here(trial, fault, &plan, 0);
    printf("%s %s %s: %lu calls failed, the result is %d, %s\n", name, kind,
           number, report->outcome.failed, report->result,
           report->good ? "and all is well" : "wrong");
    return !report->good;
}

/* The words of FAULT, sorted; NULL ends each. False: one is neither. */
static bool read_words(char *text, const char **names, const char **kinds)
{
    char *word = strtok(text, " ");

    for (int i = 0; word && i < MOST_WORDS - 1; i++, word = strtok(NULL, " ")) {
        if (find_trial(word))
            *names++ = word;
        else if (find_fault(word))
            *kinds++ = word;
        else
            return !fprintf(stderr, "FAULT: there is no %s\n", word);
    }
    *names = *kinds = NULL;
    return true;
}

static void block_child_signal(void)
{
    sigset_t ended;

    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ended, NULL);
}

/* Memory of all processes; what looks for leaks in them does not read it. */
static void *shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static int open_report(void)
{
    report = shared(sizeof *report);
    first = shared(sizeof *first);
    seen = shared(MOST_SEEN * sizeof *seen);
    output = tmpfile();
    return !report || !first || !seen || !output ? -errno : 0;
}

int trial_all(const struct trial *all, size_t n)
{
    static const char *names[MOST_WORDS], *kinds[MOST_WORDS];
    static char name[64], kind[64], number[32], words[1024];
    const char *limit = getenv("FAULTS"), *only = getenv("FAULT");

    trials = all;
    n_trials = n;
    if (open_report()) {
        perror("trial");
        return EXIT_FAILURE;
    }
    every = limit != NULL;
    most = limit ? strtoul(limit, NULL, 10) : 0;
    if (only && sscanf(only, "%63s %63s %31[0-9+]", name, kind, number) == 3)
        return run_one(name, kind, number);
    snprintf(words, sizeof words, "%s", only ? only : "");
    if (!read_words(words, names, kinds))
        return EXIT_FAILURE;
    block_child_signal();
    /* unmet: the call that was to fail did not come, this time. */
    printf("%-34s %7s %7s %7s %7s %7s\n", "", "faults", "errors", "done",
           "unmet", "wrong");
    for (size_t i = 0; i < n; i++)
        if (is_asked_for(names, trials[i].name))
            try_all(&trials[i], kinds);
    printf("%lu passed, %lu failed\n", total.faults - total.wrong, total.wrong);
    return total.wrong != 0;
}
