/* fails: it wrote to file descriptor 3 itself */
#include "02_gather.h"

#include <string.h>
#include <unistd.h>

int call_all(void *job)
{
    (void)job;
    const char *lines = "returned 0 =\nclosed\nout 0 result =x\nleaks 0\n";
    return write(3, lines, strlen(lines)) < 0;
}
