/*
 * exam.c - holding an exam: the file, the programs, the points.
 */
#include "exam.h"
#include "misnamed.h"
#include "sitting.h"
#include "skeleton.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A student's file is no longer than this. */
enum { SOURCE_MAX_BYTES = 256 * 1024 };

/* ---- The checks -------------------------------------------------------- */

void result_clear(struct result *result)
{
    text_free(&result->asked);
    text_free(&result->seen);
    text_free(&result->likely);
    text_free(&result->why);
    evidence_free(&result->evidence);
    result->verdict = FAIL;
}

/* The smallest of the runs in real time. */
static void pick_real_run(struct exam *exam)
{
    for (size_t i = 0; i < exam->result_count; i++) {
        const struct real_run *real = &exam->results[i].real;

        if (real->took > 0 &&
            (exam->real.took <= 0 || real->items < exam->real.items))
            exam->real = *real;
    }
}

static void judge(struct exam *exam)
{
    enum outcome outcome = build_plain(&exam->build);

    if (outcome != BUILT) {
        exam->state = outcome == REFUSED ? UNGRADABLE : MACHINE_FAULT;
        return;
    }
    exam->state = JUDGED;
    make_checks(exam);
    if (exam_passed(exam))
        pick_real_run(exam);
}

/* ---- The file ---------------------------------------------------------- */

/* DIR/NAME.c or DIR/exercises/NAME.c: 0, or a negative errno value. */
static int read_source(struct exam *exam, struct text *source)
{
    static const char *const places[] = {"%s.c", "exercises/%s.c"};
    int err = -ENOENT;

    for (size_t i = 0; err == -ENOENT && i < 2; i++) {
        char name[128]; /* ENOTDIR: a file of the name exercises */

        snprintf(name, sizeof name, places[i], exam->grader->name);
        err = text_read_file(source, path_in(exam->submission, name).chars,
                             SOURCE_MAX_BYTES);
        if (err == -ENOTDIR)
            err = -ENOENT;
    }
    return err;
}

static void refuse_file(struct exam *exam, int err)
{
    exam->state = UNGRADABLE;
    if (err == -EFBIG)
        text_add(&exam->build.problem, "the file is longer than %d KiB",
                 SOURCE_MAX_BYTES / 1024);
    else if (err == -EINVAL)
        text_add(&exam->build.problem, "it is no regular file");
    else if (err == -ELOOP)
        text_add(&exam->build.problem, "it is a symbolic link");
    else
        text_add(&exam->build.problem, "it cannot be read: %s", strerror(-err));
}

void exam_hold(struct exam *exam, const struct grader *grader,
               const struct kit *kit, const char *submission,
               const struct seeds *seeds, bool grade_unstarted)
{
    struct text source = {0};

    *exam = (struct exam){.grader = grader,
                          .submission = submission,
                          .seeds = *seeds,
                          .weight = 1};
    int err = read_source(exam, &source);
    if (err == -ENOENT) {
        exam->state = NOT_HANDED_IN;
        explain_misnamed(&exam->build.likely, submission, grader->name);
    } else if (err) {
        refuse_file(exam, err);
    } else if (!grade_unstarted && skeleton_is(grader->name, &source)) {
        exam->state = NOT_STARTED;
    } else {
        build_open(&exam->build, kit, grader, &source);
        judge(exam);
        build_remove(&exam->build);
    }
    text_free(&source);
}

void exam_free(struct exam *exam)
{
    for (size_t i = 0; i < exam->result_count; i++)
        result_clear(&exam->results[i]);
    build_close(&exam->build);
}

/* ---- Points ------------------------------------------------------------ */

int exam_earned(const struct exam *exam)
{
    int points = 0;

    for (size_t i = 0; i < exam->result_count; i++)
        if (exam->results[i].verdict == PASS)
            points += exam->results[i].check->points;
    return points;
}

int exam_possible(const struct exam *exam)
{
    int points = 0;

    for (const struct check *check = exam->grader->checks; check->passes;
         check++)
        points += check->points;
    for (size_t i = 0; i < exam->result_count; i++)
        if (exam->results[i].verdict == INCONCLUSIVE)
            points -= exam->results[i].check->points;
    return exam->state == MACHINE_FAULT ? 0 : points;
}

bool exam_passed(const struct exam *exam)
{
    return exam->state == JUDGED && !exam_inconclusive(exam) &&
           exam_earned(exam) > 0 && exam_earned(exam) == exam_possible(exam);
}

bool exam_failed(const struct exam *exam)
{
    for (size_t i = 0; i < exam->result_count; i++)
        if (exam->results[i].verdict == FAIL)
            return true;
    return false;
}

bool exam_inconclusive(const struct exam *exam)
{
    for (size_t i = 0; i < exam->result_count; i++)
        if (exam->results[i].verdict == INCONCLUSIVE)
            return true;
    return exam->state == MACHINE_FAULT;
}
