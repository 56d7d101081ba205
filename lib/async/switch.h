/*
 * switch.h - from one stack to another.
 *
 * A suspended computation is three addresses: where its stack stood, where its
 * frame stood, and which instruction comes next. Everything else that a
 * function keeps in registers across the switch, the compiler saves itself,
 * because the inline assembly declares them clobbered; so it saves those that
 * are in use and no others. Registers that no function may expect to survive a
 * call (x87's, AVX-512's, SVE's) are not in the list: async_suspend is never
 * inlined, and calling it saves them.
 *
 * The x86-64 and aarch64 versions cost a few nanoseconds. The third, for every
 * other machine (or with -DASYNC_UCONTEXT), is POSIX's swapcontext, which makes
 * two system calls a switch.
 *
 * Floating-point rounding modes are not switched: they belong to the thread.
 */
#ifndef ASYNC_SWITCH_H
#define ASYNC_SWITCH_H

#include "async/checkers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(ASYNC_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define ASYNC_UCONTEXT
#endif

#ifdef ASYNC_UCONTEXT
#include <ucontext.h>
#endif

struct async_context {
#ifdef ASYNC_UCONTEXT
    ucontext_t ucontext;
#else
    void *stack_pointer;
    void *frame_pointer;
    void *next_instruction;
#endif
#if defined(ASYNC_ASAN)
    const void *bottom; /* this stack's lowest address */
    size_t size;
    void *fake_stack;
    struct async_context *came_from; /* who was left for it last */
#elif defined(ASYNC_TSAN)
    void *fiber;
    void *ended; /* who was left for it for ever, or NULL */
#endif
};

#if defined(ASYNC_UCONTEXT)

static inline void async_switch_stacks(struct async_context *from,
                                       struct async_context *to)
{
    swapcontext(&from->ucontext, &to->ucontext);
}

#elif defined(__x86_64__)

/*
 * lea    the address of label 1, where `from` will go on, into rax
 * mov x3 stack pointer, frame pointer and that address into *from (rdi)
 * mov x2 stack pointer and frame pointer out of *to (rsi)
 * jmp    to where `to` went on, usually its own label 1
 *
 * rsp and rbp are the two registers that cannot be declared clobbered. Nothing
 * is pushed, so the 128 bytes below rsp that the function may use (the red
 * zone) stay as they are.
 */
static inline void async_switch_stacks(struct async_context *from,
                                       struct async_context *to)
{
    __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                     "movq %%rsp, 0(%%rdi)\n\t"
                     "movq %%rbp, 8(%%rdi)\n\t"
                     "movq %%rax, 16(%%rdi)\n\t"
                     "movq 0(%%rsi), %%rsp\n\t"
                     "movq 8(%%rsi), %%rbp\n\t"
                     "jmpq *16(%%rsi)\n"
                     "1:\n"
                     : "+D"(from), "+S"(to)
                     :
                     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11",
                       "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2",
                       "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                       "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
                       "memory", "cc");
}

#elif defined(__aarch64__)

/* These systems keep x18 for themselves; elsewhere it is like any other. */
#if defined(__APPLE__) || defined(_WIN32) || defined(__ANDROID__)
#define ASYNC_X18
#else
#define ASYNC_X18 "x18",
#endif

/*
 * The same for aarch64: adr and str for lea and mov, br for jmp; x29 is the
 * frame pointer. x30 holds a function's return address: 0, nobody's, for the
 * first function of a stack. The hint (bti j) allows to jump to label 1.
 */
static inline void async_switch_stacks(struct async_context *from,
                                       struct async_context *to)
{
    register struct async_context *x0 __asm__("x0") = from;
    register struct async_context *x1 __asm__("x1") = to;

    __asm__ volatile("adr x16, 1f\n\t"
                     "mov x9, sp\n\t"
                     "stp x9, x29, [x0]\n\t"
                     "str x16, [x0, #16]\n\t"
                     "ldp x9, x29, [x1]\n\t"
                     "ldr x16, [x1, #16]\n\t"
                     "mov sp, x9\n\t"
                     "mov x30, xzr\n\t"
                     "br x16\n"
                     "1:\n\t"
                     "hint #36\n"
                     : "+r"(x0), "+r"(x1)
                     :
                     : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10",
                       "x11", "x12", "x13", "x14", "x15", "x16", "x17",
                       ASYNC_X18 "x19", "x20", "x21", "x22", "x23", "x24",
                       "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2",
                       "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11",
                       "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19",
                       "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27",
                       "v28", "v29", "v30", "v31", "memory", "cc");
}

#endif

/*
 * Says, in what debuggers and backtrace() read, that the function in which it
 * stands was called by nobody. (Only compilers that write that through the
 * assembler define the first.)
 */
static inline __attribute__((always_inline)) void async_context_bottom(void)
{
#ifdef __GCC_HAVE_DWARF2_CFI_ASM
#if defined(__x86_64__)
    __asm__ volatile(".cfi_undefined rip");
#elif defined(__aarch64__)
    __asm__ volatile(".cfi_undefined x30");
#endif
#endif
}

/* To be called first after every switch, with the context that goes on. */
static inline void async_context_arrived(struct async_context *self)
{
#ifdef ASYNC_ASAN
    /* It tells us the bounds of the stack that was left: the loop's are known
       in no other way. */
    __sanitizer_finish_switch_fiber(self->fake_stack, &self->came_from->bottom,
                                    &self->came_from->size);
#elif defined(ASYNC_TSAN)
    /* A fiber cannot destroy itself. */
    if (self->ended)
        __tsan_destroy_fiber(self->ended);
    self->ended = NULL;
#else
    (void)self;
#endif
}

/*
 * Leaves `from` and goes on with `to`; returns when somebody switches back.
 * for_ever: nobody will, and the stack of `from` may be used again.
 */
static inline void async_context_switch(struct async_context *from,
                                        struct async_context *to, bool for_ever)
{
#if defined(ASYNC_ASAN)
    to->came_from = from;
    __sanitizer_start_switch_fiber(for_ever ? NULL : &from->fake_stack,
                                   to->bottom, to->size);
#elif defined(ASYNC_TSAN)
    from->fiber = __tsan_get_current_fiber();
    to->ended = for_ever ? from->fiber : NULL;
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
    (void)for_ever;
    async_switch_stacks(from, to);
    async_context_arrived(from);
}

/*
 * Makes a context that begins with entry(), which never returns, on the stack
 * that reaches from bottom, its lowest address, to bottom + size.
 */
void async_context_make(struct async_context *context, void (*entry)(void),
                        void *bottom, size_t size);

#endif
