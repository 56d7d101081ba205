/* fails: it wrote to file descriptor 3 itself */
#include "02_gather.h"

#include <string.h>
#include <unistd.h>

int call_all(void *job)
{
    const char *line = "closed\n";

    (void)job;
    while (write(3, line, strlen(line)) > 0)
        continue;
    return 0;
}
