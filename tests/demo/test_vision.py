"""The vision demo: classes, the check against the references, and what it says when it cannot run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnorm.__main__ import main
from cnorm.demo import _weights, efficientnet, vision
from cnorm.demo._weights import DemoError, package_folder
from cnorm.demo.efficientnet import STRIDES, EfficientNetLite0, expected_names, scale_pixels

EXTRA = ("PIL", "skimage", vision.WEIGHTS[2], vision.NAMES[2])
needs_extra = pytest.mark.skipif(
    any(package_folder(module) is None for module in EXTRA), reason="the extra of the demo is not installed"
)


@pytest.fixture(scope="module")
def model() -> EfficientNetLite0:
    return vision.load_model()


@pytest.fixture(scope="module")
def pictures() -> Any:
    return scale_pixels(np.stack([vision.picture(name) for name in vision.PICTURES]))


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes packages look as if they were not installed, and pip as if there were no network."""
    find = _weights.importlib.util.find_spec

    def hide(*modules: str) -> None:
        monkeypatch.setattr(_weights.importlib.util, "find_spec", lambda m: None if m in modules else find(m))

    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return hide


@needs_extra
def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--vision"]) == 0
    text = capsys.readouterr().out
    for word in ("chelsea.png", "coffee.png", "tabby", "espresso", "normalization", "in 49 calls", "-> ok"):
        assert word in text


@needs_extra
def test_every_logit(model: EfficientNetLite0, pictures: Any) -> None:
    logits, reference = model(pictures), vision.reference()
    assert logits.shape == reference.shape == (2, 1000)
    assert logits.dtype == reference.dtype == np.float32
    np.testing.assert_allclose(logits, reference, rtol=0, atol=5e-5)
    names = vision.class_names()
    assert [names[i] for i in logits.argmax(1)] == ["tiger cat", "espresso"]


@needs_extra
def test_folded_into_the_convolutions(model: EfficientNetLite0, pictures: Any) -> None:
    """No BatchNorm is left, the logits are the same."""
    folded = EfficientNetLite0(model.weights)
    folded.fold()
    assert not [name for name in folded.weights if "_bn" in name]
    logits = folded(pictures)
    assert folded.norm_time.calls == 0
    np.testing.assert_allclose(logits, vision.reference(), rtol=0, atol=5e-5)
    np.testing.assert_array_equal(logits.argmax(1), model(pictures).argmax(1))


@needs_extra
def test_one_picture_is_the_batch_of_one(model: EfficientNetLite0, pictures: Any) -> None:
    kept = pictures.copy()
    np.testing.assert_allclose(model(pictures[:1]), model(pictures)[:1], rtol=0, atol=5e-5)
    np.testing.assert_array_equal(pictures, kept)


@needs_extra
def test_blocks_against_torch(model: EfficientNetLite0) -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    rng = np.random.default_rng(0)
    for index, size in ((0, 12), (1, 13), (2, 9), (3, 14), (15, 7)):
        parts = [
            p
            for p in ("expand", "depthwise", "project")
            if f"_blocks.{index}._{p}_conv.weight" in model.weights
        ]
        first = model.weights[f"_blocks.{index}._{parts[0]}_conv.weight"]
        x = rng.standard_normal((2, first.shape[1] if index else 32, size, size)).astype("f4")
        y = torch.from_numpy(x)
        for norm, part in zip(range(3 - len(parts), 3), parts, strict=True):
            w = torch.tensor(model.weights[f"_blocks.{index}._{part}_conv.weight"])
            stride, kernel = (STRIDES[index], w.shape[-1]) if part == "depthwise" else (1, 1)
            total = max((-(-y.shape[-1] // stride) - 1) * stride + kernel - y.shape[-1], 0)
            y = functional.pad(y, (total // 2, total - total // 2) * 2)
            y = functional.conv2d(y, w, stride=stride, groups=len(w) if part == "depthwise" else 1)
            scale, bias, mean, var = (
                torch.tensor(model.weights[f"_blocks.{index}._bn{norm}.{p}"])
                for p in ("weight", "bias", "running_mean", "running_var")
            )
            y = functional.batch_norm(y, mean, var, scale, bias, eps=1e-3)
            y = y if part == "project" else y.clamp(0, 6)
        if STRIDES[index] == 1 and y.shape == x.shape:
            y = y + torch.from_numpy(x)
        np.testing.assert_allclose(model.block(index, x.copy()), y.numpy(), rtol=1e-4, atol=1e-4)


@needs_extra
def test_deviation_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    reference = vision.reference()
    reference[1, 7] += 2e-3
    monkeypatch.setattr(vision, "reference", lambda: reference)
    assert vision.run() == 1
    assert "FAILED" in capsys.readouterr().out


@needs_extra
def test_nan_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(vision, "reference", lambda: np.full((2, 1000), np.nan, np.float32))
    assert vision.run() == 1
    assert "FAILED" in capsys.readouterr().out


@pytest.mark.parametrize(("hidden", "package"), [("PIL", "pillow"), ("skimage", "scikit-image")])
def test_missing_package(hidden: str, package: str, without: Any, capsys: pytest.CaptureFixture[str]) -> None:
    without(hidden)
    assert main(["demo", "--vision"]) == 1
    error = capsys.readouterr().err
    assert "the demo needs" in error
    assert hidden in error
    assert error.rstrip().endswith(f"pip install {package}")
    assert error.count("\n") == 1


@needs_extra
def test_picture_not_in_scikit_image(without: Any) -> None:
    with pytest.raises(DemoError, match=r"no dog\.png in scikit-image"):
        vision.picture("dog.png")
    without("skimage")
    with pytest.raises(DemoError, match=r"no chelsea\.png in scikit-image"):
        vision.picture("chelsea.png")


def test_broken_checkpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    monkeypatch.setattr(vision, "weights_path", lambda: path)
    with pytest.raises(DemoError, match="No such file"):
        vision.load_model()
    path.write_bytes(b"junk")
    with pytest.raises(DemoError, match=r"weights\.pth: malformed"):
        vision.load_model()


def test_broken_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(vision, "fetched_folder", lambda *_: tmp_path)
    for names in ({"0": "tench"}, ["tench"]):
        (tmp_path / vision.NAMES_FILE).write_text(json.dumps(names))
        with pytest.raises(DemoError, match="1000 classes"):
            vision.class_names()


def test_weights_of_another_network() -> None:
    zeros = dict.fromkeys(expected_names(), np.zeros(1, np.float32))
    EfficientNetLite0({**zeros, "_bn0.num_batches_tracked": np.array(0)})
    missing = {name: value for name, value in zeros.items() if name != "_fc.bias"}
    with pytest.raises(ValueError, match=r"missing \['_fc\.bias'\], unexpected \['head'\]"):
        EfficientNetLite0({**missing, "head": np.zeros(1)})


def test_structure() -> None:
    assert len(STRIDES) == 16
    assert sum(name.endswith("running_var") for name in expected_names()) == 49
    assert len(set(expected_names())) == 49 * 5 + 2


def test_scale_pixels() -> None:
    pixels = np.zeros((1, 4, 5, 3), np.uint8)
    pixels[0, 1, 2] = 255, 127, 0
    x = scale_pixels(pixels)
    assert x.shape == (1, 3, 4, 5)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x[0, :, 1, 2], [1, 0, -127 / 128])


def test_relu6() -> None:
    x = np.array([-1, 3, 7, np.nan], np.float32)
    assert efficientnet.relu6(x) is x
    np.testing.assert_array_equal(x, [0, 3, 6, np.nan])
