/*
 * build.h - from a student's file to a program that can be judged.
 */
#ifndef VERIFY_BUILD_H
#define VERIFY_BUILD_H

#include "folder.h"
#include "grader.h"

#include <sys/stat.h>

/* Where make has put the parts that every program needs. */
struct kit {
    const char *plain, *sanitized; /* folders; sanitized may be NULL */
};

/* The compiler that they were made with, by the name that make calls it. */
struct path build_compiler(const struct kit *kit);

enum outcome {
    BUILT,
    REFUSED,  /* because of the student's file */
    NOT_BUILT /* because of the machine */
};

/* One student's file, in a private folder with nothing else of theirs. */
struct build {
    const struct kit *kit;
    const struct grader *grader;
    struct path folder;
    struct text packages;    /* flags for what it may use, as make found them */
    struct stat programs[2]; /* plain and sanitized, as they were made */
    /* Of a refusal: a headline, what the compiler said, and the mistake that
       it looks like. Of a success, messages holds the warnings. */
    struct text problem, messages, likely;
};

/* Makes the folder, with copies of the source and of all that it may include
   or be linked with. Gives up, EXIT_MACHINE, if that cannot be done. */
void build_open(struct build *build, const struct kit *kit,
                const struct grader *grader, const struct text *source);

/* Compiles and links the program, and takes the folder back from the user that
   submissions are compiled and run as. */
enum outcome build_plain(struct build *build);

/* Then the sanitized program, from the same tokens: build_look() tells whether
   there is one. */
void build_sanitized(struct build *build);

/* The program that came of it: its path in the private folder. */
const char *build_program_path(bool sanitized);

/* Looks at that program as it is now, for build_intact(): another process may
   have made it. Returns what came of it. */
enum outcome build_look(struct build *build, bool sanitized);

/* Whether that program is still the one that was sealed. Where the judge has no
   other user to run it as, it can change itself. */
bool build_intact(const struct build *build, bool sanitized);

/* Whether sanitized programs run here at all: tried once, with one of ours. */
bool build_sanitizers_work(const struct build *build);

void build_remove(struct build *build); /* the folder, and not what it says */
void build_close(struct build *build);

/* From linker.c: what a linker's error messages mean, as problem and likely. */
void explain_link_error(struct build *build);

#endif
