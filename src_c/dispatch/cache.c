/* cache.c: the size of the last-level cache, as the system tells it. */
#include <stdatomic.h>
#include <stdio.h>

#include "dispatch/cpu.h"

static size_t read_cache_bytes(void)
{
    size_t kib = 0;
#if defined(__linux__)
    /* sysconf(_SC_LEVEL3_CACHE_SIZE) adds up the caches of all sockets: 256 MiB where a core has 32. */
    FILE *file = fopen("/sys/devices/system/cpu/cpu0/cache/index3/size", "r");
    if (!file) file = fopen("/sys/devices/system/cpu/cpu0/cache/index2/size", "r");
    if (file) {
        if (fscanf(file, "%zuK", &kib) != 1) kib = 0;
        fclose(file);
    }
#endif
    return (kib ? kib : (size_t)32 << 10) << 10;
}

size_t cn_cache_bytes(void)
{
    static atomic_size_t bytes; /* those who race read the same */
    size_t size = atomic_load(&bytes);
    if (!size) atomic_store(&bytes, size = read_cache_bytes());
    return size;
}
