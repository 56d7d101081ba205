/* fails: it changed its own program | ended itself with exit status 0 */
#include "02_gather.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int call_all(void *job)
{
    (void)job;
    unlink("../plain/program");
    unlink("../sanitized/program");
    chmod("..", 0);
    _exit(0);
}
