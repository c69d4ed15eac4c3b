/* pictures.c: pictures on guarded arrays: every dtype, layout and instruction set, near and far; failing malloc. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "arrays.h"
#include "verbs/images.h"

#define UNTOUCHED 0x5a
#define HEIGHT 2
#define MOST 5 /* channels */

enum { SPLIT, TOGETHER, PLANES, MIRRORED, N_WAYS };
static const char *const ways[N_WAYS] = {"HWC->CHW", "HWC->HWC", "CHW->CHW", "WHC mirrored->HWC"};

typedef struct {
    int pixels, way, threads;
    cn_dtype dtype;
    ptrdiff_t shape[3], x_strides[3], y_strides[3]; /* H, W, C; elements */
    ptrdiff_t n, first;                             /* of x */
    double center[MOST], scale[MOST];
} picture;

static ptrdiff_t pixel_size(int pixels) { return pixels == CN_U8 ? 1 : pixels == CN_U16 ? 2 : dtype_size(pixels); }

static double pixel(int pixels, const char *x)
{
    uint16_t wide;
    if (pixels == CN_U8) return *(const unsigned char *)x;
    memcpy(&wide, x, sizeof wide);
    return pixels == CN_U16 ? wide : decode(pixels, x);
}

static picture make(int pixels, cn_dtype dtype, int way, ptrdiff_t width, ptrdiff_t channels)
{
    picture p = {.pixels = pixels, .way = way, .threads = 1, .dtype = dtype, .n = HEIGHT * width * channels};
    const ptrdiff_t h = HEIGHT, w = width, c = channels;
    const ptrdiff_t inner[3] = {w * c, c, 1}, planes[3] = {w, 1, h * w}, mirrored[3] = {c, -h * c, 1};
    const ptrdiff_t sizes[3] = {h, w, c};
    memcpy(p.shape, sizes, sizeof sizes);
    memcpy(p.x_strides, way == MIRRORED ? mirrored : way == PLANES ? planes : inner, sizeof inner);
    memcpy(p.y_strides, way == SPLIT || way == PLANES ? planes : inner, sizeof inner);
    p.first = way == MIRRORED ? (w - 1) * h * c : 0;
    for (int i = 0; i < MOST; i++)
        p.center[i] = pixels < CN_U8 ? 0.41 + i : 123.675 - i, p.scale[i] = 0.0175 + i / 16.0;
    return p;
}

static void fill(const picture *p, char *x)
{
    uint64_t seed = (uint64_t)p->n;
    for (ptrdiff_t i = 0; i < p->n; i++) {
        uint64_t bits = random_bits(&seed);
        if (p->pixels == CN_F16) bits = 0x3000 + (bits & 0x7ff);
        if (p->pixels == CN_BF16) bits = 0x3e00 + (bits & 0xff);
        if (p->pixels == CN_F32) bits = 0x3e000000 + (bits & 0xffffff);
        if (p->pixels == CN_F64) bits = 0x3fc0000000000000u + (bits >> 12);
        memcpy(x + i * pixel_size(p->pixels), &bits, (size_t)pixel_size(p->pixels));
    }
}

static cn_call call_of(const picture *p, char *x, char *y)
{
    cn_call call = {.ndim = 3, .dtype = p->dtype, .n_stats = 1};
    memcpy(call.shape, p->shape, sizeof p->shape);
    call.op[CN_X].data = x + p->first * pixel_size(p->pixels), call.op[CN_Y].data = y;
    for (int i = 0; i < 3; i++) {
        call.op[CN_X].strides[i] = p->x_strides[i] * pixel_size(p->pixels);
        if (y) call.op[CN_Y].strides[i] = p->y_strides[i] * dtype_size(p->dtype);
    }
    return call;
}

static cn_call summed(const picture *p, char *x, cn_partial *sums)
{
    cn_call call = call_of(p, x, NULL);
    call.dtype = (cn_dtype)p->pixels, call.n_stats = p->shape[2], call.op[CN_STAT].strides[2] = p->shape[2] > 1;
    call.moments = (cn_moments){.kind = CN_PIXEL_SUMS, .to = sums};
    return call;
}

/* y as a reference in double has it, and the sums exactly. */
static int as_expected(const picture *p, const char *x, const char *y, const cn_partial *sums)
{
    static const double bound[CN_NDTYPES] = {4.01 * 0x1p-24, 0x1p-50, 0x1.01p-11, 0x1.01p-8};
    uint64_t own[2 * MOST] = {0};
    int good = 1;
    for (ptrdiff_t i = 0; i < p->n; i++) {
        const ptrdiff_t c = i % p->shape[2], w = i / p->shape[2] % p->shape[1], h = i / p->shape[2] / p->shape[1];
        const ptrdiff_t from = p->first + h * p->x_strides[0] + w * p->x_strides[1] + c * p->x_strides[2];
        const ptrdiff_t to = h * p->y_strides[0] + w * p->y_strides[1] + c * p->y_strides[2];
        double v = pixel(p->pixels, x + from * pixel_size(p->pixels)), expected = (v - p->center[c]) * p->scale[c];
        double difference = fabs(decode(p->dtype, y + to * dtype_size(p->dtype)) - expected);
        good &= difference <= bound[p->dtype] * fabs(expected) + 0x1p-25 * (p->dtype == CN_F16);
        if (p->pixels >= CN_U8) own[2 * c] += (uint64_t)v, own[2 * c + 1] += (uint64_t)(v * v);
    }
    for (ptrdiff_t c = 0; c < p->shape[2] && p->pixels >= CN_U8; c++)
        good &= own[2 * c] == (uint64_t)sums[c].mean &&
                own[2 * c + 1] == (uint64_t)sums[c].mean_lo + ((uint64_t)sums[c].m2 << 16);
    return good;
}

/* Every instruction set, both ends of the memory, in the cache and past it: the bits of the first. */
static void all_sets(const picture *p)
{
    const size_t bytes = (size_t)(p->n * dtype_size(p->dtype)), x_bytes = (size_t)(p->n * pixel_size(p->pixels));
    const char *sets[8];
    const int n_sets = has_turn() ? available(sets, 8) : 0;
    char *expected = malloc(bytes);
    for (int i = 0; i < 4 * n_sets; i++) {
        atomic_store(&cache_bytes, i & 1 ? 1 : (size_t)1 << 30);
        cn_init(sets[i / 4]);
        cn_set_num_threads(p->threads);
        char *x = guarded(SLOT_X, x_bytes, i >> 1 & 1), *y = guarded(SLOT_Y, bytes, i >> 1 & 1);
        cn_partial sums[MOST];
        fill(p, x);
        memset(y, UNTOUCHED, bytes);
        cn_call call = call_of(p, x, y), reading = summed(p, x, sums);
        int good = cn_image(&call, p->pixels, 2, p->center, p->scale, NULL) == CN_OK;
        if (p->pixels >= CN_U8) good &= cn_run(&reading) == CN_OK;
        if (i == 0) memcpy(expected, y, bytes);
        good &= as_expected(p, x, y, sums) && memcmp(expected, y, bytes) == 0;
        check(good, "%s %d to %s, width %td, channels %td, %s, variant %d", ways[p->way], p->pixels,
              dtype_names[p->dtype], p->shape[1], p->shape[2], sets[i / 4], i % 4);
    }
    free(expected);
}

static void failing_mallocs(void)
{
    picture p = make(CN_U8, CN_F16, SPLIT, 70, 3);
    char *x = guarded(SLOT_X, (size_t)p.n, 1), *y = guarded(SLOT_Y, (size_t)(2 * p.n), 1);
    cn_call call = call_of(&p, x, y);
    memset(y, UNTOUCHED, (size_t)(2 * p.n));
    atomic_store(&mallocs_left, 0);
    int refused = cn_image(&call, CN_U8, 2, p.center, p.scale, NULL) == CN_NO_MEMORY;
    atomic_store(&mallocs_left, -1);
    check(refused && all_bytes(y, 2 * p.n, UNTOUCHED), "pictures: malloc failed, written");
    const int before = atomic_load(&mallocs_alive);
    check(cn_image(&call, CN_U8, 2, p.center, p.scale, NULL) == CN_OK, "picture: failed");
    check(atomic_load(&mallocs_alive) == before, "picture: leaked");
}

void test_pictures(void)
{
    for (int pixels = 0; pixels < CN_NELEMENTS; pixels++)
        for (int dtype = 0; dtype < CN_NDTYPES; dtype++)
            for (int way = 0; way < N_WAYS; way++) {
                for (ptrdiff_t width = 1; width <= 70; width += 1 + (pixels + dtype + way + width) % 3)
                    for (ptrdiff_t channels = 1; channels <= MOST; channels++) {
                        picture p = make(pixels, (cn_dtype)dtype, way, width, channels);
                        all_sets(&p);
                    }
                picture large = make(pixels, (cn_dtype)dtype, way, 45011 - 37 * way, 3);
                large.threads = 3;
                all_sets(&large);
            }
    failing_mallocs();
    atomic_store(&cache_bytes, 0);
    cn_init(NULL);
    cn_set_num_threads(1);
}
