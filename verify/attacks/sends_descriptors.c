/* fails: it wrote to file descriptor 3 itself */
#include "02_gather.h"

#include <string.h>
#include <sys/socket.h>

/* Thousands of open files for the judge, which has room for fewer. */
int call_all(void *job)
{
    char byte = '\n';
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(200 * sizeof(int))];
    } control;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};

    (void)job;
    memset(&control, 0, sizeof control);
    control.header =
        (struct cmsghdr){CMSG_LEN(200 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    for (int i = 0; i < 100; i++)
        sendmsg(3, &message, MSG_NOSIGNAL);
    return 0;
}
