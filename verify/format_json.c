/*
 * format_json.c - everything that the judge knows, for programs.
 */
#include "bubblewrap.h"
#include "formats.h"
#include "version.h"

#include <inttypes.h>
#include <string.h>

/* ---- Strings ----------------------------------------------------------- */

size_t utf8_length(const char *text)
{
    static const unsigned smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)*text;
    size_t n = first < 0x80             ? 1
               : (first & 0xe0) == 0xc0 ? 2
               : (first & 0xf0) == 0xe0 ? 3
               : (first & 0xf8) == 0xf0 ? 4
                                        : 0;
    unsigned c = n == 1 ? first : first & (0x7fu >> n);

    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | ((unsigned char)text[i] & 0x3f);
    }
    /* Longer than need be, half of a pair, or beyond the last one. */
    if (n == 0 || (n > 1 && c < smallest[n]) || (c >= 0xd800 && c < 0xe000) ||
        c > 0x10ffff)
        return 0;
    return n;
}

void json_string(FILE *out, const char *text)
{
    fputc('"', out);
    while (*text) {
        size_t n = utf8_length(text);

        if (n == 0)
            fputs("\\ufffd", out);
        else if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if (*text == '\n')
            fputs("\\n", out);
        else if ((unsigned char)*text < 32 || *text == 127)
            fprintf(out, "\\u%04x", (unsigned)*text);
        else
            fwrite(text, 1, n, out);
        text += n ? n : 1;
    }
    fputc('"', out);
}

/* ---- The report -------------------------------------------------------- */

static void member(FILE *out, const char *name, const char *text)
{
    fprintf(out, ",\"%s\":", name);
    json_string(out, text);
}

static void write_seeds(FILE *out, const struct seeds *seeds)
{
    fprintf(out, ",\"seeds\":[");
    for (size_t i = 0; !seeds->secret && i < seeds->count; i++)
        fprintf(out, "%s%" PRIu64, i ? "," : "", seeds->list[i]);
    fprintf(out, "]");
}

static void write_check(FILE *out, const struct item *item,
                        const struct seeds *seeds)
{
    const struct result *result = item->result;

    fprintf(out,
            "{\"letter\":\"%c\",\"points\":%g,\"max_points\":%g,"
            "\"seconds\":%.3f",
            item->check->letter, item->points, item->max, item->seconds);
    member(out, "title", item->check->title);
    member(out, "verdict", item->verdict);
    member(out, "needs", item->check->needs);
    if (result && result->verdict == FAIL) {
        fprintf(out, ",\"seed\":%" PRIu64, result->seed);
        if (seeds->every)
            fprintf(out, ",\"failed_seeds\":%zu", result->failures);
        member(out, "asked", text_chars(&result->asked));
        member(out, "seen", text_chars(&result->seen));
        member(out, "likely", text_chars(&result->likely));
    }
    member(out, "message", text_chars(&item->message));
    fprintf(out, "}");
}

static void write_exam(FILE *out, const struct exam *exam)
{
    static const char *const states[] = {
        [JUDGED] = "judged",
        [NOT_STARTED] = "not started",
        [NOT_HANDED_IN] = "not handed in",
        [UNGRADABLE] = "ungradable",
        [MACHINE_FAULT] = "machine's fault",
    };
    const struct build *build = &exam->build;

    fprintf(out,
            "{\"number\":%d,\"weight\":%g,\"points\":%g,\"max_points\":%g,"
            "\"passed\":%s",
            exam->grader->number, exam->weight, points_of(exam), max_of(exam),
            exam_passed(exam) ? "true" : "false");
    member(out, "name", exam->grader->name);
    member(out, "title", exam->grader->title);
    member(out, "state", states[exam->state]);
    member(out, "problem", text_chars(&build->problem));
    member(out, "likely", text_chars(&build->likely));
    member(out, "compiler", text_chars(&build->messages));
    write_seeds(out, &exam->seeds);
    fprintf(out, ",\"checks\":[");
    for (size_t i = 0; i < exam_checks(exam); i++) {
        struct item item = item_of(exam, i);

        fprintf(out, "%s\n  ", i ? "," : "");
        write_check(out, &item, &exam->seeds);
        text_free(&item.message);
    }
    fprintf(out, "]}");
}

void write_json(FILE *out, const struct grading *grading)
{
    fprintf(out,
            "{\"version\":1,\"status\":%d,\"points\":%g,\"max_points\":%g,"
            "\"seconds\":%.3f",
            grading->status, all_points(grading), all_max(grading),
            grading->seconds);
    member(out, "kit", kit_version());
    member(out, "submission", grading->options->submission);
    member(out, "sandbox", sandbox_level());
    member(out, "sandbox_reason", sandbox_reason());
    write_seeds(out, &grading->options->seeds);
    fprintf(out, ",\"exercises\":[");
    for (size_t i = 0; i < grading->count; i++) {
        fprintf(out, "%s\n ", i ? "," : "");
        write_exam(out, &grading->exams[i]);
    }
    fprintf(out, "]}\n");
}
