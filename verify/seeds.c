/*
 * seeds.c - seeds given, drawn, derived from a secret, and kept.
 */
#include "seeds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_MAX_BYTES = 4096, KEPT_MAX_BYTES = 64 * 1024 };

/* Not too long to type, and no way back to what they come from. */
enum { SEED_END = 1000000 };

void seeds_add(struct seeds *seeds, uint64_t seed)
{
    if (seeds->secret)
        die(EXIT_USAGE, "--seed and --secret exclude each other");
    if (seeds->count == SEEDS_MAX)
        die(EXIT_USAGE, "more than %d seeds", SEEDS_MAX);
    seeds->given = true;
    seeds->list[seeds->count++] = seed;
}

static void fill(struct seeds *seeds, uint64_t from)
{
    struct random random = {from};

    while (seeds->count < SEEDS_DRAWN)
        seeds->list[seeds->count++] = 1 + random_below(&random, SEED_END - 1);
}

void seeds_from_secret(struct seeds *seeds, const char *path)
{
    struct text secret = {0};

    if (seeds->given)
        die(EXIT_USAGE, "--seed and --secret exclude each other");
    int err = text_read_file(&secret, path, SECRET_MAX_BYTES);
    if (err || !secret.length)
        die(EXIT_USAGE, "--secret: cannot read %s: %s", path,
            err ? strerror(-err) : "it is empty");
    seeds->given = seeds->secret = true;
    fill(seeds, hash_of(HASH_START, secret.chars, secret.length));
    text_free(&secret);
}

void seeds_draw(struct seeds *seeds)
{
    if (!seeds->given)
        fill(seeds, random_number());
}

/* ---- Kept -------------------------------------------------------------- */

/* The exercise's line in the file, "02_gather 4711\n", or NULL. */
static const char *line_of(const struct text *kept, const char *exercise)
{
    size_t n = strlen(exercise);

    for (const char *line = text_chars(kept); *line;) {
        if (strncmp(line, exercise, n) == 0 && line[n] == ' ')
            return line;
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return NULL;
}

bool seeds_recall(struct seeds *seeds, const char *path, const char *exercise)
{
    struct text kept = {0};
    const char *line = text_read_file(&kept, path, KEPT_MAX_BYTES)
                           ? NULL
                           : line_of(&kept, exercise);

    if (line)
        seeds->list[0] = strtoull(line + strlen(exercise), NULL, 10);
    text_free(&kept);
    return line != NULL;
}

/* What cannot be written is not kept: the grade does not depend on it. */
void seeds_keep(const char *path, const char *exercise, const uint64_t *seed)
{
    struct text kept = {0}, next = {0};
    int err = text_read_file(&kept, path, KEPT_MAX_BYTES);
    const char *line = err ? NULL : line_of(&kept, exercise);

    if (line) {
        size_t n = (size_t)(line - kept.chars);
        const char *rest = line + strcspn(line, "\n");

        text_add_bytes(&next, kept.chars, n);
        text_add(&next, "%s", rest + (*rest == '\n'));
    } else if (!err) {
        text_add(&next, "%s", text_chars(&kept));
    }
    if (seed)
        text_add(&next, "%s %" PRIu64 "\n", exercise, *seed);
    if (line || seed)
        text_write_file(&next, path);
    text_free(&kept);
    text_free(&next);
}
