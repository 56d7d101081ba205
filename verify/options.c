/*
 * options.c - reading the command line, and saying what is wrong with it.
 */
#include "options.h"
#include "exam.h"
#include "formats.h"

#include <errno.h>
#include <getopt.h>
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
    "  --seed N           draw the same numbers as then; up to a hundred "
    "times\n"
    "  --every-seed       go on after a failure: json says with how many\n"
    "                     seeds a check fails\n"
    "  --secret FILE      draw three seeds from what stands in the file\n"
    "  --weights FILE     what each exercise counts (verify/weights)\n"
    "  --format NAME      text, tap, junit, json, gradescope, classroom,\n"
    "                     autolab, vpl or prairielearn; several times: "
    "several\n"
    "                     reports of one run\n"
    "  --out FILE         where the report goes whose --format stands before\n"
    "                     (standard output)\n"
    "  --sandbox LEVEL    limits or bubblewrap; auto: bubblewrap if it works\n"
    "  --grade-unstarted  grade untouched skeletons, too\n"
    "\n"
    "Exit status: 0 graded, whatever the grade; 1 wrong usage; 2 a file is\n"
    "missing or cannot be graded; 3 the machine's fault.\n";

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
    options->picked |= 1u << number;
}

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

static struct wanted *new_report(struct options *options)
{
    if (options->report_count == REPORTS_MAX)
        die(EXIT_USAGE, "more than %d reports", REPORTS_MAX);
    struct wanted *wanted = &options->reports[options->report_count++];
    *wanted = (struct wanted){"text", NULL};
    return wanted;
}

static void take_format(struct options *options, const char *name)
{
    if (!format_is_known(name))
        die(EXIT_USAGE, "there is no format \"%s\"; see verify --help", name);
    new_report(options)->format = name;
}

static void take_out(struct options *options, const char *path)
{
    struct wanted *latest = options->report_count
                                ? &options->reports[options->report_count - 1]
                                : new_report(options);

    if (latest->path)
        die(EXIT_USAGE, "--out %s: there is no --format for it", path);
    latest->path = path;
}

/* "exercises/" is "exercises". */
static const char *without_slashes(char *path)
{
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
        path[n - 1] = '\0';
    return path;
}

enum {
    BUILD,
    SANITIZED,
    SUBMISSION,
    EXERCISE,
    SEED,
    EVERY_SEED,
    SECRET,
    WEIGHTS,
    FORMAT,
    OUT,
    SANDBOX,
    UNSTARTED,
    HELP
};

static const struct option names[] = {
    {"build", required_argument, NULL, BUILD},
    {"sanitized", required_argument, NULL, SANITIZED},
    {"submission", required_argument, NULL, SUBMISSION},
    {"exercise", required_argument, NULL, EXERCISE},
    {"seed", required_argument, NULL, SEED},
    {"every-seed", no_argument, NULL, EVERY_SEED},
    {"secret", required_argument, NULL, SECRET},
    {"weights", required_argument, NULL, WEIGHTS},
    {"format", required_argument, NULL, FORMAT},
    {"out", required_argument, NULL, OUT},
    {"sandbox", required_argument, NULL, SANDBOX},
    {"grade-unstarted", no_argument, NULL, UNSTARTED},
    {"help", no_argument, NULL, HELP},
    {0},
};

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
        options->submission = without_slashes(optarg);
        break;
    case EXERCISE:
        pick(options, optarg);
        break;
    case SEED:
        seeds_add(&options->seeds, number_of(optarg, "--seed"));
        break;
    case EVERY_SEED:
        options->seeds.every = true;
        break;
    case SECRET:
        seeds_from_secret(&options->seeds, optarg);
        break;
    case WEIGHTS:
        options->weights = optarg;
        break;
    case FORMAT:
        take_format(options, optarg);
        break;
    case OUT:
        take_out(options, optarg);
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

static bool is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Before everything is graded, and not after. */
static void check_out(const char *path)
{
    struct text folder = {0};
    const char *slash = strrchr(path, '/');

    if (!slash)
        return;
    text_add_bytes(&folder, path, (size_t)(slash - path) + 1);
    if (!is_folder(folder.chars))
        die(EXIT_USAGE, "--out %s: there is no folder %s", path, folder.chars);
    text_free(&folder);
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
    if (!options->report_count)
        new_report(options);
    for (size_t i = 0; i < options->report_count; i++)
        if (options->reports[i].path)
            check_out(options->reports[i].path);
}

void take_options(struct options *options, int argc, char **argv)
{
    *options = (struct options){.submission = DEFAULT_SUBMISSION};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;)
        take_option(options, c);
    if (optind < argc)
        die(EXIT_USAGE, "too many words; see verify --help");
    check_options(options);
}
