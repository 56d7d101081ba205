/*
 * weights.c - reading "02_gather 1.5", a line for each exercise.
 */
#include "weights.h"
#include "grader.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX_BYTES = 64 * 1024 };

struct weight {
    const char *exercise;
    double weight;
};

static struct weight *weights;
static size_t weight_count;

/* The exercise's name as its grader has it, or NULL. */
static const char *known(const char *name)
{
    for (const struct grader *const *grader = graders; *grader; grader++)
        if (strcmp((*grader)->name, name) == 0)
            return (*grader)->name;
    return NULL;
}

static void take_line(char *line, const char *path, int number)
{
    char *rest, *end;
    struct weight weight;

    line[strcspn(line, "#")] = '\0';
    char *name = strtok_r(line, " \t\r", &rest);
    if (!name)
        return;
    char *value = strtok_r(NULL, " \t\r", &rest);
    weight.exercise = known(name);
    if (!weight.exercise)
        die(EXIT_USAGE, "%s:%d: there is no exercise %s", path, number, name);
    weight.weight = value ? strtod(value, &end) : -1;
    if (!value || end == value || *end || !isfinite(weight.weight) ||
        weight.weight < 0 || strtok_r(NULL, " \t\r", &rest))
        die(EXIT_USAGE, "%s:%d: wanted: %s and a number from 0 on", path,
            number, name);
    weights = must_grow(weights, weight_count, sizeof *weights);
    weights[weight_count++] = weight;
}

void weights_read(const char *path)
{
    struct text file = {0};
    const char *name = path ? path : "verify/weights";
    int err = text_read_file(&file, name, FILE_MAX_BYTES), number = 1;

    if (err && (path || err != -ENOENT))
        die(EXIT_USAGE, "cannot read %s: %s", name, strerror(-err));
    for (char *line = file.chars; line && *line; number++) {
        size_t n = strcspn(line, "\n");
        bool more = line[n] == '\n';

        line[n] = '\0';
        take_line(line, name, number);
        line += n + more;
    }
    text_free(&file);
}

double weight_of(const char *exercise)
{
    for (size_t i = weight_count; i-- > 0;)
        if (strcmp(weights[i].exercise, exercise) == 0)
            return weights[i].weight;
    return 1;
}
