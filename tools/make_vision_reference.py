"""Writes cnorm/demo/data/vision_reference.npy: the pictures' logits by torch, in float64.

Needs torch and efficientnet-lite-pytorch, an implementation of the network that shares no code
with cnorm; cnorm only hands over the pictures and the path of the weights:

    pip install torch efficientnet-lite-pytorch && python tools/make_vision_reference.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet

from cnorm.demo import vision

TARGET = Path(__file__).resolve().parents[1] / "cnorm" / "demo" / "data" / "vision_reference.npy"


def main() -> None:
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(vision.weights_path(), weights_only=True))
    model.eval().double()
    pixels = torch.from_numpy(np.stack([vision.picture(name) for name in vision.PICTURES]))
    with torch.no_grad():
        logits = model((pixels.permute(0, 3, 1, 2).double() - 127) / 128)
    np.save(TARGET, logits.numpy().astype(np.float32), allow_pickle=False)
    print(f"{TARGET}: {tuple(logits.shape)}")


if __name__ == "__main__":
    main()
