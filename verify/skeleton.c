/*
 * skeleton.c - recognising a skeleton that nobody has worked on.
 *
 * Students write into exercises/ itself, so that it is compared with the copy
 * that `make reset` restores. Comments and white space do not count.
 */
#include "skeleton.h"
#include "folder.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The end of the comment, or of the string or character constant, that begins
   at c; of the character at c if none does. */
static const char *end_of_token(const char *c)
{
    if (c[0] == '/' && c[1] == '/')
        return c + strcspn(c, "\n");
    if (c[0] == '/' && c[1] == '*') {
        const char *end = strstr(c + 2, "*/");
        return end ? end + 2 : c + strlen(c);
    }
    if (*c == '"' || *c == '\'') {
        const char *end = c + 1;
        while (*end && *end != *c)
            end += *end == '\\' && end[1] ? 2 : 1;
        return *end ? end + 1 : end;
    }
    return c + 1;
}

static void add_stripped(struct text *stripped, const struct text *source)
{
    const char *end;

    for (const char *c = text_chars(source); *c; c = end) {
        bool comment = *c == '/' && (c[1] == '/' || c[1] == '*');

        end = end_of_token(c);
        if (!comment && !isspace((unsigned char)*c))
            text_add_bytes(stripped, c, (size_t)(end - c));
    }
}

bool skeleton_is(const char *exercise, const struct text *source)
{
    struct text skeleton = {0}, ours = {0}, theirs = {0};
    char name[128];

    snprintf(name, sizeof name, "%s.c", exercise);
    struct path path = path_in("tools/skeletons", name);
    int err = text_read_file(&skeleton, path.chars, 1 << 20);
    if (err)
        die(EXIT_MACHINE, "cannot read %s: %s", path.chars, strerror(-err));
    add_stripped(&ours, &skeleton);
    add_stripped(&theirs, source);
    bool same = strcmp(text_chars(&ours), text_chars(&theirs)) == 0;
    text_free(&skeleton);
    text_free(&ours);
    text_free(&theirs);
    return same;
}
