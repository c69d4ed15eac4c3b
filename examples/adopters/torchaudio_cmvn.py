"""torchaudio: sliding CMVN; the first frames have the first window, as Kaldi's."""

import torch
from _compare import Adoption, show
from torchaudio.functional import sliding_window_cmn

import cnorm


def today(frames):
    return sliding_window_cmn(frames, 300, 100, norm_vars=True)


def ours(frames):
    y = cnorm.rolling_standardize(frames, 301, eps=0, axis=0, min_count=1)
    mean, var = cnorm.moments(frames[:100], 0)
    y[:100] = (frames[:100] - mean) / var**0.5
    return torch.from_numpy(y)


def arrays():
    return (torch.randn(1000, 80) * 3 - 5,)


def main():
    show(Adoption("torchaudio", "sliding_window_cmn(frames, 300, 100, norm_vars=True)", today, ours, arrays))


if __name__ == "__main__":
    main()
