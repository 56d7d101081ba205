/*
 * filter.c - a seccomp filter that keeps a submission from its judge.
 *
 * It is for those who grade as themselves and have no bubblewrap: then both
 * have the same user, and the system itself lets either end the other. Nor does
 * anything else end whom nobody sees: all of a submission's processes stay in
 * one group, which can be ended at one moment.
 */
#include "filter.h"

#if defined __linux__ && (defined __x86_64__ || defined __aarch64__)

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__
#define NATIVE AUDIT_ARCH_X86_64
#else
#define NATIVE AUDIT_ARCH_AARCH64
#endif

/* Numbers from here on are another, older way to call the same on x86-64. */
#define FOREIGN 0x40000000

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

#define LOAD(field)                                                            \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* The lower half; processes' numbers have no upper one. */
#define LOAD_ARGUMENT(i) LOAD(args[i])
#define ANSWER(value)    BPF_STMT(BPF_RET | BPF_K, (value))
#define REFUSE           ANSWER(SECCOMP_RET_ERRNO | EPERM)
#define ALLOW            ANSWER(SECCOMP_RET_ALLOW)
/* Leaves out so many of the instructions behind it, if so or if not so. */
#define IF_EQUAL(value, so, other)                                             \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, so, other)
#define IF_FROM(value, so, other)                                              \
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, value, so, other)

bool filter_signals(void)
{
    unsigned self = (unsigned)getpid();
    struct sock_filter program[] = {
        LOAD(arch),
        IF_EQUAL(NATIVE, 1, 0),
        REFUSE,
        LOAD(nr),
        IF_FROM(FOREIGN, 0, 1),
        REFUSE,
        /* Refused whatever their arguments are. */
        IF_EQUAL(SYS_pidfd_send_signal, 4, 0),
        IF_EQUAL(SYS_rt_sigqueueinfo, 3, 0),
        IF_EQUAL(SYS_rt_tgsigqueueinfo, 2, 0),
        IF_EQUAL(SYS_setsid, 1, 0),
        IF_EQUAL(SYS_setpgid, 0, 1),
        REFUSE,
        /* Who is told when a file can be read, and by which signal. */
        IF_EQUAL(SYS_fcntl, 0, 5),
        LOAD_ARGUMENT(1),
        IF_EQUAL(F_SETOWN, 1, 0),
        IF_EQUAL(F_SETOWN_EX, 0, 1),
        REFUSE,
        ALLOW,
        /* Only for itself. */
        IF_EQUAL(SYS_kill, 4, 0),
        IF_EQUAL(SYS_tkill, 3, 0),
        IF_EQUAL(SYS_tgkill, 2, 0),
        IF_EQUAL(SYS_prlimit64, 1, 0),
        ALLOW,
        LOAD_ARGUMENT(0),
        IF_EQUAL(self, 1, 0),
        IF_EQUAL(0, 0, 1),
        ALLOW,
        REFUSE,
    };
    struct sock_fprog filter = {sizeof program / sizeof program[0], program};

    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

bool filter_is_known(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
}

#else

bool filter_signals(void)
{
    return false;
}

bool filter_is_known(void)
{
    return false;
}

#endif
