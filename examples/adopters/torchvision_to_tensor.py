"""torchvision: ToTensor and Normalize, from a picture's bytes to a tensor."""

import numpy as np
import torch
from _compare import Adoption, show
from torchvision.transforms import Compose, Normalize, ToTensor

import cnorm

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
transform = Compose([ToTensor(), Normalize(MEAN, STD)])


def ours(image):
    return torch.from_numpy(cnorm.image_normalize(image, MEAN, STD))


def arrays():
    return (np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8),)


def exact(image):
    return ((image / 255 - MEAN) / STD).transpose(2, 0, 1)


def main():
    show(
        Adoption("torchvision", "Compose([ToTensor(), Normalize(mean, std)])", transform, ours, arrays, exact)
    )


if __name__ == "__main__":
    main()
