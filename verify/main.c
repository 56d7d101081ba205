/*
 * main.c - verify, the judge: options, and one exam after another.
 *
 * It never links a student's code. verify/README.md tells how it works.
 */
#include "bubblewrap.h"
#include "exam.h"
#include "report.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "Usage: verify --build DIR [OPTION]...\n"
    "Grades exercises. Run from the kit's top folder, usually by `make verify`."
    "\n\n"
    "  --build DIR        what make has built for it\n"
    "  --sanitized DIR    the same, with -fsanitize=address,undefined\n"
    "  --submission DIR   the student's files (exercises), flat or in an\n"
    "                     exercises/ of its own\n"
    "  --exercise N       only this one; can be given several times\n"
    "  --seed N           draw the same numbers as then\n"
    "  --sandbox LEVEL    limits or bubblewrap; auto: bubblewrap if it works\n"
    "  --grade-unstarted  grade untouched skeletons, too\n"
    "\n"
    "Exit status: 0 graded, whatever the grade; 1 wrong usage; 2 a file is\n"
    "missing or cannot be graded; 3 the machine's fault.\n";

enum { EXERCISES_MAX = 32 };

struct options {
    struct kit kit;
    const char *submission;
    bool picked[EXERCISES_MAX], any_picked;
    uint64_t seed;
    bool grade_unstarted;
    enum { ANY, LIMITS, BUBBLEWRAP } sandbox;
};

/* ---- Options ----------------------------------------------------------- */

static uint64_t number_of(const char *text, const char *option)
{
    char *end;

    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-')
        die(EXIT_USAGE, "%s: \"%s\" is no number", option, text);
    return number;
}

static const struct grader *grader_of(uint64_t number)
{
    for (const struct grader *const *grader = graders; *grader; grader++)
        if ((uint64_t)(*grader)->number == number)
            return *grader;
    return NULL;
}

static void pick(struct options *options, const char *text)
{
    uint64_t number = number_of(text, "--exercise");

    if (!grader_of(number)) {
        fprintf(stderr, "verify: there is no exercise %s; there is", text);
        for (const struct grader *const *g = graders; *g; g++)
            fprintf(stderr, " %d", (*g)->number);
        fprintf(stderr, "\n");
        exit(EXIT_USAGE);
    }
    options->picked[number] = options->any_picked = true;
}

/* Short, so that it is easily typed again. */
static uint64_t random_seed(void)
{
    return 1 + random_number() % 99999;
}

enum { BUILD, SANITIZED, SUBMISSION, EXERCISE, SEED, SANDBOX, UNSTARTED, HELP };

static const struct option names[] = {
    {"build", required_argument, NULL, BUILD},
    {"sanitized", required_argument, NULL, SANITIZED},
    {"submission", required_argument, NULL, SUBMISSION},
    {"exercise", required_argument, NULL, EXERCISE},
    {"seed", required_argument, NULL, SEED},
    {"sandbox", required_argument, NULL, SANDBOX},
    {"grade-unstarted", no_argument, NULL, UNSTARTED},
    {"help", no_argument, NULL, HELP},
    {0},
};

static void pick_sandbox(struct options *options, const char *text)
{
    if (strcmp(text, "limits") == 0)
        options->sandbox = LIMITS;
    else if (strcmp(text, "bubblewrap") == 0)
        options->sandbox = BUBBLEWRAP;
    else if (strcmp(text, "auto") != 0)
        die(EXIT_USAGE, "--sandbox is auto, limits or bubblewrap, not \"%s\"",
            text);
}

static void take_option(struct options *options, int option)
{
    switch (option) {
    case BUILD:
        options->kit.plain = optarg;
        break;
    case SANITIZED:
        options->kit.sanitized = optarg;
        break;
    case SUBMISSION:
        options->submission = optarg;
        /* "exercises/" is "exercises". */
        for (size_t n = strlen(optarg); n > 1 && optarg[n - 1] == '/'; n--)
            optarg[n - 1] = '\0';
        break;
    case EXERCISE:
        pick(options, optarg);
        break;
    case SEED:
        options->seed = number_of(optarg, "--seed");
        break;
    case SANDBOX:
        pick_sandbox(options, optarg);
        break;
    case UNSTARTED:
        options->grade_unstarted = true;
        break;
    case HELP:
        fputs(usage, stdout);
        exit(EXIT_GRADED);
    default:
        fputs(usage, stderr);
        exit(EXIT_USAGE);
    }
}

static void take_options(struct options *options, int argc, char **argv)
{
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;)
        take_option(options, c);
    if (optind < argc)
        die(EXIT_USAGE, "too many words; see verify --help");
}

static bool is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static void check_options(struct options *options)
{
    if (!options->kit.plain)
        die(EXIT_USAGE, "--build DIR is missing; see verify --help");
    if (!is_folder("exercises") || !is_folder("verify"))
        die(EXIT_USAGE, "here are no exercises/ and no verify/\n"
                        "  Run it in the kit's top folder.");
    if (!is_folder(options->submission))
        die(EXIT_USAGE,
            "there is no folder %s\n"
            "  SUBMISSION is to be the folder with the student's files.",
            options->submission);
    /* Without these parts, the checks that need them are inconclusive. */
    if (options->kit.sanitized &&
        access(path_in(options->kit.sanitized, "verify/driver.o").chars, R_OK))
        options->kit.sanitized = NULL;
}

/* Bubblewrap wherever it works, unless it was said otherwise. */
static void choose_sandbox(const struct options *options)
{
    if (options->sandbox == LIMITS)
        return;
    bubblewrap_try(build_compiler(&options->kit).chars);
    if (options->sandbox == BUBBLEWRAP && !bubblewrap_works())
        die(EXIT_MACHINE, "no sandbox: %s", sandbox_reason());
}

/* ---- Grading ----------------------------------------------------------- */

static int exit_status(const struct exam *exam)
{
    if (exam_inconclusive(exam))
        return EXIT_MACHINE;
    if (exam->state == UNGRADABLE || exam->state == NOT_HANDED_IN)
        return EXIT_UNGRADABLE;
    return EXIT_GRADED;
}

static void count(struct total *total, const struct exam *exam)
{
    total->exercises++;
    total->passed += exam_passed(exam);
    total->failed += exam_failed(exam);
    if (!total->next && !exam_passed(exam) &&
        (exam->state != JUDGED || exam_failed(exam))) {
        total->next = exam->grader;
        total->next_state = exam->state;
    }
    total->earned += exam_earned(exam);
    total->possible += exam_possible(exam);
    total->inconclusive += exam_inconclusive(exam);
}

int main(int argc, char **argv)
{
    struct options options = {.submission = DEFAULT_SUBMISSION,
                              .seed = random_seed()};
    struct total total = {0};
    int status = EXIT_GRADED;

    setlocale(LC_CTYPE, "");
    umask(022);
    take_options(&options, argc, argv);
    check_options(&options);
    process_prepare();
    choose_sandbox(&options);
    report_open();
    for (const struct grader *const *grader = graders; *grader; grader++) {
        struct exam exam;

        if (options.any_picked && !options.picked[(*grader)->number])
            continue;
        exam_hold(&exam, *grader, &options.kit, options.submission,
                  options.seed, options.grade_unstarted);
        report_exam(&exam);
        count(&total, &exam);
        if (exit_status(&exam) > status)
            status = exit_status(&exam);
        exam_free(&exam);
    }
    report_close(&total, options.submission, options.seed);
    return status;
}
