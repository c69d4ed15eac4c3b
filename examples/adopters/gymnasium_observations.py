"""Gymnasium: NormalizeObservation of vector environments, whose moments are float32 as the observations."""

import gymnasium
import numpy as np
from _compare import Adoption, show
from gymnasium.wrappers.utils import RunningMeanStd
from gymnasium.wrappers.vector import NormalizeObservation

import cnorm

wrapper = NormalizeObservation(gymnasium.make_vec("Pendulum-v1", 8))
stats = cnorm.RunningMoments(3, prior=(1e-4, 0, 1))


def ours(observations):
    stats.update(observations)
    return stats.normalize(observations, dtype=np.float32)


def exact(observations):
    rms = RunningMeanStd(shape=3)
    rms.update(observations)
    return (observations - rms.mean) / np.sqrt(rms.var + 1e-8)


def main():
    call = wrapper.observations
    x = np.random.default_rng(0).normal(1000, 1, (8, 3)).astype(np.float32)
    show(Adoption("gymnasium", "NormalizeObservation.observations", call, ours, lambda: (x,), exact))


if __name__ == "__main__":
    main()
