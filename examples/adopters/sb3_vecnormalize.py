"""stable-baselines3: VecNormalize takes observations in, normalizes, clips."""

import gymnasium
import numpy as np
from _compare import Adoption, show
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import cnorm

envs = VecNormalize(DummyVecEnv([lambda: gymnasium.make("Pendulum-v1")] * 8))
stats = cnorm.RunningMoments(3, prior=(1e-4, 0, 1))


def today(observations):
    envs.obs_rms.update(observations)
    return envs.normalize_obs(observations)


def ours(observations):
    stats.update(observations)
    return stats.normalize(observations, clip=10.0, dtype=np.float32)


def exact(observations):
    rms = type(envs.obs_rms)(shape=3)
    rms.update(observations)
    return (observations - rms.mean) / np.sqrt(rms.var + 1e-8)


def main():
    x = np.random.default_rng(0).normal(5, 2, (8, 3)).astype(np.float32)
    show(Adoption("stable-baselines3", "VecNormalize.normalize_obs", today, ours, lambda: (x,), exact))


if __name__ == "__main__":
    main()
