/* ungradable: the compiler waited for something to read */
#include "/dev/ptmx"
