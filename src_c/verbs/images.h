/* images.h: images, as they are or as rows of patches. */
#ifndef CN_IMAGES_H
#define CN_IMAGES_H

#include "cnorm.h"

/* y = (x - center[c]) * scale[c] for a picture whose channels c lie along an axis; x of type `pixels`, y of the
 * call's; clip: NULL, or the least and the greatest y there is. Reads the operands X and Y of the call; y is x
 * itself, element by element, or apart from it. */
cn_status cn_image(const cn_call *call, int pixels, int axis, const double *center, const double *scale,
                   const double *clip);

/* Pictures as rows of patches: so many pixels a side, so many patches a side beside each other in y, so many frames. */
typedef struct {
    ptrdiff_t side, merge, temporal;
} cn_patches;

/* The same for frames (T, C, H, W), the shape of the call. y has no gaps: (t, H / (side * merge), W / (side * merge),
 * merge, merge, C, temporal, side, side), t times `temporal` frames, the last one of x as often as it takes. */
cn_status cn_image_patches(const cn_call *call, int pixels, const double *center, const double *scale,
                           const double *clip, const cn_patches *patches);

#endif
