/* elements.h: the ledger of elements: a row for each type that arrays may have in memory. */
#ifndef CN_ELEMENTS_H
#define CN_ELEMENTS_H

/* ROW(tag, word, set): the tag of cnorm.h, the word that names of kernels begin with, what the user of the list
 * hands on. Setup compiles each instruction set once for each word. */
#define CN_ELEMENTS(ROW, set)                                                                                     \
    ROW(CN_F32, f32, set)                                                                                         \
    ROW(CN_F64, f64, set)                                                                                         \
    ROW(CN_F16, f16, set)                                                                                         \
    ROW(CN_BF16, bf16, set)                                                                                       \
    ROW(CN_U8, u8, set)                                                                                           \
    ROW(CN_U16, u16, set)

/* Where squares of the lanes may leave their range, a group is read again: in lanes of f64, or as doubles times a
 * power of two. */
#define CN_FIT 0
#define CN_REREAD_WIDE 1
#define CN_REREAD_PRESCALED 2

/* CN_FACTS_word: the lanes it is computed in; whether it is a float (others are of images alone); its squares; whether
 * kernels that know holes and weights read it: else it is packed as lanes first, which they read (of the oldest
 * instruction set all do). */
#define CN_FACTS_f32 f32, 1, CN_REREAD_WIDE, 1
#define CN_FACTS_f64 f64, 1, CN_REREAD_PRESCALED, 1
#define CN_FACTS_f16 f32, 1, CN_FIT, 0
#define CN_FACTS_bf16 f32, 1, CN_REREAD_WIDE, 0
#define CN_FACTS_u8 f32, 0, CN_FIT, 0
#define CN_FACTS_u16 f32, 0, CN_FIT, 0

#endif
