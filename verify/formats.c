/*
 * formats.c - which formats there are, and what they all need.
 */
#include "formats.h"
#include "bubblewrap.h"
#include "report.h"
#include "version.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    void (*write)(FILE *out, const struct grading *grading);
} formats[] = {
    {"text", report_write},
    {"tap", write_tap},
    {"junit", write_junit},
    {"json", write_json},
    {"autolab", write_autolab},
    {"gradescope", write_gradescope},
    {"vpl", write_vpl},
    {"classroom", write_classroom},
    {"prairielearn", write_prairielearn},
};

static size_t index_of(const char *name)
{
    size_t i = 0, n = sizeof formats / sizeof formats[0];

    while (i < n && strcmp(formats[i].name, name) != 0)
        i++;
    return i;
}

bool format_is_known(const char *name)
{
    return index_of(name) < sizeof formats / sizeof formats[0];
}

static void write_report(const struct grading *grading,
                         const struct wanted *wanted)
{
    struct text text = {0};
    char *chars = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&chars, &n);

    if (!out)
        die(EXIT_MACHINE, "out of memory");
    formats[index_of(wanted->format)].write(out, grading);
    if (fclose(out))
        die(EXIT_MACHINE, "out of memory");
    text_add_bytes(&text, chars, n);
    free(chars);
    if (wanted->path) {
        if (!text_write_file(&text, wanted->path))
            die(EXIT_MACHINE, "cannot write %s: %s", wanted->path,
                strerror(errno));
    } else {
        fwrite(text.chars, 1, text.length, stdout);
    }
    text_free(&text);
}

void formats_write(const struct grading *grading, bool text_is_out)
{
    const struct options *options = grading->options;

    for (size_t i = text_is_out; i < options->report_count; i++)
        write_report(grading, &options->reports[i]);
    if (fflush(stdout) || ferror(stdout))
        die(EXIT_MACHINE, "cannot write the report: %s", strerror(errno));
}

void add_judge(struct text *text, const struct grading *grading)
{
    const struct seeds *seeds = &grading->options->seeds;

    text_add(text, "kit %s, sandbox %s, seeds", kit_version(), sandbox_level());
    if (seeds->secret)
        text_add(text, " secret");
    for (size_t i = 0; !seeds->secret && i < seeds->count; i++)
        text_add(text, " %llu", (unsigned long long)seeds->list[i]);
}

/* ---- Items ------------------------------------------------------------- */

size_t exam_checks(const struct exam *exam)
{
    size_t n = 0;

    while (exam->grader->checks[n].passes)
        n++;
    return n;
}

static const char *verdict_of(const struct exam *exam, size_t i)
{
    static const char *const states[] = {
        [NOT_STARTED] = "not started",
        [NOT_HANDED_IN] = "not handed in",
        [UNGRADABLE] = "ungradable",
        [MACHINE_FAULT] = "inconclusive",
    };
    static const char *const verdicts[] = {
        [PASS] = "pass",
        [FAIL] = "fail",
        [NOT_REACHED] = "not reached",
        [INCONCLUSIVE] = "inconclusive",
    };

    return exam->state == JUDGED ? verdicts[exam->results[i].verdict]
                                 : states[exam->state];
}

struct item item_of(const struct exam *exam, size_t i)
{
    const struct check *check = &exam->grader->checks[i];
    struct item item = {
        .exam = exam, .check = check, .verdict = verdict_of(exam, i)};

    if (exam->state == JUDGED)
        item.result = &exam->results[i];
    item.passed = item.result && item.result->verdict == PASS;
    item.inconclusive = strcmp(item.verdict, "inconclusive") == 0;
    item.max = item.inconclusive ? 0 : check->points * exam->weight;
    item.points = item.passed ? item.max : 0;
    item.seconds = item.result ? item.result->seconds : 0;
    if (item.result)
        report_result(&item.message, exam, item.result);
    else
        report_unjudged(&item.message, exam);
    return item;
}

double points_of(const struct exam *exam)
{
    return exam_earned(exam) * exam->weight;
}

double max_of(const struct exam *exam)
{
    return exam_possible(exam) * exam->weight;
}

double all_points(const struct grading *grading)
{
    double points = 0;

    for (size_t i = 0; i < grading->count; i++)
        points += points_of(&grading->exams[i]);
    return points;
}

double all_max(const struct grading *grading)
{
    double max = 0;

    for (size_t i = 0; i < grading->count; i++)
        max += max_of(&grading->exams[i]);
    return max;
}

bool any_inconclusive(const struct grading *grading)
{
    for (size_t i = 0; i < grading->count; i++)
        if (exam_inconclusive(&grading->exams[i]))
            return true;
    return false;
}
