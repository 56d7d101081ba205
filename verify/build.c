/*
 * build.c - compiling a student's file by name, with our flags and headers.
 *
 * It happens in a private folder with copies of the file and of what it may
 * use, so that #include "../solutions/..." finds nothing, and a header beside
 * the student's file does not count. The runtime is linked whole: a program
 * that brings its own async_gather() does not link.
 */
#include "build.h"
#include "assembler.h"
#include "object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct limits compile_limits = {
    .cpu_seconds = 20,
    .memory = (size_t)2048 * 1024 * 1024,
    .file = (size_t)64 * 1024 * 1024,
    .output = (size_t)4 * 1024 * 1024,
    .blocked_seconds = 5,
    .patience = 40,
    .wall_seconds = 180,
};

static const char *kind_of(bool sanitized)
{
    return sanitized ? "sanitized" : "plain";
}

/* ---- The private folder ------------------------------------------------ */

/* A file of 256 KiB, and headers of the system. */
enum { TOKENS_MAX_BYTES = 16 * 1024 * 1024 };

/* In the linker's order: each may use those behind it. */
static const char *const llm_libraries[] = {"libllm.a", "libasync_curl.a",
                                            "libscenario.a"};
enum { LLM_LIBRARIES = sizeof llm_libraries / sizeof llm_libraries[0] };

/* What programs of one kind are linked with, into a folder of its own. */
static void copy_parts(const struct build *build, const char *from,
                       const char *kind)
{
    struct path to = path_in(build->folder.chars, kind);
    char driver[128];

    folder_make(to);
    snprintf(driver, sizeof driver, "verify/%s.driver.o", build->grader->name);
    folder_copy(path_in(from, "lib/libasync.a"),
                path_in(to.chars, "libasync.a"));
    folder_copy(path_in(from, "verify/driver.o"),
                path_in(to.chars, "driver.o"));
    folder_copy(path_in(from, driver), path_in(to.chars, "grader.o"));
    for (int i = 0; build->grader->uses_llm && i < LLM_LIBRARIES; i++)
        folder_copy(path_in(path_in(from, "lib").chars, llm_libraries[i]),
                    path_in(to.chars, llm_libraries[i]));
    folder_give_away(to.chars);
}

/* The file of the exercise with this suffix. */
static struct path own_file(const struct build *build, const char *suffix)
{
    char name[128];

    snprintf(name, sizeof name, "%s%s", build->grader->name, suffix);
    return path_in(build->folder.chars, name);
}

/* A header of lib/ that the file may include, at the same place. */
static void copy_header(const struct build *build, const char *folder,
                        const char *header)
{
    struct path path = path_in(build->folder.chars, folder);

    if (access(path.chars, F_OK))
        folder_make(path);
    folder_copy(path_in("lib", header), path_in(build->folder.chars, header));
}

/* The lines of the file that make writes down the packages' flags in. */
enum { COMPILE_FLAGS, LINK_JSON, LINK_ALL };

static bool may_use_packages(const struct build *build)
{
    return build->grader->uses_json || build->grader->uses_llm;
}

/* The flags for them, to compile or to link with; "" if they are not there. */
static struct text package_flags(const struct build *build, bool link)
{
    int wanted = !link                     ? COMPILE_FLAGS
                 : build->grader->uses_llm ? LINK_ALL
                                           : LINK_JSON;
    const char *line = text_chars(&build->packages);
    struct text flags = {0};

    for (int i = 0; i < wanted && *line; i++) {
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    text_add_bytes(&flags, line, strcspn(line, "\n"));
    return flags;
}

/* Whether make has found what the file may use. */
static bool has_packages(struct build *build)
{
    struct path path = path_in(build->kit->plain, "packages");

    if (!may_use_packages(build))
        return true;
    if (!build->packages.length &&
        text_read_file(&build->packages, path.chars, 16 * 1024))
        return false;
    struct text flags = package_flags(build, true);
    bool found = flags.length > 0;
    text_free(&flags);
    return found;
}

void build_open(struct build *build, const struct kit *kit,
                const struct grader *grader, const struct text *source)
{
    char header[128];

    *build = (struct build){.kit = kit, .grader = grader};
    build->folder = folder_open();
    const char *folder = build->folder.chars;

    snprintf(header, sizeof header, "%s.h", grader->name);
    folder_write(own_file(build, ".c"), text_chars(source), source->length);
    folder_copy(path_in("exercises", header), own_file(build, ".h"));
    copy_header(build, "async", "async/async.h");
    copy_header(build, "llm", "llm/error.h");
    if (!has_packages(build))
        return;
    if (grader->uses_llm) {
        copy_header(build, "async_curl", "async_curl/async_curl.h");
        folder_copy(path_in("lib", "llm/llm.h"), path_in(folder, "llm/llm.h"));
    }
    copy_parts(build, kit->plain, kind_of(false));
    if (kit->sanitized)
        copy_parts(build, kit->sanitized, kind_of(true));
    folder_give_away(folder);
}

/* ---- The programs, once they are made ---------------------------------- */

static struct path program_path(const struct build *build, bool sanitized)
{
    return path_in(build->folder.chars, build_program_path(sanitized));
}

/* For who asks in another process: a file of this name lies where the program
   would. */
static struct path refusal_path(const struct build *build)
{
    return path_in(build->folder.chars, "sanitized/refused");
}

enum outcome build_look(struct build *build, bool sanitized)
{
    if (stat(program_path(build, sanitized).chars,
             &build->programs[sanitized]) == 0)
        return BUILT;
    return access(refusal_path(build).chars, F_OK) == 0 ? REFUSED : NOT_BUILT;
}

/* Takes the program back from the user that submissions are compiled as. */
static void seal(struct build *build, bool sanitized)
{
    folder_take_back(path_in(build->folder.chars, kind_of(sanitized)).chars);
    folder_take_back(program_path(build, sanitized).chars);
    build_look(build, sanitized);
}

bool build_intact(const struct build *build, bool sanitized)
{
    const struct stat *then = &build->programs[sanitized];
    struct stat now;

    /* Nobody can set the time of a change, unlike that of a modification. */
    return stat(program_path(build, sanitized).chars, &now) == 0 &&
           now.st_ino == then->st_ino && now.st_size == then->st_size &&
           now.st_ctim.tv_sec == then->st_ctim.tv_sec &&
           now.st_ctim.tv_nsec == then->st_ctim.tv_nsec;
}

void build_remove(struct build *build)
{
    if (*build->folder.chars)
        folder_remove(build->folder);
    *build->folder.chars = '\0';
}

void build_close(struct build *build)
{
    build_remove(build);
    text_free(&build->packages);
    text_free(&build->problem);
    text_free(&build->messages);
    text_free(&build->likely);
}

const char *build_program_path(bool sanitized)
{
    return sanitized ? "sanitized/program" : "plain/program";
}

/* ---- Running the compiler ---------------------------------------------- */

/* A command's words, one after another. */
struct words {
    char *list[129];
    size_t count;
};

static void add_word(struct words *words, const char *word)
{
    if (words->count + 1 == sizeof words->list / sizeof words->list[0])
        die(EXIT_MACHINE, "the compiler's flags are too many");
    words->list[words->count++] =
        strcpy(must_calloc(strlen(word) + 1, 1), word);
}

/* The flags as make wrote them down. */
static struct text read_flags(const char *folder)
{
    struct path path = path_in(folder, "flags");
    struct text flags = {0};
    int err = text_read_file(&flags, path.chars, 16 * 1024);

    if (err || !flags.chars)
        die(EXIT_MACHINE,
            "cannot read %s: %s\n"
            "  `make verify` in the kit's top folder builds what is missing.",
            path.chars, strerror(-err));
    return flags;
}

struct path build_compiler(const struct kit *kit)
{
    struct text flags = read_flags(kit->plain);
    struct path compiler = {0};

    snprintf(compiler.chars, sizeof compiler.chars, "%.*s",
             (int)strcspn(flags.chars, " \n"), flags.chars);
    text_free(&flags);
    return compiler;
}

/* The compiler and its flags as make used them, but for the include path. */
static void add_flags(struct words *words, const struct build *build,
                      bool sanitized)
{
    const struct kit *kit = build->kit;
    struct text flags = read_flags(sanitized ? kit->sanitized : kit->plain);
    char *rest;

    add_word(words, "/usr/bin/env"); /* it looks the compiler up in PATH */
    for (char *word = strtok_r(flags.chars, " \n", &rest); word;
         word = strtok_r(NULL, " \n", &rest))
        if (strncmp(word, "-I", 2) != 0)
            add_word(words, word);
    text_free(&flags);
}

/* What the compiler was stopped for, in words for the student; NULL if it came
   to its end, or if that was not the student's doing. */
static const char *reason_to_stop(enum ending ending)
{
    switch (ending) {
    case OVER_CPU:
    case OVER_TIME:
        return "the compiler needed too much time";
    case OVER_MEMORY:
        return "the compiler needed too much memory";
    case OVER_OUTPUT:
        return "the compiler had too much to say";
    case BLOCKED:
    case IN_SIGSTOP:
    case IN_VFORK:
    case WITHOUT_MAIN:
        return "the compiler waited for something to read: it includes what "
               "is no file";
    default:
        return NULL;
    }
}

/* Runs a command in the private folder and keeps what it says, in English. */
static enum outcome run(struct build *build, bool sanitized, char *const *words)
{
    /* cc may be a compiler cache, whose files lie outside of this folder. */
    char *environment[] = {path_variable(),
                           "LC_ALL=C",
                           sanitized ? "TMPDIR=sanitized" : "TMPDIR=plain",
                           "HOME=.",
                           "CCACHE_DISABLE=1",
                           NULL};
    struct process process = {0};
    struct command command = {.arguments = words,
                              .environment = environment,
                              .folder = build->folder.chars,
                              .world = build->folder.chars,
                              .limits = &compile_limits};

    text_free(&build->messages);
    int err = process_start(&process, &command);
    if (err) {
        text_add(&build->messages, "cannot run %s: %s\n", words[0],
                 strerror(-err));
        return NOT_BUILT;
    }
    process_wait(&process);
    text_add(&build->messages, "%s", text_chars(&process.err.kept));
    bool exited = process.ending == ENDED && WIFEXITED(process.status);
    int status = exited ? WEXITSTATUS(process.status) : -1;
    const char *reason = reason_to_stop(process.ending);
    if (reason)
        text_add(&build->problem, "%s", reason);
    bool stalled = process.ending == STALLED || process.ending == NOT_BEGUN;
    process_free(&process);
    if (status == 0)
        return BUILT;
    /* 126 and 127 are env's: there is no such compiler. */
    if (stalled || status == 126 || status == 127)
        return NOT_BUILT;
    return folder_has_room(build->folder.chars) ? REFUSED : NOT_BUILT;
}

static void add_packages(struct words *words, const struct build *build,
                         bool link)
{
    struct text flags = package_flags(build, link);
    char *rest;

    for (char *word = flags.chars ? strtok_r(flags.chars, " ", &rest) : NULL;
         word; word = strtok_r(NULL, " ", &rest))
        add_word(words, word);
    text_free(&flags);
}

/* Runs the compiler with these words behind its flags. */
static enum outcome run_compiler(struct build *build, bool sanitized,
                                 const char *const *more)
{
    struct words words = {0};
    bool link = false;

    add_flags(&words, build, sanitized);
    for (; *more; more++) {
        add_word(&words, *more);
        link |= strncmp(*more, "-Wl,", 4) == 0;
    }
    add_packages(&words, build, link);
    enum outcome outcome = run(build, sanitized, words.list);
    for (size_t i = 0; i < words.count; i++)
        free(words.list[i]);
    return outcome;
}

/* ---- Compiling and linking --------------------------------------------- */

/* The next of the names in a line that the compiler wrote for make: "\\ " is a
   blank in a name, "$$" a dollar sign. Cuts it out, in place. */
static char *next_name(char **rest)
{
    char *name = *rest + strspn(*rest, " \n"), *from = name, *to = name;

    while (strncmp(from, "\\\n", 2) == 0)
        name = to = from = from + 2 + strspn(from + 2, " \n");
    for (; *from && *from != ' ' && *from != '\n'; from++) {
        if ((*from == '\\' && (from[1] == ' ' || from[1] == '#')) ||
            (*from == '$' && from[1] == '$'))
            from++;
        *to++ = *from;
    }
    *rest = from + (*from != '\0');
    *to = '\0';
    return *name ? name : NULL;
}

/* Whether that file is one of the kit's, or cannot be told not to be. Relative
   names are those in the private folder. */
static bool is_forbidden(const char *kit, const char *name)
{
    char *path = *name == '/' ? realpath(name, NULL) : NULL;
    bool forbidden =
        *name == '/' && (!path || (strncmp(path, kit, strlen(kit)) == 0 &&
                                   path[strlen(kit)] == '/'));

    free(path);
    return forbidden;
}

/* Whether the file includes one of the kit's, apart from its own header: the
   compiler has written down, for make, what it read. */
static bool includes_forbidden(struct build *build)
{
    char *kit = realpath(".", NULL), *name = NULL;
    struct text list = {0};
    bool found = false;

    if (!kit || text_read_file(&list, own_file(build, ".d").chars, 1 << 20) ||
        !list.chars) {
        text_add(&build->likely, "the list of what it includes is too long");
        found = true;
    }
    for (char *rest = list.chars;
         !found && rest && (name = next_name(&rest));) {
        found = is_forbidden(kit, name);
        if (found) {
            text_add(&build->likely, "only its own header and the system's may "
                                     "be included, not ");
            text_add_visible(&build->likely, name, strlen(name), 200);
        }
    }
    text_free(&list);
    free(kit);
    return found;
}

/* Leaves out the warnings before the first error. */
static void keep_errors(struct text *messages)
{
    const char *start = text_chars(messages), *at = strstr(start, "error: ");

    while (at && at > start && at[-1] != '\n')
        at--;
    if (at)
        text_drop(messages, (size_t)(at - start));
}

/*
 * Of each warning, its line. One inside a macro of async.h has its place there;
 * the note on where the student's file uses that macro then stays, too.
 */
static void keep_warnings(struct build *build)
{
    struct text kept = {0};
    const char *name = build->grader->name;
    bool elsewhere = false;
    size_t n;

    for (const char *line = text_chars(&build->messages); *line; line += n) {
        n = strcspn(line, "\n");
        n += line[n] == '\n';
        bool own = strncmp(line, name, strlen(name)) == 0;
        /* Of what the compiler itself has written, and the student never saw.
         */
        bool theirs = strncmp(line, "plain/", 6) == 0;

        if (!theirs && memmem(line, n, " warning: ", 10)) {
            text_add_bytes(&kept, line, n);
            elsewhere = !own;
        } else if (elsewhere && own && memmem(line, n, " note: in exp", 13)) {
            text_add_bytes(&kept, line, n);
            elsewhere = false;
        }
    }
    text_free(&build->messages);
    build->messages = kept;
}

/* The place of the first error, which is in the student's file, or in a macro
   that it uses: then the place of that use. */
static int line_of_error(const struct build *build)
{
    char file[128];

    snprintf(file, sizeof file, "%s.c:", build->grader->name);
    const char *at = strstr(text_chars(&build->messages), file);
    return at ? atoi(at + strlen(file)) : 0;
}

/* Whether the first error is the one that this flag makes of a warning. */
static bool is_first_error(const struct build *build, const char *flag)
{
    const char *at = strstr(text_chars(&build->messages), "error: ");

    return at && memmem(at, strcspn(at, "\n"), flag, strlen(flag));
}

/* What was not found to be included; "" if that is not the first error. */
static void missing_header(const struct build *build, struct text *header)
{
    static const char phrase[] = "error: ";
    const char *at = strstr(text_chars(&build->messages), phrase);

    if (!is_first_error(build, "o such file or directory") &&
        !is_first_error(build, "file not found"))
        return;
    at += strlen(phrase);
    at += *at == '\'';
    text_add_visible(header, at, strcspn(at, ":'\n"), 60);
}

static void explain_any_error(struct build *build)
{
    struct text header = {0};

    missing_header(build, &header);
    if (is_first_error(build, "stray '\\377'") ||
        is_first_error(build, "UTF-16"))
        text_add(&build->likely,
                 "its characters have two bytes each: save it as UTF-8");
    else if (header.length && !strchr(header.chars, '.'))
        text_add(&build->likely, "<%s> is C++; the exercises are written in C",
                 header.chars);
    else if (header.length)
        text_add(&build->likely,
                 "of a submission only %s.c is compiled, with its own header: "
                 "what it needs of %s belongs into it",
                 build->grader->name, header.chars);
    else
        text_add(&build->likely,
                 "the first message is the one to read; make exercise%d shows "
                 "them all",
                 build->grader->number);
    text_free(&header);
}

static void explain_compile_error(struct build *build)
{
    const char *name = build->grader->name;
    int line = line_of_error(build);

    if (is_first_error(build, "pointer-types]")) {
        text_add(&build->problem, "a pointer of the wrong type (%s.c:%d)", name,
                 line);
        text_add(&build->likely,
                 "such a program crashes, and so it is not run: is there a & "
                 "or a * too many or too few, or are two arguments "
                 "exchanged? A coroutine is int f(void *job)");
    } else if (is_first_error(build, "in function returning void") ||
               is_first_error(build, "should not return a value")) {
        text_add(&build->problem,
                 "a function that is void returns something (%s.c:%d)", name,
                 line);
        text_add(&build->likely,
                 "a coroutine is int f(void *job): what it returns is 0 or an "
                 "error");
    } else if (is_first_error(build, "return-type]")) {
        text_add(&build->problem,
                 "a function that is to return an int ends without return "
                 "(%s.c:%d)",
                 name, line);
        text_add(&build->likely,
                 "whoever called it gets a number by chance, and so it is not "
                 "run: return 0; as its last line, or the error");
    } else {
        text_add(&build->problem, "it does not compile");
        if (line)
            text_add(&build->problem, " (%s.c:%d)", name, line);
        explain_any_error(build);
    }
}

/* Options that the student's file gets on top of make's. */
#define OWN_OPTIONS                                                            \
    "-I.", "-DASYNC_VERIFY",                                                   \
        "-fdiagnostics-color=never", /* Whoever does these two crashes. */     \
        "-Werror=incompatible-pointer-types", "-Werror=return-type"

/* Once more from the file itself: only there does the compiler know of macros,
   and so can point at the right column. */
static void retell_messages(struct build *build, const char *source)
{
    const char *more[] = {OWN_OPTIONS,        "-c",   "-o",
                          "plain/messages.o", source, NULL};
    struct text first = build->messages;

    build->messages = (struct text){0};
    run_compiler(build, false, more);
    if (build->messages.length) {
        text_free(&first);
        return;
    }
    text_free(&build->messages);
    build->messages = first;
}

/* Both programs are made from the same tokens, which are kept: nothing can tell
   the two apart, neither #ifdef nor __has_include of what the first one left.
 */
static enum outcome compile(struct build *build)
{
    char source[128], object[128], list[128];
    const char *more[] = {OWN_OPTIONS, "-save-temps=obj",
                          "-MD",       "-MF",
                          list,        "-c",
                          "-o",        object,
                          source,      NULL};

    snprintf(source, sizeof source, "%s.c", build->grader->name);
    snprintf(list, sizeof list, "%s.d", build->grader->name);
    snprintf(object, sizeof object, "plain/%s.o", build->grader->name);
    enum outcome outcome = run_compiler(build, false, more);
    if (outcome != NOT_BUILT && !build->problem.length &&
        build->messages.length)
        retell_messages(build, source);
    if (outcome == REFUSED && !build->problem.length) {
        keep_errors(&build->messages);
        explain_compile_error(build);
    }
    return outcome;
}

static bool has_assembler(struct build *build)
{
    char name[128];
    struct text tokens = {0};

    snprintf(name, sizeof name, "plain/%s.i", build->grader->name);
    bool found =
        text_read_file(&tokens, path_in(build->folder.chars, name).chars,
                       TOKENS_MAX_BYTES) ||
        assembler_is_used(text_chars(&tokens));

    text_free(&tokens);
    if (found) {
        text_add(&build->problem, "it uses assembler");
        text_add(&build->likely, "the exercises are written in C");
    }
    return found;
}

static enum outcome compile_plain(struct build *build)
{
    char object[128];
    enum outcome outcome = compile(build);

    if (outcome != BUILT)
        return outcome;
    keep_warnings(build);
    if (includes_forbidden(build)) {
        text_add(&build->problem, "it includes a file of the kit");
        return REFUSED;
    }
    snprintf(object, sizeof object, "plain/%s.o", build->grader->name);
    bool refused = has_assembler(build) ||
                   object_is_refused(path_in(build->folder.chars, object).chars,
                                     &build->problem, &build->likely);
    return refused ? REFUSED : BUILT;
}

/* Of the C library's ways to sleep, and the runtime's, see driver.c. */
#define WRAPPED                                                                \
    "-Wl,--wrap=async_yield", "-Wl,--wrap=async_sleep",                        \
        "-Wl,--wrap=nanosleep", "-Wl,--wrap=clock_nanosleep",                  \
        "-Wl,--wrap=sleep", "-Wl,--wrap=usleep", "-Wl,--wrap=poll",            \
        "-Wl,--wrap=ppoll", "-Wl,--wrap=select", "-Wl,--wrap=pselect"

/* The linker that needs a third of the usual one's time, where there is one.
   What it has to say nobody reads, nor what it was stopped for: the usual one
   says it again. */
static enum outcome try_fast_linker(struct build *build, bool sanitized,
                                    const char **more, size_t n)
{
    static bool missing;

    if (missing)
        return NOT_BUILT;
    more[n] = "-fuse-ld=gold";
    enum outcome outcome = run_compiler(build, sanitized, more);
    more[n] = NULL;
    missing = strstr(text_chars(&build->messages), "cannot find 'ld'") ||
              strstr(text_chars(&build->messages), "invalid linker name");
    text_free(&build->problem);
    return outcome;
}

/* The sanitized program is compiled on the way: its warnings have been told,
   and each call of the compiler costs a sandbox. */
static enum outcome link_program(struct build *build, bool sanitized)
{
    const char *kind = kind_of(sanitized), *name = build->grader->name;
    char input[128], grader[128], driver[128], library[128];
    char llm[LLM_LIBRARIES][128];
    const char *more[32] = {
        "-w",  "-o",    build_program_path(sanitized), driver, grader,
        input, WRAPPED, "-Wl,--whole-archive",         library};
    size_t n = 0;

    snprintf(input, sizeof input, "plain/%s.%s", name, sanitized ? "i" : "o");
    snprintf(grader, sizeof grader, "%s/grader.o", kind);
    snprintf(driver, sizeof driver, "%s/driver.o", kind);
    snprintf(library, sizeof library, "%s/libasync.a", kind);
    while (more[n])
        n++;
    for (int i = 0; build->grader->uses_llm && i < LLM_LIBRARIES; i++) {
        snprintf(llm[i], sizeof llm[i], "%s/%s", kind, llm_libraries[i]);
        more[n++] = llm[i];
    }
    more[n++] = "-Wl,--no-whole-archive";
    more[n++] = "-lpthread";
    more[n++] = "-lm";
    enum outcome outcome = try_fast_linker(build, sanitized, more, n);
    if (outcome != BUILT)
        outcome = run_compiler(build, sanitized, more);
    if (outcome == REFUSED && !build->problem.length)
        explain_link_error(build);
    return outcome;
}

/* A linker that succeeds has nothing to add to the compiler's warnings. */
static enum outcome link_plain(struct build *build)
{
    struct text warnings = build->messages;

    build->messages = (struct text){0};
    enum outcome outcome = link_program(build, false);
    if (outcome == BUILT) {
        text_free(&build->messages);
        build->messages = warnings;
    } else {
        text_free(&warnings);
    }
    return outcome;
}

enum outcome build_plain(struct build *build)
{
    enum outcome outcome = NOT_BUILT;

    if (has_packages(build))
        outcome = compile_plain(build);
    else
        text_add(&build->messages,
                 "this exercise needs %s: `make verify%d` installs what is "
                 "missing\n",
                 build->grader->uses_llm ? "libcurl, libevent, cJSON and PCRE2"
                                         : "cJSON",
                 build->grader->number);
    if (outcome == BUILT)
        outcome = link_plain(build);
    if (outcome == BUILT) {
        folder_take_back(build->folder.chars);
        seal(build, false);
    }
    return outcome;
}

void build_sanitized(struct build *build)
{
    /* The plain program's are the ones for the report. */
    struct text messages = build->messages;

    if (!build->kit->sanitized)
        return;
    build->messages = (struct text){0};
    folder_give_away(path_in(build->folder.chars, kind_of(true)).chars);
    enum outcome outcome = link_program(build, true);
    if (outcome == BUILT)
        seal(build, true);
    else if (outcome == REFUSED)
        folder_write(refusal_path(build), "", 0);
    text_free(&build->messages);
    text_free(&build->problem);
    text_free(&build->likely);
    build->messages = messages;
}

/* ---- Do sanitizers work? ----------------------------------------------- */

/* In a folder of its own, in case that somebody has been in the other. */
static bool try_sanitizers(const struct kit *kit)
{
    static const char source[] = "int main(void)\n{\n    return 0;\n}\n";
    static const char *const more[] = {"-o", "probe", "probe.c", NULL};
    char *const words[] = {"./probe", NULL};
    struct build probe = {.kit = kit, .folder = folder_open()};

    folder_write(path_in(probe.folder.chars, "probe.c"), source,
                 strlen(source));
    folder_make(path_in(probe.folder.chars, kind_of(true)));
    folder_give_away(probe.folder.chars);
    bool work = run_compiler(&probe, true, more) == BUILT &&
                run(&probe, true, words) == BUILT;
    build_close(&probe);
    return work;
}

bool build_sanitizers_work(const struct build *build)
{
    static enum { UNKNOWN, YES, NO } known;

    if (!build->kit->sanitized)
        return false;
    if (known == UNKNOWN)
        known = try_sanitizers(build->kit) ? YES : NO;
    return known == YES;
}
