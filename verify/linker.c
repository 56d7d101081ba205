/*
 * linker.c - a linker's error messages in plain words.
 *
 * A missing function, a main() too many, a function of the kit replaced: these
 * are what a submission runs into.
 */
#include "build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One error: which name, and where the student's file has it, if it has. */
struct link_error {
    char name[128], place[160];
};

/*
 * Looks for a phrase and the name behind it: GNU ld quotes it like `this', lld
 * not at all. The place reads "/folder/02_gather.c:13:".
 */
static bool find_error(struct link_error *error, const struct build *build,
                       const char *phrase)
{
    const char *messages = text_chars(&build->messages);
    const char *at = strstr(messages, phrase), *line = at;
    struct text name = {0};
    char file[128];

    if (!at)
        return false;
    while (line > messages && line[-1] != '\n')
        line--;
    at += strlen(phrase);
    at += strspn(at, " :`'\"");
    /* A name in assembler can hold anything. */
    text_add_visible(&name, at, strcspn(at, "`'\"(; \n"), sizeof error->name);
    snprintf(error->name, sizeof error->name, "%s", text_chars(&name));
    text_free(&name);

    /* The grader's own file has the same name: verify/02_gather.c. */
    snprintf(file, sizeof file, "/%s.c:", build->grader->name);
    *error->place = '\0';
    for (const char *place = line; (place = strstr(place, file)); place++)
        if (place < at + strcspn(at, "\n") &&
            strncmp(place - strlen("/verify"), "/verify", 7) != 0)
            snprintf(error->place, sizeof error->place, " (%s%d)", file + 1,
                     atoi(place + strlen(file)));
    return true;
}

/* Whether name is declared in "int f(void *job); int g(void *job);". */
static bool is_declared(const char *functions, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = functions; length && (at = strstr(at, name)); at++)
        if (at[length] == '(' && (at == functions || at[-1] == ' '))
            return true;
    return false;
}

static void explain_twice(struct build *build, const struct link_error *error)
{
    if (strcmp(error->name, "main") == 0) {
        text_add(&build->problem, "main() is in the way%s", error->place);
        text_add(&build->likely,
                 "main() stands outside of #ifndef ASYNC_VERIFY ... #endif; "
                 "the judge brings its own");
        return;
    }
    text_add(&build->problem, "it defines %s(), which the kit has already%s",
             error->name, error->place);
    text_add(&build->likely, "a function of the kit cannot be replaced: give "
                             "yours another name, or make it static");
}

static void explain_missing(struct build *build, const struct link_error *error)
{
    if (is_declared(build->grader->functions, error->name)) {
        text_add(&build->problem, "%s() is missing", error->name);
        text_add(&build->likely, "it was renamed or removed; wanted: %s",
                 build->grader->functions);
        return;
    }
    text_add(&build->problem, "it calls %s(), which is nowhere%s", error->name,
             error->place);
    text_add(&build->likely, "a misspelt name, or a function from another "
                             "file: only this one is graded");
}

void explain_link_error(struct build *build)
{
    struct link_error error;

    if (find_error(&error, build, "multiple definition of ") ||
        find_error(&error, build, "duplicate symbol")) {
        explain_twice(build, &error);
    } else if (find_error(&error, build, "undefined reference to ") ||
               find_error(&error, build, "undefined symbol")) {
        explain_missing(build, &error);
    } else {
        text_add(&build->problem, "it does not link");
        text_add(&build->likely, "the linker's first message tells");
        return;
    }
    text_free(&build->messages); /* they are told */
}
