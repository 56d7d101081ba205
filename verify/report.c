/*
 * report.c - the report, at most 80 columns wide.
 *
 * Everything that came from a student (output, compiler messages, file names)
 * stands behind a "|" on a line of its own, or in quotation marks, and without
 * control characters: it cannot pass for a line of ours.
 */
#include "report.h"
#include "bubblewrap.h"
#include "filter.h"
#include "sandbox.h"
#include "version.h"

#include <ctype.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 80, INDENT = 10 };

static FILE *out;
static bool utf8, colours;

/* ---- Words and lines --------------------------------------------------- */

static void banner(const char *line)
{
    for (int i = 0; i < 60; i++)
        fputc('=', out);
    fprintf(out, "\n%s\n", line);
}

static void rule(void)
{
    for (int i = 0; i < 60; i++)
        fputc('=', out);
    fputc('\n', out);
}

/* A verdict, marked where the terminal can. */
static void print_verdict(const char *verdict, const char *mark,
                          const char *colour)
{
    if (utf8 && *mark)
        fprintf(out, "%s ", mark);
    if (colours)
        fprintf(out, "\033[%sm%s\033[0m", colour, verdict);
    else
        fprintf(out, "%s", verdict);
}

/* The columns that a text takes up. */
static size_t columns_of(const char *text, size_t n)
{
    size_t columns = 0;

    for (size_t i = 0; i < n; i++)
        columns += ((unsigned char)text[i] & 0xc0) != 0x80;
    return columns;
}

/* A word, for breaking lines: "0.42 s" is one, too. */
static size_t word_length(const char *text)
{
    size_t n = strcspn(text, " \n");

    if (text[n] == ' ' && text[n + 1] == 's' &&
        !isalnum((unsigned char)text[n + 2]))
        n += 2 + strcspn(text + n + 2, " \n");
    return n;
}

/* "  label   text", broken between words into lines of WIDTH. */
static void paragraph(const char *label, const char *text)
{
    size_t column = INDENT;

    if (!*text)
        return;
    fprintf(out, "  %-8s", label);
    while (*text) {
        size_t n = word_length(text), width = columns_of(text, n);

        if (column > INDENT && column + width + 1 > WIDTH) {
            fprintf(out, "\n%*s", INDENT, "");
            column = INDENT;
        }
        if (column > INDENT) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", (int)n, text);
        column += width;
        text += n + strspn(text + n, " \n");
    }
    fputc('\n', out);
}

/* As many bytes of a line as fit into so many columns, whole words if it has
   any that are short enough. */
static size_t fitting(const char *text, size_t columns)
{
    size_t n = 0, words = 0;

    while (text[n] && columns_of(text, n + 1) <= columns) {
        n++;
        if (text[n - 1] == ' ')
            words = n;
    }
    return text[n] && 2 * words > n ? words : n;
}

/* What a student wrote, at most so many lines of ours. */
static void excerpt(const char *title, const char *bytes, size_t total)
{
    int lines = 0;

    if (!bytes[strspn(bytes, " \n")])
        return;
    if (*title)
        fprintf(out, "  %s\n", title);
    while (*bytes && lines < EXCERPT_LINES) {
        size_t n = strcspn(bytes, "\n"), at = 0;
        struct text shown = {0};

        text_add_visible(&shown, bytes, n, 3 * (WIDTH - 5));
        do {
            const char *rest = text_chars(&shown) + at;
            size_t part = fitting(rest, WIDTH - 5);

            fprintf(out, "  | %.*s\n", (int)part, rest);
            at += part;
            lines++;
        } while (at < shown.length);
        text_free(&shown);
        bytes += n + (bytes[n] == '\n');
    }
    if (*bytes)
        fprintf(out, "  | ... (%zu bytes in all)\n", total);
}

/* ---- One exercise ------------------------------------------------------ */

/* Whether the exercises of this kit are graded, and nobody else's. */
static bool is_default(const struct exam *exam)
{
    return strcmp(exam->submission, DEFAULT_SUBMISSION) == 0;
}

/* How to run exactly this again. */
static void replay_command(struct text *text, const struct exam *exam,
                           uint64_t seed)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ_./-";
    const char *folder = exam->submission;
    const char *quote = folder[strspn(folder, plain)] ? "'" : "";

    text_add(text, "make verify%d ", exam->grader->number);
    if (!is_default(exam)) {
        text_add(text, "SUBMISSION=%s", quote);
        text_add_visible(text, folder, strlen(folder), 1000);
        text_add(text, "%s ", quote);
    }
    text_add(text, "SEED=%llu", (unsigned long long)seed);
}

/* "FAIL 0/2 b. title   (remark)", the remark on a line of its own if need be.
   used: the columns of what stands there. */
static void remark(size_t used, const char *words)
{
    if (used + 5 + columns_of(words, strlen(words)) <= WIDTH)
        fprintf(out, "   (%s)\n", words);
    else
        fprintf(out, "\n  (%s)\n", words);
}

/* Why a check was not made: beside its title if there is room. */
static void print_reason(size_t used, const char *why)
{
    if (used + 5 + columns_of(why, strlen(why)) <= WIDTH) {
        remark(used, why);
    } else {
        fputc('\n', out);
        paragraph("why", why);
    }
}

static bool same(const struct text *a, const struct text *b)
{
    return strcmp(text_chars(a), text_chars(b)) == 0;
}

/* The first failure with the same likely mistake, and that saw the same if
   there is one; or NULL. */
static const struct result *same_before(const struct exam *exam,
                                        const struct result *result)
{
    const struct result *found = NULL;

    for (const struct result *other = exam->results; other < result; other++) {
        if (other->verdict != FAIL || !same(&other->likely, &result->likely))
            continue;
        if (same(&other->seen, &result->seen))
            return other;
        if (!found)
            found = other;
    }
    return found;
}

static bool first_failure(const struct exam *exam, const struct result *result)
{
    for (const struct result *other = exam->results; other < result; other++)
        if (other->verdict == FAIL)
            return false;
    return true;
}

/* The first failure whose program said the same on standard error, or NULL. */
static const struct result *same_messages(const struct exam *exam,
                                          const struct result *result)
{
    for (const struct result *other = exam->results; other < result; other++)
        if (other->verdict == FAIL && other->evidence.any &&
            same(&other->evidence.messages, &result->evidence.messages))
            return other;
    return NULL;
}

/* What the program wrote: each message once, output once an exercise. */
static void print_evidence(const struct exam *exam, const struct result *result)
{
    const struct evidence *evidence = &result->evidence;
    const struct result *before = same_messages(exam, result);

    excerpt("its calls (= in flight, x cancelled, ? not answered):",
            text_chars(&evidence->calls), evidence->calls.length);
    excerpt("its tasks at that moment:", text_chars(&evidence->tasks),
            evidence->tasks.length);
    if (!before)
        excerpt("it said on standard error:", text_chars(&evidence->messages),
                evidence->messages_total);
    else if (evidence->messages.length)
        fprintf(out, "  on standard error it said the same as in %c\n",
                before->check->letter);
    if (first_failure(exam, result))
        excerpt("it printed:", text_chars(&evidence->printed),
                evidence->printed_total);
}

/* Where to read it up. */
static void add_help(struct text *text, const struct grader *grader,
                     const struct check *check)
{
    text_add(text, "lesson %d; make hint%d",
             check->lesson ? check->lesson : grader->lesson, grader->number);
    if (check->hint)
        text_add(text, " HINT=%d", check->hint);
}

/* What was seen, if the mistake was told before: shortly. */
static void print_again(const struct result *result,
                        const struct result *before)
{
    struct text words = {0};

    text_add(&words, "the same as in %c", before->check->letter);
    if (same(&before->seen, &result->seen)) {
        paragraph("seen", text_chars(&words));
    } else {
        paragraph("seen", text_chars(&result->seen));
        paragraph("likely", text_chars(&words));
    }
    text_free(&words);
}

/* The block under a FAIL. A mistake is told at length once. */
static void print_failure(const struct exam *exam, const struct result *result,
                          size_t used)
{
    const struct result *before = same_before(exam, result);
    struct text replay = {0}, words = {0};

    text_add(&replay, "replay: ");
    replay_command(&replay, exam, result->seed);
    remark(used, text_chars(&replay));
    text_free(&replay);
    paragraph("asked", text_chars(&result->asked));
    if (before) {
        print_again(result, before);
    } else {
        add_help(&words, exam->grader, result->check);
        paragraph("seen", text_chars(&result->seen));
        paragraph("likely", text_chars(&result->likely));
        paragraph("next", text_chars(&words));
        print_evidence(exam, result);
    }
    text_free(&words);
}

static void print_result(const struct exam *exam, const struct result *result)
{
    static const struct {
        const char *word, *mark, *colour;
    } verdicts[] = {
        [PASS] = {"PASS", "✅", "32"},
        [FAIL] = {"FAIL", "❌", "31"},
        [NOT_REACHED] = {"NOT REACHED", "", "33"},
        [INCONCLUSIVE] = {"INCONCLUSIVE", "", "33"},
    };
    const struct check *check = result->check;
    const char *word = verdicts[result->verdict].word;
    char line[128];

    print_verdict(word, verdicts[result->verdict].mark,
                  verdicts[result->verdict].colour);
    int length = snprintf(line, sizeof line, " %d/%d %c. %s",
                          result->verdict == PASS ? check->points : 0,
                          result->verdict == INCONCLUSIVE ? 0 : check->points,
                          check->letter, check->title);
    fprintf(out, "%s", line);
    /* A mark is two columns wide, and has a blank behind it. */
    size_t used = strlen(word) + (size_t)length +
                  (utf8 && *verdicts[result->verdict].mark ? 3 : 0);
    if (result->verdict == PASS)
        fputc('\n', out);
    else if (result->verdict == FAIL)
        print_failure(exam, result, used);
    else
        print_reason(used, text_chars(&result->why));
}

/* The line of an exercise that no check was made of. */
static void print_unjudged(const struct exam *exam, const char *verdict)
{
    print_verdict(verdict, exam->state == NOT_STARTED ? "" : "❌", "33");
    fprintf(out, " 0/%d\n", exam_possible(exam));
}

static void print_unstarted(const struct exam *exam)
{
    struct text next = {0};

    print_unjudged(exam, "NOT STARTED");
    text_add(&next, "%s (make exercise%d runs it)", exam->grader->first_step,
             exam->grader->number);
    paragraph("next", text_chars(&next));
    text_free(&next);
}

static void print_missing(const struct exam *exam)
{
    struct text problem = {0};

    text_add(&problem, "there is no %s.c in ", exam->grader->name);
    text_add_visible(&problem, exam->submission, strlen(exam->submission), 200);
    print_unjudged(exam, "NOT HANDED IN");
    paragraph("seen", text_chars(&problem));
    paragraph("likely", text_chars(&exam->build.likely));
    text_free(&problem);
    if (is_default(exam)) {
        text_add(&problem, "make reset%d brings the skeleton back",
                 exam->grader->number);
        paragraph("next", text_chars(&problem));
        text_free(&problem);
    }
}

static void print_refusal(const struct exam *exam)
{
    const struct build *build = &exam->build;

    print_unjudged(exam, "UNGRADABLE");
    paragraph("seen", text_chars(&build->problem));
    paragraph("likely", text_chars(&build->likely));
    excerpt("", text_chars(&build->messages), build->messages.length);
}

static void print_machine_fault(const struct exam *exam)
{
    print_unjudged(exam, "INCONCLUSIVE");
    paragraph("seen", "the machine could not compile it");
    excerpt("", text_chars(&exam->build.messages), exam->build.messages.length);
}

static void print_checks(const struct exam *exam)
{
    const struct text *warnings = &exam->build.messages;

    for (size_t i = 0; i < exam->result_count; i++)
        print_result(exam, &exam->results[i]);
    excerpt("the compiler warns:", text_chars(warnings), warnings->length);
    fprintf(out, "%d of %d points\n", exam_earned(exam), exam_possible(exam));
}

/* That a seed of an earlier run is among these. */
static void print_recalled(const struct exam *exam)
{
    if (exam->recalled && exam->state == JUDGED)
        fprintf(out,
                "  (seed %llu, which failed the last time, is among the "
                "three)\n",
                (unsigned long long)exam->seeds.list[0]);
}

static void print_body(const struct exam *exam)
{
    switch (exam->state) {
    case JUDGED:
        print_checks(exam);
        break;
    case NOT_STARTED:
        print_unstarted(exam);
        break;
    case NOT_HANDED_IN:
        print_missing(exam);
        break;
    case UNGRADABLE:
        print_refusal(exam);
        break;
    case MACHINE_FAULT:
        print_machine_fault(exam);
        break;
    }
}

void report_exam(const struct exam *exam)
{
    fprintf(out, "\n[Test] %s: %s\n", exam->grader->name, exam->grader->title);
    print_body(exam);
    print_recalled(exam);
    fflush(out);
}

/* ---- Parts of it, for other formats ------------------------------------ */

/* Where it goes meanwhile. */
struct aside {
    FILE *out;
    bool utf8, colours;
    char *chars;
    size_t n;
};

static void step_aside(struct aside *aside)
{
    *aside = (struct aside){.out = out, .utf8 = utf8, .colours = colours};
    out = open_memstream(&aside->chars, &aside->n);
    if (!out)
        die(EXIT_MACHINE, "out of memory");
    utf8 = colours = false;
}

static void step_back(struct aside *aside, struct text *text)
{
    if (fclose(out))
        die(EXIT_MACHINE, "out of memory");
    text_add_bytes(text, aside->chars, aside->n);
    free(aside->chars);
    out = aside->out;
    utf8 = aside->utf8;
    colours = aside->colours;
}

void report_result(struct text *text, const struct exam *exam,
                   const struct result *result)
{
    struct aside aside;

    if (result->verdict == PASS)
        return;
    step_aside(&aside);
    /* Without its title, which such formats have elsewhere. */
    if (result->verdict == FAIL)
        print_failure(exam, result, WIDTH);
    else
        paragraph("why", text_chars(&result->why));
    step_back(&aside, text);
    text_drop(text, strspn(text_chars(text), "\n"));
}

void report_unjudged(struct text *text, const struct exam *exam)
{
    struct aside aside;

    step_aside(&aside);
    print_body(exam);
    step_back(&aside, text);
}

/* ---- All of them ------------------------------------------------------- */

void report_open(FILE *to)
{
    const char *off = getenv("NO_COLOR"), *term = getenv("TERM");

    out = to;
    utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    colours = to == stdout && isatty(STDOUT_FILENO) && !(off && *off) && term &&
              strcmp(term, "dumb") != 0;
    banner("Chapter 12A Verification Tests");
    rule();
}

/* The first exam that was not passed, and for which there is something to do;
   NULL if none. */
static const struct exam *first_open(const struct grading *grading)
{
    for (size_t i = 0; i < grading->count; i++) {
        const struct exam *exam = &grading->exams[i];

        if (!exam_passed(exam) && (exam->state != JUDGED || exam_failed(exam)))
            return exam;
    }
    return NULL;
}

static size_t how_many(const struct grading *grading,
                       bool (*are)(const struct exam *exam))
{
    size_t n = 0;

    for (size_t i = 0; i < grading->count; i++)
        n += are(&grading->exams[i]);
    return n;
}

/* One line: what to do about the first exercise that has not passed. */
static void print_next(const struct grading *grading)
{
    const struct exam *exam = first_open(grading);
    const char *space = how_many(grading, exam_failed) ? "" : "\n";

    if (!exam)
        return;
    int n = exam->grader->number;
    switch (exam->state) {
    case JUDGED:
        fprintf(out, "Next: exercise %d, its first FAIL; make hint%d helps.\n",
                n, n);
        break;
    case NOT_STARTED:
        fprintf(out, "%sNext: exercise %d; exercises/%s.md is the task.\n",
                space, n, exam->grader->name);
        break;
    case NOT_HANDED_IN:
        fprintf(out, "%sNext: exercise %d, of which there is no file.\n", space,
                n);
        break;
    case UNGRADABLE:
        fprintf(out,
                "%sNext: exercise %d, which is not gradable yet: see "
                "UNGRADABLE.\n",
                space, n);
        break;
    case MACHINE_FAULT:
        break;
    }
}

/* What somebody else's program could have done, in plain words. */
static void print_sandbox_limits(const char *submission)
{
    if (bubblewrap_works() || strcmp(submission, DEFAULT_SUBMISSION) == 0)
        return;
    fputc('\n', out);
    paragraph("limits", "of time, memory and output only: a program could read "
                        "this machine's files and use its network");
    if (sandbox_is_shared())
        paragraph("", filter_is_known()
                          ? "and, as the same user, change that user's files"
                          : "and, as the same user, change that user's files, "
                            "and end the judge");
    paragraph("why", sandbox_reason());
}

static void print_sums(const struct grading *grading)
{
    const struct seeds *seeds = &grading->options->seeds;

    fprintf(out, "Points: %g/%g   seed%s:", all_points(grading),
            all_max(grading), seeds->count == 1 ? "" : "s");
    if (seeds->secret)
        fprintf(out, " secret");
    for (size_t i = 0; !seeds->secret && i < seeds->count && i < 4; i++)
        fprintf(out, " %llu", (unsigned long long)seeds->list[i]);
    if (!seeds->secret && seeds->count > 4)
        fprintf(out, " and %zu more", seeds->count - 4);
    fprintf(out, "\nSandbox: %s   kit: %s\n", sandbox_level(), kit_version());
}

/* What it was good for. */
static void print_real_runs(const struct grading *grading)
{
    const char *space = "\n";

    for (size_t i = 0; i < grading->count; i++) {
        const struct exam *exam = &grading->exams[i];

        if (exam->real.took <= 0)
            continue;
        fprintf(out,
                "%sExercise %d in real time: calls of %.2f s in all took "
                "%.2f s.\n",
                space, exam->grader->number, exam->real.calls, exam->real.took);
        space = "";
    }
}

void report_close(const struct grading *grading)
{
    size_t passed = how_many(grading, exam_passed);
    size_t inconclusive = how_many(grading, exam_inconclusive);
    char line[64];

    snprintf(line, sizeof line, "Results: %zu/%zu tests passed", passed,
             grading->count);
    fputc('\n', out);
    banner(line);
    print_sums(grading);
    rule();
    print_sandbox_limits(grading->options->submission);
    print_real_runs(grading);
    if (inconclusive)
        fprintf(out,
                "\n%zu exercise%s could not be judged in full: see "
                "INCONCLUSIVE.\n",
                inconclusive, inconclusive == 1 ? "" : "s");
    if (passed == grading->count)
        fprintf(out, "\n%sALL TESTS PASSED! You understand async/await!\n",
                utf8 ? "🎉 " : "");
    else if (how_many(grading, exam_failed))
        fprintf(out, "\n%sSome tests failed. Review the concepts above.\n",
                utf8 ? "⚠️  " : "");
    print_next(grading);
}

void report_write(FILE *to, const struct grading *grading)
{
    report_open(to);
    for (size_t i = 0; i < grading->count; i++)
        report_exam(&grading->exams[i]);
    report_close(grading);
}
