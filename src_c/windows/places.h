/* places.h: how many positions before the end of a window its best element stands. */
#ifndef CN_PLACES_H
#define CN_PLACES_H

#include "verbs/windows.h"

cn_status cn_window_places(const cn_call *call, int axis, const cn_window *how);

#endif
