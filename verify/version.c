/*
 * version.c - a number for the files that a grade depends on.
 *
 * Not the repository's version: students commit their work into it, and others
 * get the kit without its history.
 */
#include "version.h"
#include "text.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX_BYTES = 4 * 1024 * 1024 };

static uint64_t hash_files(uint64_t hash, const char *pattern)
{
    glob_t files;

    if (glob(pattern, 0, NULL, &files)) /* in their names' order */
        return hash;
    for (size_t i = 0; i < files.gl_pathc; i++) {
        struct text content = {0};
        const char *path = files.gl_pathv[i];

        text_read_file(&content, path, FILE_MAX_BYTES);
        hash = hash_of(hash, path, strlen(path) + 1);
        hash = hash_of(hash, text_chars(&content), content.length);
        text_free(&content);
    }
    globfree(&files);
    return hash;
}

const char *kit_version(void)
{
    static const char *const patterns[] = {"verify/*.[ch]", "lib/async/*.[ch]",
                                           "exercises/*.h"};
    static char version[16];
    uint64_t hash = HASH_START;

    if (*version)
        return version;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        hash = hash_files(hash, patterns[i]);
    snprintf(version, sizeof version, "%08x",
             (unsigned)((hash >> 32) ^ (hash & 0xffffffff)));
    return version;
}
