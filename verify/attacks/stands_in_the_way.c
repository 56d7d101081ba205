/* fails: none of the 5 calls was made */
#include "02_gather.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files and links where other checks' folders are to be. */
int call_all(void *job)
{
    char name[16];

    (void)job;
    chmod("..", 0700);
    for (char letter = 'a'; letter <= 'z'; letter++) {
        snprintf(name, sizeof name, "../run-%c", letter);
        if (letter % 2)
            symlink("/", name);
        else
            close(open(name, O_WRONLY | O_CREAT, 0600));
    }
    return 0;
}
