/*
 * main.c - verify, the judge: one exam after another, then the reports.
 *
 * It never links a student's code. verify/README.md tells how it works.
 */
#include "bubblewrap.h"
#include "exam.h"
#include "formats.h"
#include "machine.h"
#include "options.h"
#include "report.h"
#include "weights.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Bubblewrap wherever it works, unless it was said otherwise. */
static void choose_sandbox(const struct options *options)
{
    if (options->sandbox == LIMITS)
        return;
    bubblewrap_try(build_compiler(&options->kit).chars);
    if (options->sandbox == BUBBLEWRAP && !bubblewrap_works())
        die(EXIT_MACHINE, "no sandbox: %s", sandbox_reason());
}

/* Whether seeds are kept and recalled: for the one who works on the exercises,
   not for those who grade or replay somebody's. */
static bool keeps_seeds(const struct options *options)
{
    return !options->seeds.given &&
           strcmp(options->submission, DEFAULT_SUBMISSION) == 0;
}

static void keep_seed(const struct exam *exam, const char *path)
{
    const uint64_t *failed = NULL;

    if (exam->state != JUDGED)
        return;
    for (size_t i = exam->result_count; i-- > 0;)
        if (exam->results[i].verdict == FAIL)
            failed = &exam->results[i].seed;
    if (failed || exam_passed(exam))
        seeds_keep(path, exam->grader->name, failed);
}

static void hold(struct exam *exam, const struct grader *grader,
                 const struct options *options)
{
    struct path kept = path_in(options->kit.plain, "failed_seeds");
    struct seeds seeds = options->seeds;
    bool keeps = keeps_seeds(options), recalled = false;

    if (keeps)
        recalled = seeds_recall(&seeds, kept.chars, grader->name);
    exam_hold(exam, grader, &options->kit, options->submission, &seeds,
              options->grade_unstarted);
    exam->recalled = recalled;
    exam->weight = weight_of(grader->name);
    if (keeps)
        keep_seed(exam, kept.chars);
}

static int exit_status(const struct exam *exam)
{
    if (exam_inconclusive(exam))
        return EXIT_MACHINE;
    if (exam->state == UNGRADABLE || exam->state == NOT_HANDED_IN)
        return EXIT_UNGRADABLE;
    return EXIT_GRADED;
}

/* Text on standard output is written as it comes. */
static bool goes_out_at_once(const struct options *options)
{
    const struct wanted *first = &options->reports[0];

    return !first->path && strcmp(first->format, "text") == 0;
}

static void grade(struct grading *grading)
{
    const struct options *options = grading->options;
    bool at_once = goes_out_at_once(options);
    double began = real_seconds();

    if (at_once)
        report_open(stdout);
    for (const struct grader *const *grader = graders; *grader; grader++) {
        if (options->picked && !(options->picked >> (*grader)->number & 1))
            continue;
        grading->exams =
            must_grow(grading->exams, grading->count, sizeof grading->exams[0]);
        struct exam *exam = &grading->exams[grading->count++];
        hold(exam, *grader, options);
        if (at_once)
            report_exam(exam);
        if (exit_status(exam) > grading->status)
            grading->status = exit_status(exam);
    }
    grading->seconds = real_seconds() - began;
    if (at_once)
        report_close(grading);
    formats_write(grading, at_once);
}

int main(int argc, char **argv)
{
    struct options options;
    struct grading grading = {.options = &options, .status = EXIT_GRADED};

    setlocale(LC_CTYPE, "");
    umask(022);
    take_options(&options, argc, argv);
    machine_prepare();
    weights_read(options.weights);
    seeds_draw(&options.seeds);
    process_prepare();
    choose_sandbox(&options);
    grade(&grading);
    for (size_t i = 0; i < grading.count; i++)
        exam_free(&grading.exams[i]);
    free(grading.exams);
    return grading.status;
}
