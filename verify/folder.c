/*
 * folder.c - the private folder in which a student's file is compiled and run.
 */
#include "folder.h"
#include "sandbox.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 256 * 1024 * 1024 };

static struct path the_folder; /* "" if there is none */

struct path path_in(const char *folder, const char *name)
{
    struct path path;
    int length = snprintf(path.chars, sizeof path.chars, "%s/%s", folder, name);

    if (length < 0 || (size_t)length >= sizeof path.chars)
        die(EXIT_MACHINE, "the path %s/%s is too long", folder, name);
    return path;
}

static int remove_one(const char *path, const struct stat *status, int kind,
                      struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    remove(path);
    return 0;
}

void folder_remove(void)
{
    if (*the_folder.chars)
        nftw(the_folder.chars, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    *the_folder.chars = '\0';
}

struct path folder_open(void)
{
    static bool registered;
    const char *tmp = getenv("TMPDIR");

    if (!tmp || !*tmp)
        tmp = "/tmp";
    struct path path = path_in(tmp, "verify.XXXXXX");
    if (!mkdtemp(path.chars))
        die(EXIT_MACHINE,
            "cannot make a folder in %s: %s\n"
            "  Set TMPDIR to a folder that can be written to.",
            tmp, strerror(errno));
    the_folder = path;
    if (!registered)
        atexit(folder_remove);
    registered = true;
    return path;
}

void folder_make(struct path path)
{
    if (mkdir(path.chars, 0755))
        die(EXIT_MACHINE, "cannot make the folder %s: %s", path.chars,
            strerror(errno));
}

void folder_write(struct path path, const char *bytes, size_t n)
{
    FILE *file = fopen(path.chars, "we");

    if (!file || fwrite(bytes, 1, n, file) != n || fclose(file))
        die(EXIT_MACHINE, "cannot write %s: %s", path.chars, strerror(errno));
}

void folder_copy(struct path from, struct path to)
{
    struct text content = {0};
    int err = text_read_file(&content, from.chars, FILE_MAX_BYTES);

    if (err)
        die(EXIT_MACHINE,
            "cannot read %s: %s\n"
            "  `make verify` in the kit's top folder builds what is missing.",
            from.chars, strerror(-err));
    folder_write(to, text_chars(&content), content.length);
    text_free(&content);
}

void folder_give_away(const char *path)
{
    /* EINVAL: a container that does not know this user, see sandbox_child(). */
    if (chown(path, sandbox_uid(), sandbox_gid()) && errno != EINVAL)
        die(EXIT_MACHINE, "cannot hand over %s: %s", path, strerror(errno));
}
