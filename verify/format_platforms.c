/*
 * format_platforms.c - what the platforms read on which courses are held.
 *
 * Each is written as its own documentation has it. Where two of its numbers
 * could disagree, they are made to agree here.
 */
#include "bubblewrap.h"
#include "formats.h"
#include "report.h"
#include "version.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Goes through all checks of all exams: for each, each(out, item, first). */
static void each_item(FILE *out, const struct grading *grading,
                      void (*each)(FILE *out, const struct item *item,
                                   bool first))
{
    bool first = true;

    for (size_t i = 0; i < grading->count; i++)
        for (size_t j = 0; j < exam_checks(&grading->exams[i]); j++) {
            struct item item = item_of(&grading->exams[i], j);

            each(out, &item, first);
            first = false;
            text_free(&item.message);
        }
}

/* "02_gather a. all calls are in flight at once" */
static void write_name(FILE *out, const struct item *item, const char *more)
{
    struct text name = {0};

    text_add(&name, "%s %c. %s%s", item->exam->grader->name,
             item->check->letter, item->check->title, more);
    json_string(out, text_chars(&name));
    text_free(&name);
}

/* The report's last lines as one line. */
static void write_summary(FILE *out, const struct grading *grading)
{
    struct text line = {0};

    text_add(&line, "%g of %g points; ", all_points(grading), all_max(grading));
    add_judge(&line, grading);
    if (any_inconclusive(grading))
        text_add(&line, "; some checks could not be made on this machine");
    json_string(out, text_chars(&line));
    text_free(&line);
}

/* ---- Gradescope -------------------------------------------------------- */

static void gradescope_item(FILE *out, const struct item *item, bool first)
{
    fprintf(out, "%s\n{\"number\":\"%d.%c\",\"name\":", first ? "" : ",",
            item->exam->grader->number, item->check->letter);
    write_name(out, item, "");
    fprintf(out,
            ",\"score\":%g,\"max_score\":%g,\"status\":\"%s\","
            "\"output_format\":\"text\",\"visibility\":\"visible\","
            "\"tags\":[\"ex%d\"],\"output\":",
            item->points, item->max, item->passed ? "passed" : "failed",
            item->exam->grader->number);
    json_string(out, text_chars(&item->message));
    fprintf(out, ",\"extra_data\":{\"verdict\":\"%s\"", item->verdict);
    if (item->result && item->result->seed)
        fprintf(out, ",\"seed\":%" PRIu64, item->result->seed);
    fprintf(out, "}}");
}

/* No score: it would override the sum of the tests'. */
void write_gradescope(FILE *out, const struct grading *grading)
{
    const struct seeds *seeds = &grading->options->seeds;

    fprintf(out, "{\"execution_time\":%.0f,\"output\":", grading->seconds);
    write_summary(out, grading);
    fprintf(out, ",\"output_format\":\"text\",\"visibility\":\"visible\","
                 "\"stdout_visibility\":\"hidden\",\"extra_data\":{\"kit\":");
    json_string(out, kit_version());
    fprintf(out, ",\"sandbox\":");
    json_string(out, sandbox_level());
    fprintf(out, ",\"seeds\":[");
    for (size_t i = 0; !seeds->secret && i < seeds->count; i++)
        fprintf(out, "%s%" PRIu64, i ? "," : "", seeds->list[i]);
    fprintf(out, "]},\"tests\":[");
    each_item(out, grading, gradescope_item);
    fprintf(out, "]}\n");
}

/* ---- GitHub Classroom -------------------------------------------------- */

/*
 * Its table counts tests that passed, its notice adds their scores up. Both
 * come to the same if each test counts the same: so a check of three points is
 * three tests.
 */
static void classroom_item(FILE *out, const struct item *item, bool first)
{
    int n = item->inconclusive ? 1 : item->check->points;

    for (int i = 0; i < n; i++) {
        char part[32] = "";

        if (n > 1)
            snprintf(part, sizeof part, " (%d/%d)", i + 1, n);
        fprintf(out, "%s\n{\"name\":", first && i == 0 ? "" : ",");
        write_name(out, item, part);
        fprintf(out, ",\"status\":\"%s\",\"score\":%g,\"message\":",
                item->passed         ? "pass"
                : item->inconclusive ? "error"
                                     : "fail",
                item->points / n);
        json_string(out, i == 0 ? text_chars(&item->message) : "");
        fprintf(out, ",\"test_code\":\"\",\"filename\":");
        json_string(out, item->exam->grader->name);
        fprintf(out, ",\"line_no\":0,\"duration\":%.0f}",
                i == 0 ? item->seconds * 1000 : 0.0);
    }
}

void write_classroom(FILE *out, const struct grading *grading)
{
    bool all = all_points(grading) == all_max(grading);

    fprintf(out,
            "{\"version\":1,\"status\":\"%s\",\"max_score\":%g,\"tests\":[",
            any_inconclusive(grading) ? "error"
            : all                     ? "pass"
                                      : "fail",
            all_max(grading));
    each_item(out, grading, classroom_item);
    fprintf(out, "],\"judge\":");
    write_summary(out, grading);
    fprintf(out, "}\n");
}

/* ---- Autolab ----------------------------------------------------------- */

/* It puts quotation marks around every word before a colon, also within
   strings: so there are no colons. */
static void autolab_string(FILE *out, const char *text)
{
    struct text copy = {0};

    text_add(&copy, "%s", text);
    for (char *c = copy.chars; c && *c; c++)
        if (*c == ':')
            *c = ';';
    json_string(out, text_chars(&copy));
    text_free(&copy);
}

static void autolab_item(FILE *out, const struct item *item, bool first)
{
    struct text name = {0};

    text_add(&name, "%s %c. %s", item->exam->grader->name, item->check->letter,
             item->check->title);
    fprintf(out, "%s", first ? "" : ",");
    autolab_string(out, text_chars(&name));
    fprintf(out, ":{\"passed\":%s,\"hint\":", item->passed ? "true" : "false");
    autolab_string(out, item->result && item->result->seen.length
                            ? text_chars(&item->result->seen)
                        : item->passed ? ""
                                       : item->verdict);
    fprintf(out, "}");
    text_free(&name);
}

/* Two lines; the last one counts. */
void write_autolab(FILE *out, const struct grading *grading)
{
    struct text judge = {0};

    fprintf(out, "{\"_presentation\":\"semantic\",\"stages\":[\"Test\","
                 "\"Judge\"],\"Test\":{");
    each_item(out, grading, autolab_item);
    add_judge(&judge, grading);
    fprintf(out, "},\"Judge\":{");
    autolab_string(out, text_chars(&judge));
    fprintf(out, ":{\"passed\":true,\"hint\":\"\"}}}\n{\"scores\":{");
    text_free(&judge);
    for (size_t i = 0; i < grading->count; i++)
        fprintf(out, "%s\"ex%d\":%g", i ? "," : "",
                grading->exams[i].grader->number,
                points_of(&grading->exams[i]));
    fprintf(out, "},\"scoreboard\":[%g", all_points(grading));
    for (size_t i = 0; i < grading->count; i++)
        fprintf(out, ",%g", points_of(&grading->exams[i]));
    fprintf(out, "]}\n");
}

/* ---- Moodle's Virtual Programming Lab ---------------------------------- */

/* It looks for ":=>>" at the beginning of lines, and the last grade wins. A
   line that begins with ">" is shown as it is. */
static void vpl_lines(FILE *out, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");

        fputc('>', out);
        for (size_t i = 0; i < n; i++) {
            bool tag = strncmp(text + i, ":=>", 3) == 0;

            fprintf(out, tag ? "%c " : "%c", text[i]);
        }
        fputc('\n', out);
        text += n + (text[n] == '\n');
    }
}

static void vpl_item(FILE *out, const struct item *item, bool first)
{
    (void)first;
    fprintf(out, "-%s %c. %s: %s (%g/%g)\n", item->exam->grader->name,
            item->check->letter, item->check->title, item->verdict,
            item->points, item->max);
    vpl_lines(out, text_chars(&item->message));
}

/* Points are scaled to Moodle's; without one there is no grade at all, which
   is what a fault of the machine is to give. */
void write_vpl(FILE *out, const struct grading *grading)
{
    const char *end = getenv("VPL_GRADEMAX");
    double scale = end ? atof(end) : 0, max = all_max(grading);
    struct text judge = {0};

    fprintf(out, "<|--\n");
    each_item(out, grading, vpl_item);
    add_judge(&judge, grading);
    fprintf(out, "--|>\nComment :=>>%s\n", text_chars(&judge));
    text_free(&judge);
    if (any_inconclusive(grading) || max <= 0)
        fprintf(out, "Comment :=>>not graded: a fault of the machine\n");
    else
        fprintf(out, "Grade :=>>%.10g\n",
                all_points(grading) / max * (scale > 0 ? scale : 100));
}

/* ---- PrairieLearn ------------------------------------------------------ */

static void prairielearn_item(FILE *out, const struct item *item, bool first)
{
    fprintf(out, "%s\n{\"name\":", first ? "" : ",");
    write_name(out, item, "");
    fprintf(out, ",\"points\":%g,\"max_points\":%g,\"message\":", item->points,
            item->max);
    json_string(out, item->result && item->result->seen.length
                         ? text_chars(&item->result->seen)
                         : item->verdict);
    fprintf(out, ",\"output\":");
    json_string(out, text_chars(&item->message));
    fprintf(out, "}");
}

/* A fault of the machine is no grade, and no zero. */
void write_prairielearn(FILE *out, const struct grading *grading)
{
    double max = all_max(grading);
    bool gradable = !any_inconclusive(grading) && max > 0;

    fprintf(out, "{\"gradable\":%s,\"score\":%.6g,\"message\":",
            gradable ? "true" : "false",
            gradable ? all_points(grading) / max : 0.0);
    write_summary(out, grading);
    fprintf(out, ",\"tests\":[");
    each_item(out, grading, prairielearn_item);
    fprintf(out, "]}\n");
}
