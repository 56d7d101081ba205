/*
 * bubblewrap.c - a program in a world of its own, by bwrap(1).
 *
 * It sees the system's programs and libraries, its private folder, and a
 * folder in memory to write into; no home, no kit, no process but its own, and
 * no network but its own loopback. When its first process ends, all do.
 */
#include "bubblewrap.h"
#include "folder.h"
#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 128 };

/* Read-only, where they are there. */
static const char *const system_paths[] = {
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/nix",
    "/gnu",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
};

static char *program;      /* bwrap's path; NULL: it is not used */
static struct text reason; /* why not */
static char *kit;          /* the folder that nobody is to see */

static char **add(char **words, const char *word)
{
    *words = (char *)word;
    return words + 1;
}

static char **add_three(char **words, const char *a, const char *b,
                        const char *c)
{
    return add(add(add(words, a), b), c);
}

/* So many bytes of memory can be written into there. */
static char **add_memory(char **words, const char *bytes, const char *path)
{
    return add(add_three(words, "--size", bytes, "--tmpfs"), path);
}

/* Where /bin is a link to /usr/bin, a link does, too: each mount costs half a
   millisecond, and each seed of each check begins with all of them. */
static char **add_path(char **words, size_t i)
{
    static char targets[sizeof system_paths / sizeof system_paths[0]][64];
    const char *path = system_paths[i];
    ssize_t n = readlink(path, targets[i], sizeof targets[i] - 1);

    if (n <= 0 || strncmp(targets[i], "usr/", 4) != 0)
        return add_three(words, "--ro-bind-try", path, path);
    targets[i][n] = '\0';
    return add_three(words, "--symlink", targets[i], path);
}

static char **add_system(char **words)
{
    for (size_t i = 0; i < sizeof system_paths / sizeof system_paths[0]; i++)
        words = add_path(words, i);
    words = add(add(words, "--proc"), "/proc");
    words = add(add(words, "--dev"), "/dev");
    words = add_memory(words, "1048576", "/dev/shm");
    words = add(add(words, "--remount-ro"), "/dev");
    words = add_memory(words, "16777216", "/tmp");
    /* In case that it lies in one of these. */
    return add(add(words, "--tmpfs"), kit);
}

char **bubblewrap_arguments(const struct command *command, int status)
{
    static char number[16];
    char **first = must_calloc(WORDS_MAX, sizeof *first), **words = first;
    const char *world = command->world;

    words = add_three(words, program, "--unshare-user", "--unshare-pid");
    words = add_three(words, "--unshare-net", "--unshare-ipc", "--unshare-uts");
    words = add(add(words, "--unshare-cgroup-try"), "--die-with-parent");
    words = add_system(words);
    if (strcmp(world, command->folder) == 0) {
        words = add_three(words, "--bind", world, world);
    } else {
        words = add_three(words, "--ro-bind", world, world);
        words = add_memory(words, "16777216", command->folder);
    }
    words = add(add(words, "--chdir"), command->folder);
    snprintf(number, sizeof number, "%d", status);
    words = add_three(words, "--json-status-fd", number, "--");
    for (char *const *word = command->arguments; *word; word++) {
        if (words + 1 == first + WORDS_MAX)
            die(EXIT_MACHINE, "the compiler's flags are too many");
        words = add(words, *word);
    }
    return first;
}

bool bubblewrap_began(const char *said)
{
    return strstr(said, "\"exit-code\"") != NULL;
}

/* ---- Does it work here? ------------------------------------------------ */

static bool find_program(void)
{
    static const char *const paths[] = {"/usr/bin/bwrap",
                                        "/usr/local/bin/bwrap", "/bin/bwrap"};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (access(paths[i], X_OK) == 0)
            program = (char *)paths[i];
    return program != NULL;
}

/* In a private folder, as a submission will be. */
static bool try_it(const char *compiler)
{
    static const struct limits limits = {.cpu_seconds = 10,
                                         .memory = (size_t)1 << 30,
                                         .file = 1 << 20,
                                         .output = 1 << 20,
                                         .blocked_seconds = 10,
                                         .patience = 10,
                                         .wall_seconds = 60};
    struct path folder = folder_open();
    char *arguments[] = {"/usr/bin/env", (char *)compiler, "--version", NULL};
    char *environment[] = {path_variable(), "HOME=.", "CCACHE_DISABLE=1", NULL};
    struct command command = {.arguments = arguments,
                              .environment = environment,
                              .folder = folder.chars,
                              .world = folder.chars,
                              .limits = &limits};
    struct process process = {0};

    folder_give_away(folder.chars);
    int err = process_start(&process, &command);
    if (!err)
        process_wait(&process);
    bool works = !err && process.ending == ENDED && process.status == 0;
    const char *said = text_chars(&process.err.kept);
    if (!works)
        text_add_visible(&reason, said, strcspn(said, "\n"), 200);
    process_free(&process);
    folder_remove(folder);
    return works;
}

void bubblewrap_try(const char *compiler)
{
    kit = realpath(".", NULL);
    if (!kit) {
        text_add(&reason, "the kit's folder has no name");
    } else if (!find_program()) {
        text_add(&reason, "bwrap is not installed (package bubblewrap)");
    } else if (!try_it(compiler)) {
        program = NULL;
        if (!reason.length)
            text_add(&reason, "bwrap does not work here");
    }
}

bool bubblewrap_works(void)
{
    return program != NULL;
}

const char *sandbox_level(void)
{
    return program ? "bubblewrap" : "limits only";
}

const char *sandbox_reason(void)
{
    return text_chars(&reason);
}
