/*
 * play.c - what a check is written with: scenarios, the program that is run
 * through them, and the sentences on why it failed.
 */
#include "deputy.h"
#include "exam.h"
#include "words.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* The machine gets so many. */
enum { TRIES = 3 };

static const struct limits plain_limits = {
    .cpu_seconds = 2,
    .memory = (size_t)512 * 1024 * 1024,
    .file = (size_t)1024 * 1024,
    .output = (size_t)16 * 1024 * 1024,
    .blocked_seconds = 3,
    .patience = 10,
    .wall_seconds = 60,
};

/* A sanitizer makes a program slower, and larger. */
static const struct limits sanitized_limits = {
    .cpu_seconds = 20,
    .memory = (size_t)2048 * 1024 * 1024,
    .file = (size_t)1024 * 1024,
    .output = (size_t)16 * 1024 * 1024,
    .blocked_seconds = 8,
    .patience = 30,
    .wall_seconds = 180,
};

/* With a web server, a program may have a thread for each request. */
static const struct limits *limits_of(const struct scenario *scenario)
{
    static struct limits web[2];
    const struct limits *usual =
        scenario->sanitized ? &sanitized_limits : &plain_limits;
    struct limits *more = &web[scenario->sanitized];

    if (!scenario->web.wanted)
        return usual;
    *more = *usual;
    more->processes = 512;
    return more;
}

/* ---- Scenarios --------------------------------------------------------- */

struct played {
    struct scenario scenario;
    struct run run;
    struct played *next;
};

size_t draw(struct exam *exam, size_t n)
{
    return random_below(&exam->random, n);
}

/* Whether it would not show if somebody ignored the order. */
static bool ordered(const size_t *order, size_t n)
{
    size_t up = 0, down = 0;

    for (size_t i = 0; i < n; i++) {
        up += order[i] == i;
        down += order[i] == n - 1 - i;
    }
    return n > 1 && (up == n || (down == n && n > 2));
}

static void shuffle(struct exam *exam, size_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    do {
        for (size_t i = n; i > 1; i--) {
            size_t other = draw(exam, i), old = order[i - 1];
            order[i - 1] = order[other];
            order[other] = old;
        }
    } while (ordered(order, n));
}

/* Durations of some tenths of a second, in whole hundredths if n allows it. */
static void draw_answers(struct exam *exam, struct answer *answers, size_t n)
{
    size_t *order = must_calloc(n, sizeof *order);
    int64_t step = n > 100 ? MILLISECOND : 10 * MILLISECOND;
    int64_t first = (int64_t)(10 + draw(exam, 30)) * 10 * MILLISECOND;

    if (n <= 100)
        step *= (int64_t)(3 + draw(exam, 8));
    shuffle(exam, order, n);
    for (size_t i = 0; i < n; i++) {
        struct answer *answer = &answers[i];

        answer->after = first + step * (int64_t)order[i];
        for (int c = 0; c < 10; c++)
            answer->text[c] = (char)('a' + draw(exam, 26));
    }
    free(order);
}

struct scenario *scenario_new(struct exam *exam, size_t n)
{
    struct played *played = must_calloc(1, sizeof *played);
    struct scenario *scenario = &played->scenario;

    played->next = exam->played;
    exam->played = played;
    scenario->n = n;
    scenario->tries = 1;
    scenario->answers = must_calloc(n, sizeof scenario->answers[0]);
    draw_answers(exam, scenario->answers, n);
    text_add(&scenario->parameters, "param n =%zu\n", n);
    return scenario;
}

void scenario_tries(struct exam *exam, struct scenario *scenario, size_t tries)
{
    size_t n = scenario->n;
    struct answer *answers = must_calloc(n * tries, sizeof *answers);

    memcpy(answers, scenario->answers, n * sizeof *answers);
    free(scenario->answers);
    scenario->answers = answers;
    scenario->tries = tries;
    for (size_t i = 1; i < tries; i++)
        draw_answers(exam, answers + i * n, n);
}

void scenario_text(struct scenario *scenario, const char *name,
                   const char *text)
{
    char *word = word_of(text);

    text_add(&scenario->parameters, "param %s %s\n", name, word ? word : "=");
    free(word);
}

void scenario_number(struct scenario *scenario, const char *name, long number)
{
    char text[24];

    snprintf(text, sizeof text, "%ld", number);
    scenario_text(scenario, name, text);
}

void scenario_seconds(struct scenario *scenario, const char *name, int64_t ns)
{
    text_add(&scenario->parameters, "param %s =%lld\n", name, (long long)ns);
}

int64_t slowest(const struct scenario *scenario)
{
    int64_t result = 0;

    for (size_t i = 0; i < scenario->n; i++)
        if (scenario->answers[i].after > result)
            result = scenario->answers[i].after;
    return result;
}

int64_t sum_of(const struct scenario *scenario)
{
    int64_t result = 0;

    for (size_t i = 0; i < scenario->n; i++)
        result += scenario->answers[i].after;
    return result;
}

bool same_time(int64_t a, int64_t b)
{
    return llabs(a - b) <= 1000;
}

bool thousandfold(int64_t seen, int64_t wanted)
{
    return wanted > 0 && llabs(seen - 1000 * wanted) <= MILLISECOND;
}

/* ---- Playing ----------------------------------------------------------- */

static void set(struct text *text, const char *format, va_list arguments)
{
    char sentence[1024];

    vsnprintf(sentence, sizeof sentence, format, arguments);
    text_free(text);
    /* Whatever of it came from a program. */
    text_add_visible(text, sentence, strlen(sentence), sizeof sentence);
}

void give_up(struct exam *exam, enum verdict verdict, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    set(&exam->current->why, format, arguments);
    va_end(arguments);
    exam->current->verdict = verdict;
}

/* Whether there is a sanitized program, once nobody is making it any more. */
static enum outcome sanitized_build(struct exam *exam)
{
    if (exam->sanitizer >= 0) {
        deputy_await(exam->sanitizer);
        exam->sanitizer = -1;
        exam->sanitized = build_look(&exam->build, true);
    }
    return exam->sanitized;
}

static bool have_sanitized(struct exam *exam)
{
    enum outcome outcome = sanitized_build(exam);

    if (outcome == REFUSED && build_sanitizers_work(&exam->build)) {
        saw(exam, "it does not compile with -fsanitize=address");
        likely(exam, "it does on purpose something else there");
    } else if (outcome == REFUSED) {
        give_up(exam, INCONCLUSIVE,
                "there is no AddressSanitizer on this machine");
    } else if (outcome == NOT_BUILT) {
        give_up(exam, INCONCLUSIVE, "%s",
                exam->build.kit->sanitized
                    ? "it could not be compiled with AddressSanitizer now"
                    : "it needs AddressSanitizer: --sanitized was not given");
    }
    return outcome == BUILT;
}

/* Each check has its own, with each seed: they are made side by side. */
static struct path run_folder(const struct exam *exam)
{
    char name[32];

    snprintf(name, sizeof name, "run-%c%zu", exam->current->check->letter,
             exam->turn);
    return path_in(exam->build.folder.chars, name);
}

/* A folder that the program finds empty, and may write into; false if those
   before it have spoilt the one that it is in. */
static bool make_run_folder(const struct exam *exam, struct path folder)
{
    if (chmod(exam->build.folder.chars, 0750) ||
        !build_intact(&exam->build, false) || !folder_make_anew(folder))
        return false;
    folder_give_away(folder.chars);
    return true;
}

/* Whatever a program is built with: leaks count only where a check says so. A
   package's library has no frame pointers: where a leak begins in one, only the
   slow way of looking tells by which line of the student's. */
static char *asan_options(const struct exam *exam, bool sanitized)
{
    if (!sanitized)
        return "ASAN_OPTIONS=detect_leaks=0";
    return exam->grader->uses_json
               ? "ASAN_OPTIONS=leak_check_at_exit=0:fast_unwind_on_malloc=0"
               : "ASAN_OPTIONS=leak_check_at_exit=0";
}

/* Where nothing has begun, all that was said is the sandbox's own. */
static void explain_sandbox(struct exam *exam, const struct text *said)
{
    const char *line = text_chars(said);

    give_up(exam, INCONCLUSIVE, "its sandbox could not be made in %s: %.*s",
            exam->build.folder.chars, (int)strcspn(line, "\n"), line);
}

/* One try. Returns whether the program was run, or could have been but for what
   it did itself. */
static bool try_once(struct exam *exam, struct played *played)
{
    bool sanitized = played->scenario.sanitized;
    /* Not by its whole path: folders above may be closed to its user. */
    struct path program = path_in("..", build_program_path(sanitized));
    char *arguments[] = {program.chars, NULL};
    char *environment[] = {asan_options(exam, sanitized),
                           "UBSAN_OPTIONS=print_stacktrace=1", NULL};
    struct path folder = run_folder(exam);
    struct path server = path_in(exam->build.kit->plain, "bin/verify_server");
    struct command command = {.arguments = arguments,
                              .environment = environment,
                              .folder = folder.chars,
                              .world = exam->build.folder.chars,
                              .channel = true,
                              .server = server.chars,
                              .limits = limits_of(&played->scenario)};
    bool ready = make_run_folder(exam, folder);
    int err = ready ? ledger_run(&played->run, &played->scenario, &command) : 0;

    played->run.scenario = &played->scenario; /* also of what could not run */
    if (!ready || !build_intact(&exam->build, sanitized))
        played->run.trouble = SPOILT;
    else if (err)
        give_up(exam, INCONCLUSIVE,
                "no program can be started in %s: %s; set TMPDIR",
                exam->build.folder.chars, strerror(-err));
    else if (played->run.process.ending == STALLED)
        give_up(exam, INCONCLUSIVE, "the machine stood still");
    else if (played->run.process.ending == NOT_BEGUN)
        explain_sandbox(exam, &played->run.process.err.kept);
    else if (played->run.trouble == SERVER_LOST && !played->run.traffic.ready)
        give_up(exam, INCONCLUSIVE, "the judge's web server does not run here");
    else
        return true;
    return played->run.trouble == SPOILT;
}

static struct played *played_of(struct exam *exam, struct scenario *scenario)
{
    struct played *played = exam->played;

    while (&played->scenario != scenario)
        played = played->next;
    return played;
}

/* Whether it went on until a limit: that costs seconds each time. */
static bool had_to_be_stopped(const struct run *run)
{
    return run->process.ending > STOPPED || run->trouble == POLLING ||
           run->trouble == ENDLESS || run->trouble == DEAF;
}

/* Whether it ended by a signal that has its cause elsewhere in the program. */
static bool crashed(const struct run *run)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};

    if (run->complete || run->process.ending != ENDED ||
        !WIFSIGNALED(run->process.status))
        return false;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        if (WTERMSIG(run->process.status) == signals[i])
            return true;
    return false;
}

/* A crash is told once more, by the sanitizers, if they find its cause. */
static void find_cause(struct exam *exam, const struct played *played)
{
    struct played again = {.scenario = played->scenario};

    if (sanitized_build(exam) == BUILT) {
        again.scenario.sanitized = true;
        if (try_once(exam, &again))
            explain_sanitizer(exam, &again.run);
        ledger_free(&again.run);
        /* A machine that cannot do that does not change the verdict. */
        exam->current->verdict = FAIL;
        text_free(&exam->current->why);
    }
    /* Where it is known, there is nothing more to find out. */
    char place[64];
    snprintf(place, sizeof place, "%s.c:", exam->grader->name);
    if (!strstr(text_chars(&exam->current->seen), place))
        text_add(&exam->current->likely,
                 "; SANITIZE=1 make exercise%d shows the place",
                 exam->grader->number);
}

const struct run *play(struct exam *exam, struct scenario *scenario)
{
    struct played *played = played_of(exam, scenario);
    struct run *run = &played->run;

    if (exam->current->hangs >= HANGS_MAX)
        return NULL; /* a check that plays often */
    if (scenario->sanitized && !have_sanitized(exam))
        return NULL;
    for (int i = 0; !try_once(exam, played); i++) {
        if (i + 1 == TRIES)
            return NULL;
        ledger_free(run);
        *run = (struct run){0};
    }
    exam->current->verdict = FAIL; /* until its check says otherwise */
    exam->latest = run;
    exam->current->hangs += had_to_be_stopped(run);
    if (explain_end(exam, run))
        return run;
    if (!scenario->sanitized && crashed(run))
        find_cause(exam, played);
    if (scenario->sanitized && !build_sanitizers_work(&exam->build))
        give_up(exam, INCONCLUSIVE,
                "AddressSanitizer does not work on this machine");
    return NULL;
}

/* ---- In real time ------------------------------------------------------ */

/* The smallest scenario whose calls were in flight together and came to their
   end; NULL if there is none. */
static const struct played *concurrent(const struct exam *exam)
{
    const struct played *best = NULL;

    for (const struct played *played = exam->played; played;
         played = played->next)
        if (played->scenario.gate > 1 && played->run.complete &&
            (!best || played->scenario.n < best->scenario.n))
            best = played;
    return best;
}

/* Nobody is to wait long for what earns no points: a tenth of a second. */
static int64_t speed_for(const struct run *run)
{
    int64_t speed = 10 * run->now / SECOND;

    return speed > 10 ? speed : 10;
}

void play_for_real(struct exam *exam)
{
    const struct played *played = concurrent(exam);
    struct result *result = exam->current, unused = {.check = result->check};
    struct played again;

    if (!played)
        return;
    again = (struct played){.scenario = played->scenario};
    again.scenario.gate = 0;
    again.scenario.speed = speed_for(&played->run);
    exam->current = &unused;
    if (try_once(exam, &again) && again.run.complete)
        result->real =
            (struct real_run){.items = again.scenario.n,
                              .calls = (double)sum_of(&again.scenario) / 1e9 /
                                       (double)again.scenario.speed,
                              .took = again.run.lasted};
    exam->current = result;
    result_clear(&unused);
    ledger_free(&again.run);
}

void play_free(struct exam *exam)
{
    while (exam->played) {
        struct played *played = exam->played;

        exam->played = played->next;
        ledger_free(&played->run);
        text_free(&played->scenario.parameters);
        text_free(&played->scenario.web.settings);
        free(played->scenario.answers);
        free(played);
    }
}

/* ---- Why a check fails ------------------------------------------------- */

void asked(struct exam *exam, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    set(&exam->current->asked, format, arguments);
    va_end(arguments);
}

void saw(struct exam *exam, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    set(&exam->current->seen, format, arguments);
    va_end(arguments);
}

void likely(struct exam *exam, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    set(&exam->current->likely, format, arguments);
    va_end(arguments);
}
