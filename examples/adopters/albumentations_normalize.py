"""Albumentations: Normalize, height by width by channels as before."""

import albumentations
import numpy as np
from _compare import Adoption, show

import cnorm

transform = albumentations.Normalize()


def today(image):
    return transform.apply(image)


def ours(image):
    return cnorm.image_normalize(image, transform.mean, transform.std, layout="HWC->HWC")


def arrays():
    return (np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8),)


def exact(image):
    return (image / 255 - transform.mean) / transform.std


def main():
    show(Adoption("albumentations", "Normalize().apply(image)", today, ours, arrays, exact))


if __name__ == "__main__":
    main()
