/* main.c: the tests of the C core: all of them, or those named; the hash of the sweep against a recorded one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const struct {
    const char *name;
    void (*test)(void);
} tests[] = {
    {"sweep", test_sweep},
    {"int8", test_int8},
    {"far_apart", test_far_apart},
    {"pictures", test_pictures},
    {"streams", test_streams},
    {"extremes", test_extremes},
    {"counted", test_counted},
    {"memory", test_memory},
    {"callers", test_callers},
    {"forks", test_forks},
    {"matrices", test_matrices},
    {"windows", test_windows},
    {"windows_memory", test_windows_memory},
    {"groups", test_groups},
    {"products", test_products},
    {"logs", test_logs},
    {"roots", test_roots},
    {"touched", test_touched},
};

/* The first word of a file. */
static uint64_t recorded(const char *path)
{
    uint64_t value = 0;
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%" SCNx64, &value) != 1) printf("no hash in %s\n", path);
    if (file) fclose(file);
    return value;
}

/* c_test FILE [TEST ...]: FILE holds the hash of sweep, int8 and far_apart; - if some cases are left out. */
int main(int argc, char **argv)
{
    const char *sets[8];
    int before = 0; /* of those that are hashed */
    if (argc < 2 || !cn_init(NULL)) return 2;
    printf("instruction sets:");
    for (int i = 0, n = available(sets, 8); i < n; i++) printf(" %s", sets[i]);
    printf("\n");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        int named = argc == 2;
        for (int j = 2; j < argc; j++) named |= strcmp(argv[j], tests[i].name) == 0;
        if (!named) continue;
        printf("%s\n", tests[i].name);
        fflush(stdout); /* fork() would print it twice */
        tests[i].test();
        before += tests[i].test == test_sweep || tests[i].test == test_int8;
        if (tests[i].test != test_far_apart || before < 2) continue;
        printf("hash %016" PRIx64 "\n", hashed());
        if (strcmp(argv[1], "-") == 0) continue;
        check(hashed() == recorded(argv[1]), "the hash is not that in %s", argv[1]);
    }
    return conclude();
}
