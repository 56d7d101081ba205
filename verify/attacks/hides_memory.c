/* fails: none of the 5 calls was made */
#include "02_gather.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* In files that are mapped nowhere: it does not count as the process's. */
int call_all(void *job)
{
    static char bytes[1024 * 1024];

    (void)job;
    memset(bytes, 1, sizeof bytes);
    for (int i = 0; i < 100000; i++) {
        int file = memfd_create("mine", 0);

        if (file < 0 || write(file, bytes, sizeof bytes) < 0)
            return 0;
    }
    return 0;
}
