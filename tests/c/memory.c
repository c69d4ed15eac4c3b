/* memory.c: every malloc of the core fails in turn: CN_NO_MEMORY, nothing written, nothing leaked. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "operations.h"

#define UNTOUCHED 0x5a
#define MOST_MALLOCS 10

/* How many mallocs the call needs; each of them has failed once. */
static int fail_each(const operation *op, const operands *o)
{
    const ptrdiff_t outputs = second_bytes(op, o->a) ? 0 : first_bytes(op, o->a);
    const int before = atomic_load(&mallocs_alive);
    for (int k = 0; k < MOST_MALLOCS; k++) {
        memset(o->y, UNTOUCHED, (size_t)o->a->bytes);
        memset(o->sum, UNTOUCHED, (size_t)o->a->bytes);
        if (outputs) memset(o->first, UNTOUCHED, (size_t)outputs);
        atomic_store(&mallocs_left, k);
        cn_status status = run(op, o);
        atomic_store(&mallocs_left, -1);
        int kept = atomic_load(&mallocs_alive) - before;
        check(kept == 0, "%s, %s: malloc %d failed, %d leaked", op->name, o->a->how->name, k, kept);
        if (status == CN_OK) return k;
        int good = status == CN_NO_MEMORY && all_bytes(o->y, o->a->bytes, UNTOUCHED) &&
                   all_bytes(o->sum, o->a->bytes, UNTOUCHED) && all_bytes(o->first, outputs, UNTOUCHED);
        check(good, "%s, %s: malloc %d failed, written", op->name, o->a->how->name, k);
    }
    check(0, "%s, %s: never succeeds", op->name, o->a->how->name);
    return 0;
}

/* Small calls do without, large ones in two phases need most. */
void test_memory(void)
{
    static const ptrdiff_t sizes[][2] = {{3, 20}, {3, 200000}, {2000, 300}};
    int needed = 0;
    cn_set_num_threads(2);
    for (int s = 0; s < 3; s++)
        for (int l = 0; l < n_layouts; l++) {
            if (layouts[l].ndim == 4) continue;
            array a = make_array(&layouts[l], CN_F32, sizes[s][0], sizes[s][1]);
            char *memory = malloc((size_t)a.bytes * 4);
            fill_array(&a, memory, SHIFTED, 1);
            fill_array(&a, memory + 2 * a.bytes, SHIFTED, 2);
            for (int i = 0; i < n_operations; i++) {
                const operation *op = &operations[i];
                operands o = {.a = &a, .x = memory, .y = memory + a.bytes};
                o.r = o.y + a.bytes, o.sum = o.r + a.bytes;
                if (!applies(op, a.how)) continue;
                o.w = guarded(SLOT_W, (size_t)w_bytes(op, &a), 1),
                o.b = guarded(SLOT_B, (size_t)b_bytes(op, &a), 1);
                o.first = guarded(SLOT_FIRST, (size_t)first_bytes(op, &a), 1);
                o.second = guarded(SLOT_SECOND, (size_t)second_bytes(op, &a), 1);
                o.mask = guarded(SLOT_M, (size_t)mask_bytes(op, &a), 1);
                fill_inputs(op, &o);
                needed += fail_each(op, &o);
            }
            free(memory);
            drop_array(&a);
        }
    check(needed > 100, "few mallocs failed: %d", needed);
}
