/*
 * misnamed.c - see misnamed.h. Browsers make "02_gather (1).c" of a file,
 * packers put a folder around all of them, and some students write C++.
 */
#include "misnamed.h"
#include "folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A folder with more entries is not looked through. */
enum { ENTRIES_MAX = 1000 };

/* "02_gather (1).C", "gather.c", but not "09_fix_no_semaphore.c" for
   "10_semaphore". */
static bool resembles(const char *entry, const char *name)
{
    const char *word = name + strcspn(name, "_") + 1;
    const char *rest = entry + strspn(entry, "0123456789_ -");

    return strcasestr(entry, name) ||
           (strncasecmp(rest, word, strlen(word)) == 0 &&
            strcasecmp(rest + strlen(word), ".c") == 0);
}

/* Looks for one in that folder; in all of its folders, too, if deep. Returns
   its path below the submission, to be freed, or NULL: the first by name. */
static char *find(const char *submission, const char *below, const char *name,
                  bool deep)
{
    struct path folder = path_in(submission, below);
    struct dirent **entries;
    char *found = NULL;
    int n = scandir(folder.chars, &entries, NULL, alphasort);

    for (int i = 0; i < n; i++) {
        const char *entry = entries[i]->d_name;
        struct path path = path_in(below, entry);

        if (found || *entry == '.' || i >= ENTRIES_MAX)
            ;
        else if (resembles(entry, name))
            found = strdup(path.chars);
        else if (deep && entries[i]->d_type == DT_DIR)
            found = find(submission, path.chars, name, false);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return found;
}

void explain_misnamed(struct text *likely, const char *submission,
                      const char *name)
{
    char *found = find(submission, ".", name, true);

    if (!found)
        return;
    const char *path = found + strlen("./");
    text_add_visible(likely, path, strlen(path), 60);
    text_add(likely,
             " was meant: the file has to be %s.c, in the submission's folder "
             "or in its exercises/",
             name);
    free(found);
}
