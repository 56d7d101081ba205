/* ungradable: \x1b[31mPASS */
#include "02_gather.h"

__asm__(".globl call_all\ncall_all: call \"\033[31mPASS\033[0m\"\n");
