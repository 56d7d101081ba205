/*
 * switch.c - the first switch to a new stack.
 *
 * A new context is made to look as if it had been left at the first instruction
 * of entry(). The frame below it is empty, so that a debugger's backtrace ends
 * there instead of running off the stack.
 */
#include "async/switch.h"

#ifdef ASYNC_UCONTEXT

static void make(struct async_context *context, void (*entry)(void),
                 void *bottom, size_t size)
{
    getcontext(&context->ucontext);
    context->ucontext.uc_stack.ss_sp = bottom;
    context->ucontext.uc_stack.ss_size = size;
    context->ucontext.uc_link = NULL;
    makecontext(&context->ucontext, entry, 0);
}

#else

static void make(struct async_context *context, void (*entry)(void),
                 void *bottom, size_t size)
{
    uintptr_t top = ((uintptr_t)bottom + size) & ~(uintptr_t)15;

    /* Both machines want the stack aligned to 16 bytes at a call. On x86-64 the
       call itself has then pushed a return address: here 0, which is nobody's.
     */
    void **stack_pointer = (void **)top;
#ifdef __x86_64__
    *--stack_pointer = NULL;
#endif
    context->stack_pointer = stack_pointer;
    context->frame_pointer = NULL;
    context->next_instruction = (void *)(uintptr_t)entry;
}

#endif

void async_context_make(struct async_context *context, void (*entry)(void),
                        void *bottom, size_t size)
{
    make(context, entry, bottom, size);
#if defined(ASYNC_ASAN)
    context->bottom = bottom;
    context->size = size;
    context->fake_stack = NULL;
#elif defined(ASYNC_TSAN)
    context->fiber = __tsan_create_fiber(0);
    context->ended = NULL;
#endif
}
