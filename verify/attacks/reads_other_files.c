/* fails: none of the 5 calls was made */
#include "02_gather.h"

#include <stdio.h>

int call_all(void *job)
{
    const char *files[] = {"/etc/shadow", "../02_gather.c",
                           "../../../solutions/02_gather.c",
                           "/proc/1/environ"};
    char line[200];

    (void)job;
    for (int i = 0; i < 4; i++) {
        FILE *file = fopen(files[i], "r");

        if (file && fgets(line, sizeof line, file))
            fputs(line, stderr);
        if (file)
            fclose(file);
    }
    return 0;
}
