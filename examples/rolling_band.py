"""A rolling band on a series: mean and deviations of the last values, a spike that leaves, alarms."""

from __future__ import annotations

from typing import Any

import numpy as np
from _picture import BLUE, GREY, INK, RED, picture

import cnorm

WINDOW, LIMIT = 60, 4.0
rng = np.random.default_rng(3)
t = np.arange(600)

# A sensor: a slow swing, noise that grows, and two values that should raise an alarm.
x = 20 + 3 * np.sin(t / 70) + rng.normal(0, 0.4 + t / 800)
x[[250, 430]] += 9, -8

mean, var = cnorm.rolling_moments(x, WINDOW, min_count=20)
std = np.sqrt(var)
past_mean, past_std = mean[:-1], std[:-1]  # a value is judged by those before it
score = np.full(x.size, np.nan)
score[1:] = (x[1:] - past_mean) / past_std

alarms = np.flatnonzero(np.abs(score) > LIMIT)
print(f"{x.size} values, windows of {WINDOW}: alarms at {alarms.tolist()}")
assert alarms.tolist() == [250, 430], "both leaps, and nothing else"
without = x.copy()
without[[250, 430]] = x[[249, 429]]
left = mean[250 + WINDOW : 430], cnorm.rolling_moments(without, WINDOW, min_count=20)[0][250 + WINDOW : 430]
assert np.allclose(*left, rtol=1e-14), "no trace of the spike once it has left"
print(f"{WINDOW} values after the spike its window has gone by, and nothing of it is left")
print(f"deviation of the last window: {std[-1]:.3f}")


def draw(plt: Any) -> Any:
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(9, 4.6), sharex=True, layout="constrained", height_ratios=(2, 1)
    )
    above.fill_between(t, mean - 2 * std, mean + 2 * std, color=GREY, label="mean and two deviations")
    above.plot(t, x, color=BLUE, linewidth=0.8, label="series")
    above.plot(t, mean, color=INK, linewidth=1.2, label=f"mean of the last {WINDOW}")
    above.plot(alarms, x[alarms], "o", color=RED, markersize=5, label="alarms")
    above.set(title="rolling_moments: a band on a series")
    above.legend(loc="lower left", ncols=2, fontsize=8)
    below.plot(t, score, color=BLUE, linewidth=0.8)
    below.plot(alarms, score[alarms], "o", color=RED, markersize=5)
    for limit in (-LIMIT, LIMIT):
        below.axhline(limit, color=INK, linewidth=1, linestyle="--")
    below.set(title="each value by the moments of those before it", xlabel="position")
    return figure


picture(draw)
