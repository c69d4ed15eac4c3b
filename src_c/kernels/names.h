/* names.h: every name in the body of a kernel, made of two words: CN_E, the element, and CN_L, its lanes.
 *
 * Macros expand where they are used, so each is defined once. CN_E comes from setup (elements.h), CN_L (f32 or
 * f64) and CN_ENDS (what becomes of squares that leave its range) from isa.inc. */
#ifndef CN_NAMES_H
#define CN_NAMES_H

#include "kernels/elements.h"

#define CN_CAT_(a, b) a##b
#define CN_CAT(a, b) CN_CAT_(a, b)
#define CN_CAT4_(a, b, c, d) a##b##c##d
#define CN_CAT4(a, b, c, d) CN_CAT4_(a, b, c, d)

/* The facts of CN_E. */
#define CN_FIRST_(a, b, c, d) a
#define CN_SECOND_(a, b, c, d) b
#define CN_THIRD_(a, b, c, d) c
#define CN_FOURTH_(a, b, c, d) d
#define CN_FIRST(...) CN_FIRST_(__VA_ARGS__)
#define CN_SECOND(...) CN_SECOND_(__VA_ARGS__)
#define CN_THIRD(...) CN_THIRD_(__VA_ARGS__)
#define CN_FOURTH(...) CN_FOURTH_(__VA_ARGS__)
#define CN_LANES CN_FIRST(CN_CAT(CN_FACTS_, CN_E))
#define CN_IS_FLOAT CN_SECOND(CN_CAT(CN_FACTS_, CN_E))
#define CN_SQUARES CN_THIRD(CN_CAT(CN_FACTS_, CN_E))
#define CN_HOLES CN_FOURTH(CN_CAT(CN_FACTS_, CN_E))

/* Are there kernels that take moments of these elements? Of 16-bit floats by the oldest instruction set not: it widens them
 * by a dozen instructions, once for all reads if they are packed. */
#define CN_HAS_MOMENTS (CN_IS_FLOAT && (CN_HOLES || CN_VB > 16))
/* Does kernel normalize take columns? Of 16-bit floats by registers of half a line they take as long by all steps. */
#define CN_HAS_COLUMNS (CN_HOLES || CN_VB == 64)
/* And that make results of few of them at once? Of doubles, whose squares may leave the range, and by the oldest set not; of 16-bit
 * floats that takes about as long as by way of partials. */
#define CN_HAS_FEW_MOMENTS (CN_HOLES && CN_BITS == 32 && CN_VB > 16)

/* A function of its own for each form of what counts (kernels.h), made of an inline one that takes the form last; and the
 * call of the one for `form`, a constant. */
#define CN_ARGUMENTS(...) __VA_ARGS__
#define CN_DEFINE_FORM(attribute, name, suffix, form, parameters, arguments)                                      \
    static __attribute__((noinline)) attribute void CN_F(name##suffix) parameters                                 \
    {                                                                                                             \
        CN_F(name)(CN_ARGUMENTS arguments, form);                                                                 \
    }
#define CN_DEFINE_FORMS_0(name, parameters, arguments) CN_DEFINE_FORM(, name, _all, CN_ALL, parameters, arguments)
#define CN_DEFINE_FORMS_1(name, parameters, arguments)                                                            \
    CN_DEFINE_FORM(, name, _all, CN_ALL, parameters, arguments)                                                   \
    CN_DEFINE_FORM(CN_SMALL, name, _shown, CN_SHOWN, parameters, arguments)                                       \
    CN_DEFINE_FORM(CN_SMALL, name, _weighted, CN_WEIGHTED, parameters, arguments)
/* The oldest instruction set has holes and weights rather small than fast: registers of 16 bytes unroll most. */
#if CN_VB == 16
#define CN_SMALL __attribute__((cold))
#else
#define CN_SMALL
#endif
#define CN_DEFINE_FORMS CN_CAT(CN_DEFINE_FORMS_, CN_HOLES)
#define CN_BY_FORM_0(name, ...) CN_F(name##_all)(__VA_ARGS__)
#define CN_BY_FORM_1(name, ...)                                                                                   \
    (form == CN_ALL     ? CN_F(name##_all)(__VA_ARGS__)                                                           \
     : form == CN_SHOWN ? CN_F(name##_shown)(__VA_ARGS__)                                                         \
                        : CN_F(name##_weighted)(__VA_ARGS__))
#define CN_BY_FORM CN_CAT(CN_BY_FORM_, CN_HOLES)

/* Bits of a lane. */
#define CN_BITS_f32 32
#define CN_BITS_f64 64
#define CN_BITS CN_CAT(CN_BITS_, CN_L)
#define CN_LANES_BITS CN_CAT(CN_BITS_, CN_LANES)

/* An element, a lane, a vector of lanes, what a comparison gives, its bits, those of a lane; lanes of
 * a vector. */
#define CN_T CN_CAT(cn_, CN_E)
#define CN_A CN_CAT(cn_, CN_L)
#define CN_V CN_CAT(v, CN_L)
#define CN_M CN_CAT(vi, CN_BITS)
#define CN_U CN_CAT(vu, CN_BITS)
#define CN_UINT CN_CAT4(uint, CN_BITS, _, t)
#define CN_SINT CN_CAT4(int, CN_BITS, _, t)
#define CN_W ((int)(CN_VB / sizeof(CN_A)))

/* Memory to lanes and back; _A: memory that holds lanes (sums, parameters, scratch); _PART: the first k elements;
 * _NT: past the cache; _PAIR: two vectors at once, where CN_PAIRS. */
#define CN_PAIRS CN_CAT(CN_PAIRS_, CN_E)
#define CN_LOAD CN_CAT4(cn_load_, CN_E, _as_, CN_L)
#define CN_LOAD_PART CN_CAT(CN_LOAD, _part)
#define CN_LOAD_A CN_CAT4(cn_load_, CN_L, _as_, CN_L)
#define CN_LOAD_A_PART CN_CAT(CN_LOAD_A, _part)
#define CN_STORE CN_CAT4(cn_store_, CN_E, _from_, CN_L)
#define CN_STORE_PAIR CN_CAT(CN_STORE, _pair)
#define CN_STORE_PART CN_CAT(CN_STORE, _part)
#define CN_STORE_NT CN_CAT(CN_STORE, _nt)
#define CN_STORE_NT_PART CN_CAT(CN_STORE, _nt_part)
#define CN_STORE_A CN_CAT4(cn_store_, CN_L, _from_, CN_L)
#define CN_STORE_A_PART CN_CAT(CN_STORE_A, _part)
#define CN_STORE_A_NT CN_CAT(CN_STORE_A, _nt)
#define CN_STORE_A_NT_PART CN_CAT(CN_STORE_A, _nt_part)

/* Every k-th element by a load of its own, where that gains (gather.h); lanes of f64 have none. */
#define CN_KNOWN(k) (CN_BITS == 32 && CN_CAT(CN_KNOWN_, CN_E)(k))
#define CN_LOAD_EVERY CN_CAT(cn_load_every_, CN_E)

/* Lanes to lanes. */
#define CN_SUM CN_CAT(cn_sum_, CN_L)
#define CN_KEEP CN_CAT(cn_keep_, CN_L)
#define CN_MIN CN_CAT(cn_min_, CN_L)
#define CN_MAX CN_CAT(cn_max_, CN_L)
#define CN_GREATER CN_CAT(cn_greater_, CN_L)
#define CN_ALL_WITHIN CN_CAT(cn_all_within_, CN_L)
#define CN_ALL_AT_MOST CN_CAT(cn_all_at_most_, CN_L)
#define CN_ANY_EQUAL CN_CAT(cn_any_equal_, CN_L)
#define CN_NANS CN_CAT(cn_nans_, CN_L)
#define CN_NANS_IN CN_CAT(cn_nans_in_, CN_L)
#define CN_NAN_LANES CN_CAT(cn_nan_lanes_, CN_L)
#define CN_CROSS CN_CAT(cn_cross_, CN_L)
#define CN_SQRT CN_CAT(cn_sqrt_, CN_L)
#define CN_EVEN CN_CAT(cn_even_, CN_L)
#define CN_ODD CN_CAT(cn_odd_, CN_L)
#define CN_PICK CN_CAT(cn_pick_, CN_L)
#define CN_ZIP_LO CN_CAT(cn_zip_lo_, CN_L)
#define CN_ZIP_HI CN_CAT(cn_zip_hi_, CN_L)
#define CN_PART_THREES CN_CAT(cn_part_threes_, CN_L)
#define CN_JOIN_THREES CN_CAT(cn_join_threes_, CN_L)

/* Lanes to doubles and back: the vectors of doubles there are then, one of them, one of a mask. */
#define CN_DOUBLES ((int)(sizeof(cn_f64) / sizeof(CN_A)))
#define CN_AS_DOUBLES CN_CAT(cn_doubles_, CN_L)
#define CN_AS_DOUBLE_MASK CN_CAT(cn_double_mask_, CN_L)
#define CN_AS_LANES CN_CAT(cn_lanes_of_, CN_L)

/* What an element and its lanes have (f16_f32_name), and what all elements of these lanes have (f32_name). */
#define CN_F(name) CN_CAT4(CN_E, _, CN_L, CN_CAT(_, name))
#define CN_P(name) CN_CAT4(CN_L, _, name, )

/* Rows are summed in logical lanes, whatever the register: element j joins lane j mod CN_LOGICAL, of so many vectors.
 * A lane is flushed after CN_RUN additions. */
#define CN_LOGICAL ((ptrdiff_t)(128 / sizeof(CN_A)))
#define CN_VECTORS ((int)(128 / CN_VB))
#define CN_RUN 16

/* What one read of a group sums. */
enum { CN_MEAN, CN_ABOUT_PIVOT, CN_ABOUT_ZERO };

/* The range in which squares of lanes, and their sums, are normal numbers; from `least` on a difference to a pivot
 * can't have a square of 0. Squares that fit have no lower end. */
#define f32_tiny 0x1p-100
#define f32_huge FLT_MAX
#define f32_least 0x1p-48
#define f64_tiny 0x1p-900
#define f64_huge DBL_MAX
#define f64_least 0x1p-400
#define CN_TINY (CN_ENDS ? CN_P(tiny) : 0)
#define CN_HUGE CN_P(huge)
#define CN_LEAST_PIVOT (CN_ENDS ? CN_P(least) : 0)

#endif
