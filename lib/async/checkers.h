/*
 * checkers.h - AddressSanitizer, ThreadSanitizer and valgrind.
 *
 * Each of them keeps a picture of the stack of its own, and has to be told what
 * we do with ours. The sanitizers are compiled in or not; valgrind is asked at
 * run time, if its header was there when we were compiled.
 */
#ifndef ASYNC_CHECKERS_H
#define ASYNC_CHECKERS_H

#if defined(__SANITIZE_ADDRESS__)
#define ASYNC_ASAN
#elif defined(__SANITIZE_THREAD__)
#define ASYNC_TSAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASYNC_ASAN
#elif __has_feature(thread_sanitizer)
#define ASYNC_TSAN
#endif
#endif

#if defined(ASYNC_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#elif defined(ASYNC_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id)       ((void)(id))
#define RUNNING_ON_VALGRIND                 0
#endif

#endif
