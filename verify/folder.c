/*
 * folder.c - the private folder in which a student's file is compiled and run.
 */
#include "folder.h"
#include "sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 256 * 1024 * 1024 };

/* Those that are to be removed at exit; "" if none. */
static struct path open_folders[4];

struct path path_in(const char *folder, const char *name)
{
    struct path path;
    int length = snprintf(path.chars, sizeof path.chars, "%s/%s", folder, name);

    if (length < 0 || (size_t)length >= sizeof path.chars)
        die(EXIT_MACHINE, "the path %s/%s is too long", folder, name);
    return path;
}

static bool is_folder(int in, const char *name)
{
    struct stat status;

    return fstatat(in, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(status.st_mode);
}

static void forget(struct path path)
{
    for (size_t i = 0; i < sizeof open_folders / sizeof open_folders[0]; i++)
        if (strcmp(open_folders[i].chars, path.chars) == 0)
            *open_folders[i].chars = '\0';
}

/* A folder out of its own, for folder_remove(), into the one at the top, where
   it gets a name that is a number. */
static void move_up(int top, int from, const char *name)
{
    static unsigned long next;
    char number[32];

    /* Only who may write into it may move it. */
    fchmodat(from, name, 0700, 0);
    do
        snprintf(number, sizeof number, "%lu", next++);
    while (renameat(from, name, top, number) &&
           (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR));
}

/* Empties a folder and closes it; the folders in it stay, or go up. */
static void empty(int fd, int top)
{
    DIR *folder = fdopendir(fd);
    struct dirent *entry;

    while (folder && (entry = readdir(folder))) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        if (!is_folder(fd, name))
            unlinkat(fd, name, 0);
        else if (unlinkat(fd, name, AT_REMOVEDIR) && top >= 0)
            move_up(top, fd, name);
    }
    if (folder)
        closedir(folder);
    else
        close(fd);
}

/* The first folder in this one, opened, and its name; or -1. */
static int open_first(int top, char *name, size_t room)
{
    int copy = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
    DIR *folder = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;

    while (folder && fd < 0 && (entry = readdir(folder))) {
        snprintf(name, room, "%s", entry->d_name);
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            !is_folder(top, name))
            continue;
        fchmodat(top, name, 0700, 0);
        fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (folder)
        closedir(folder);
    return fd;
}

/*
 * Folders in folders may be nested deeper than a path can be long. So those
 * within a folder of the top one are moved up to it, until none has any.
 */
void folder_remove(struct path path)
{
    char name[NAME_MAX + 1];
    int fd;

    chmod(path.chars, 0700);
    int top = open(path.chars, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (top < 0)
        return;
    empty(dup(top), -1);
    while ((fd = open_first(top, name, sizeof name)) >= 0) {
        empty(fd, top);
        if (unlinkat(top, name, AT_REMOVEDIR))
            break;
    }
    close(top);
    rmdir(path.chars);
    forget(path);
}

static void remove_all(void)
{
    for (size_t i = 0; i < sizeof open_folders / sizeof open_folders[0]; i++)
        if (*open_folders[i].chars)
            folder_remove(open_folders[i]);
}

void folder_forget_all(void)
{
    memset(open_folders, 0, sizeof open_folders);
}

static void remember(struct path path)
{
    static bool registered;
    size_t i = 0;

    while (*open_folders[i].chars)
        i++;
    open_folders[i] = path;
    if (!registered)
        atexit(remove_all);
    registered = true;
}

enum { ROOM_MIB = 32, ROOM_FILES = 128 };

bool folder_has_room(const char *path)
{
    struct statvfs disk;

    if (statvfs(path, &disk))
        return false;
    /* Some kinds of disk do not count files. */
    return (uint64_t)disk.f_bavail * disk.f_frsize >> 20 >= ROOM_MIB &&
           (disk.f_files == 0 || disk.f_favail >= ROOM_FILES);
}

static bool runs_programs(const char *path)
{
#ifdef ST_NOEXEC
    struct statvfs disk;

    return statvfs(path, &disk) == 0 && !(disk.f_flag & ST_NOEXEC);
#else
    (void)path;
    return true;
#endif
}

/* Why nothing can be built and run in the folder; NULL if it can. */
static const char *unfit(const char *path)
{
    static char why[80];

    if (!runs_programs(path))
        return "is mounted noexec: no program runs there";
    if (folder_has_room(path))
        return NULL;
    snprintf(why, sizeof why, "is full: %d MiB and %d files are needed",
             ROOM_MIB, ROOM_FILES);
    return why;
}

struct path folder_open(void)
{
    const char *tmp = getenv("TMPDIR");

    if (!tmp || !*tmp)
        tmp = "/tmp";
    struct path path = path_in(tmp, "verify.XXXXXX");
    if (!mkdtemp(path.chars))
        die(EXIT_MACHINE,
            "cannot make a folder in %s: %s\n"
            "  Set TMPDIR to a folder that can be written to.",
            tmp, strerror(errno));
    remember(path);
    const char *why = unfit(path.chars);
    if (why)
        die(EXIT_MACHINE, "the disk of %s\n  %s. Set TMPDIR to another folder.",
            tmp, why);
    return path;
}

void folder_make(struct path path)
{
    if (mkdir(path.chars, 0755))
        die(EXIT_MACHINE, "cannot make the folder %s: %s", path.chars,
            strerror(errno));
}

bool folder_make_anew(struct path path)
{
    unlink(path.chars); /* what is no folder */
    folder_remove(path);
    if (mkdir(path.chars, 0755) == 0)
        return true;
    if (errno == EACCES || errno == EEXIST || errno == ENOENT)
        return false;
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

static void hand_over(const char *path, uid_t uid)
{
    /* EINVAL: a container that does not know this user, see sandbox_child(). */
    if (chown(path, uid, sandbox_gid()) && errno != EINVAL)
        die(EXIT_MACHINE, "cannot hand over %s: %s", path, strerror(errno));
}

void folder_give_away(const char *path)
{
    hand_over(path, sandbox_uid());
}

void folder_take_back(const char *path)
{
    hand_over(path, geteuid());
    if (chmod(path, 0750))
        die(EXIT_MACHINE, "cannot change %s: %s", path, strerror(errno));
}
