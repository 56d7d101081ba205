/*
 * format_tap.c - the Test Anything Protocol, version 14: a test for each check.
 */
#include "formats.h"

#include <string.h>

/* A description: "#" would begin a directive. */
static void write_title(FILE *out, const char *title)
{
    for (; *title; title++)
        fprintf(out, *title == '#' || *title == '\\' ? "\\%c" : "%c", *title);
}

/* A YAML list of lines. What JSON quotes, YAML can read; and blocks of text are
   more than some readers of TAP know of YAML. */
static void write_lines(FILE *out, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        struct text line = {0};

        text_add_bytes(&line, text, n);
        fprintf(out, "    - ");
        json_string(out, text_chars(&line));
        fputc('\n', out);
        text_free(&line);
        text += n + (text[n] == '\n');
    }
}

static void write_item(FILE *out, const struct item *item, size_t number)
{
    fprintf(out, "%sok %zu - ",
            item->passed || item->inconclusive ? "" : "not ", number);
    write_title(out, item->exam->grader->name);
    fprintf(out, " %c. ", item->check->letter);
    write_title(out, item->check->title);
    /* Not the student's fault, and so no failure; the exit status tells. */
    fprintf(out, "%s\n", item->inconclusive ? " # SKIP inconclusive" : "");
    if (item->passed)
        return;
    fprintf(out, "  ---\n  verdict: %s\n  points: %g\n  max_points: %g\n",
            item->verdict, item->points, item->max);
    if (item->message.length) {
        fprintf(out, "  message:\n");
        write_lines(out, text_chars(&item->message));
    }
    fprintf(out, "  ...\n");
}

void write_tap(FILE *out, const struct grading *grading)
{
    struct text judge = {0};
    size_t n = 0, number = 0;

    for (size_t i = 0; i < grading->count; i++)
        n += exam_checks(&grading->exams[i]);
    add_judge(&judge, grading);
    fprintf(out, "TAP version 14\n1..%zu\n# points %g/%g, %s\n", n,
            all_points(grading), all_max(grading), text_chars(&judge));
    text_free(&judge);
    for (size_t i = 0; i < grading->count; i++)
        for (size_t j = 0; j < exam_checks(&grading->exams[i]); j++) {
            struct item item = item_of(&grading->exams[i], j);

            write_item(out, &item, ++number);
            text_free(&item.message);
        }
}
