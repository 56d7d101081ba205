/* fails: none of the 5 calls was made */
#include "02_gather.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int call_all(void *job)
{
    char name[201];

    (void)job;
    memset(name, 97, sizeof name - 1);
    name[200] = 0;
    mkdir("locked", 0700);
    close(open("locked/file", O_CREAT | O_WRONLY, 0600));
    chmod("locked", 0);
    symlink("/etc/passwd", "link");
    for (int i = 0; i < 500; i++)
        if (mkdir(name, 0700) || chdir(name))
            break;
    return 0;
}
