"""image_normalize: every dtype, layout, size and stride against float64; statistics; what is refused."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import BFLOAT16, DTYPES, Array
from strategies import Layout, Placed, examples
from sweep import sweep

import cnorm
from cnorm import image_normalize
from cnorm._native import images, reductions

KINDS = [np.dtype(np.uint8), np.dtype(np.uint16), *DTYPES]
LAYOUTS = {"HWC->CHW": (-1, -3), "HWC->HWC": (-1, -1), "CHW->CHW": (-3, -3)}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# One rounding; float32 results of integers have three, of floats four.
RELATIVE = {"float32": 2**-24, "float64": 2**-50, "float16": 2**-11, "bfloat16": 2**-8}
# Of the reference itself where it cancels, and of float16's denormals.
ABSOLUTE = {"float32": 1e-13, "float64": 1e-13, "float16": 2**-25, "bfloat16": 1e-13}


def picture(shape: tuple[int, ...], dtype: np.dtype[Any], seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    if dtype.kind == "u":
        return rng.integers(0, np.iinfo(dtype).max + 1, shape, dtype)
    return np.asarray(rng.uniform(0, 1, shape).astype(dtype))


def scale_of(dtype: np.dtype[Any]) -> float:
    return 1 / np.iinfo(dtype).max if dtype.kind == "u" else 1.0


def expected(x: Array, mean: Any, std: Any, scale: float, layout: str) -> Array:
    source, target = LAYOUTS[layout]
    y = (np.moveaxis(x.astype(np.float64), source, -1) * scale - np.asarray(mean)) / np.asarray(std)
    return np.moveaxis(y, -1, target)


def check(actual: Array, reference: Array, picture_dtype: np.dtype[Any]) -> None:
    """Every element within its rounding errors."""
    name = actual.dtype.name
    assert actual.shape == reference.shape
    roundings = 3 if picture_dtype.kind == "u" else 4
    relative = RELATIVE[name] * (roundings if name == "float32" else 1.02)
    error = np.abs(actual.astype(np.float64) - reference)
    assert (error <= 1.001 * relative * np.abs(reference) + ABSOLUTE[name]).all()


def shaped(
    layout: str, height: int, width: int, channels: int, lead: tuple[int, ...] = ()
) -> tuple[int, ...]:
    return (*lead, channels, height, width) if layout.startswith("CHW") else (*lead, height, width, channels)


def parameters(channels: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(channels)
    return rng.uniform(0.3, 0.6, channels), rng.uniform(0.2, 0.3, channels)


@sweep(kind=KINDS, channels=[1, 2, 3, 4, 5, 19], layout=LAYOUTS)
def test_every_width(kind: np.dtype[Any], channels: int, layout: str) -> None:
    mean, std = parameters(channels)
    for width in (*range(1, 71), 519, 2300):
        x = picture(shaped(layout, 2, width, channels, (2,) if width % 3 == 0 else ()), kind, width)
        y = image_normalize(x, mean, std, scale=scale_of(kind), layout=layout)
        assert y.dtype == np.float32
        assert y.flags.c_contiguous
        check(y, expected(x, mean, std, scale_of(kind), layout), kind)


@sweep(kind=KINDS, dtype=DTYPES, layout=LAYOUTS)
def test_every_result_dtype(kind: np.dtype[Any], dtype: np.dtype[Any], layout: str) -> None:
    for channels, width in itertools.product((1, 3, 4), (1, 7, 40, 600)):
        mean, std = parameters(channels)
        x = picture(shaped(layout, 3, width, channels), kind)
        y = image_normalize(x, mean, std, scale=scale_of(kind), layout=layout, dtype=dtype)
        assert y.dtype == dtype
        check(y, expected(x, mean, std, scale_of(kind), layout), kind)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_byte(dtype: Any) -> None:
    """All 256 values with many means and deviations, the exact ones by fractions."""
    rng = np.random.default_rng(0)
    x = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
    for mean, std in [*zip(MEAN, STD, strict=True), (0.5, 0.5), (0.0, 1.0), (100 / 255, 1 / 255), (1.0, 3.0)]:
        y = image_normalize(x, mean, std, dtype=dtype).ravel()
        scale, m, s = Fraction(1 / 255), Fraction(mean), Fraction(std)
        exact = [float((v * scale - m) / s) for v in range(256)]
        # The quotient mean / scale is a double.
        bound = 3 * 2**-24 if dtype == np.float32 else 2**-50
        np.testing.assert_allclose(y.astype(np.float64), exact, rtol=1.001 * bound, atol=1e-15 / std)
    means, stds = rng.uniform(-2, 3, 2000), rng.uniform(1e-3, 4, 2000)
    many = np.broadcast_to(x, (1, 256, 2000))
    y = image_normalize(many, means, stds, dtype=dtype)
    check(y, expected(many, means, stds, 1 / 255, "HWC->CHW"), x.dtype)


def test_every_short() -> None:
    x = np.arange(65536, dtype=np.uint16).reshape(1, -1, 1)
    for mean, std in zip(MEAN, STD, strict=True):
        check(
            image_normalize(x, mean, std, scale=1 / 65535),
            expected(x, mean, std, 1 / 65535, "HWC->CHW"),
            x.dtype,
        )


VIEWS = {
    "crop": lambda x: x[..., 3:-4, 5:-2, :],
    "channels reversed": lambda x: x[..., ::-1],
    "some channels": lambda x: x[..., 1:3],
    "mirrored": lambda x: x[..., ::-1, :],
    "upside down": lambda x: x[..., ::-1, :, :],
    "all reversed": lambda x: x[..., ::-1, ::-1, ::-1],
    "every second": lambda x: x[..., ::2, ::2, :],
    "rows as columns": lambda x: x.swapaxes(-3, -2),
    "one row repeated": lambda x: np.broadcast_to(x[..., :1, :, :], x.shape),
    "planes": lambda x: np.moveaxis(np.ascontiguousarray(np.moveaxis(x, -1, -3)), -3, -1),
}


@pytest.mark.parametrize("view", VIEWS)
@sweep(kind=KINDS, layout=LAYOUTS)
def test_views(view: str, kind: np.dtype[Any], layout: str) -> None:
    """The bits are those of a contiguous copy."""
    for lead in ((), (2,)):
        x = VIEWS[view](picture((*lead, 21, 45, 4), kind))
        x = np.moveaxis(x, -1, -3) if layout == "CHW->CHW" else x
        mean, std = parameters(x.shape[LAYOUTS[layout][0]])
        before = x.copy()
        y = image_normalize(x, mean, std, scale=scale_of(kind), layout=layout)
        copy = np.ascontiguousarray(x)
        assert np.array_equal(y, image_normalize(copy, mean, std, scale=scale_of(kind), layout=layout))
        check(y, expected(x, mean, std, scale_of(kind), layout), kind)
        assert np.array_equal(x, before)


@sweep(dtype=DTYPES, layout=LAYOUTS)
def test_out_of_any_strides(dtype: np.dtype[Any], layout: str) -> None:
    x = picture(shaped(layout, 5, 37, 3, (4,)), np.dtype(np.uint8))
    y = image_normalize(x, MEAN, STD, layout=layout, dtype=dtype)
    for order, steps, shift in itertools.product(
        [(0, 1, 2, 3), (0, 2, 3, 1), (3, 2, 1, 0)], [(1, 1, 1, 1), (1, -1, 2, -3)], (0, 1)
    ):
        out = Placed(np.zeros(y.shape, dtype), Layout(order, steps, shift))
        result = image_normalize(x, MEAN, STD, layout=layout, dtype=dtype, out=out.array)
        assert result is out.array
        assert np.array_equal(result, y)
        assert out.surroundings_intact()
        for over in ("image", "channel"):
            image_normalize(x, over, None, layout=layout, dtype=dtype, out=out.array)
            assert np.array_equal(out.array, image_normalize(x, over, None, layout=layout, dtype=dtype))
        assert out.surroundings_intact()


@sweep(kind=KINDS, layout=LAYOUTS)
def test_out_over_the_image(kind: np.dtype[Any], layout: str) -> None:
    """Overlapping memory gives the result of memory apart."""
    x = picture(shaped(layout, 6, 41, 3), kind)
    y = image_normalize(x, MEAN, STD, scale=scale_of(kind), layout=layout)
    memory = np.zeros(4 * y.nbytes, np.uint8)
    for first, second in itertools.product((0, 64, 1024), (0, 4, 32, 1028)):
        source = memory[first : first + x.nbytes].view(kind).reshape(x.shape)
        target = memory[second : second + y.nbytes].view(np.float32).reshape(y.shape)
        source[...] = x
        image_normalize(source, MEAN, STD, scale=scale_of(kind), layout=layout, out=target)
        assert np.array_equal(target, y)


@pytest.mark.parametrize("swapped", [">u2", ">f4", ">f8"])
def test_the_other_byte_order(swapped: str) -> None:
    x = picture((5, 9, 3), np.dtype(swapped).newbyteorder("="))
    y = image_normalize(x, MEAN, STD)
    assert np.array_equal(image_normalize(x.astype(swapped), MEAN, STD), y)
    other = image_normalize(x, MEAN, STD, dtype=">f4")
    assert other.dtype == np.dtype(">f4")
    assert np.array_equal(other, y)


@pytest.mark.parametrize(
    "mean", [0.5, np.float16(0.5), [0.5], (0.4, 0.5, 0.6), np.full((3, 1, 1), 0.25, BFLOAT16)]
)
def test_parameters_of_any_kind(mean: Any) -> None:
    x = picture((4, 9, 3), np.dtype(np.uint8))
    values = np.asarray(mean).astype(np.float64).ravel()
    check(image_normalize(x, mean, 2), expected(x, values, 2.0, 1 / 255, "HWC->CHW"), x.dtype)


def test_far_from_float32() -> None:
    """Centers and factors that float32 does not have."""
    x = picture((3, 8, 2), np.dtype(np.uint8)) | 1
    for mean, std, scale in (
        (0.0, 1e-20, 1e-60),
        (1e-50, 1e-52, 1e-52),
        (1e40, 1e38, 1e39),
        (0.0, 1e300, 1e298),
    ):
        y = image_normalize(x, mean, std, scale=scale)
        np.testing.assert_allclose(y, expected(x, mean, std, scale, "HWC->CHW"), rtol=1e-6)


def test_nan_and_infinity_stay() -> None:
    x = picture((3, 40, 3), np.dtype(np.float32))
    x[1, 20, 1], x[1, 21, 1] = np.nan, np.inf
    y = image_normalize(x, MEAN, STD, scale=1.0)
    assert np.isnan(y[1, 1, 20])
    assert np.isposinf(y[1, 1, 21])
    assert np.isfinite(y).sum() == y.size - 2


@sweep(kind=KINDS, over=["image", "channel"], layout=LAYOUTS)
def test_computed_statistics(kind: np.dtype[Any], over: str, layout: str) -> None:
    for lead in ((), (2,), (2, 3)):
        x = picture(shaped(layout, 11, 47, 3, lead), kind)
        last = np.moveaxis(x.astype(np.float64), LAYOUTS[layout][0], -1)
        axes = (-3, -2, -1) if over == "image" else (-3, -2)
        z = (last - last.mean(axes, keepdims=True)) / last.std(axes, keepdims=True)
        for std in (None, over):
            y = image_normalize(x, over, std, layout=layout)
            np.testing.assert_allclose(y, np.moveaxis(z, -1, LAYOUTS[layout][1]), rtol=2e-6, atol=2e-6)
        scaled = (last - last.mean(axes, keepdims=True)) * (0.5 / np.asarray(STD))
        y = image_normalize(x, over, STD, scale=0.5, layout=layout)
        moved = np.moveaxis(scaled, -1, LAYOUTS[layout][1])
        np.testing.assert_allclose(y, moved, rtol=2e-6, atol=2e-6 * np.abs(scaled).max())


def exactly(x: Array, over: str, std: Any, scale: float, layout: str) -> Array:
    """(scale * x - mean) / std in longdouble, about a pixel of each picture: nothing cancels."""
    source, target = LAYOUTS[layout]
    last = np.moveaxis(x, source, -1).astype(np.longdouble)
    channels = slice(0, 1) if over == "image" else slice(None)
    axes = (-3, -2, -1) if over == "image" else (-3, -2)
    apart = (last - last[..., :1, :1, channels]) * np.longdouble(scale)
    apart -= apart.mean(axes, keepdims=True)
    own = np.sqrt((apart * apart).mean(axes, keepdims=True))
    divisor = np.where(own == 0, 1, own) if std is None else np.asarray(std, np.longdouble)
    return np.moveaxis(apart / divisor, -1, target)


EVERY_KIND = [*KINDS, *map(np.dtype, (bool, np.int8, np.int16, np.int32, np.uint32))]


@st.composite
def batches(draw: st.DrawFn) -> tuple[Array, str]:
    """Pictures of different nature in one batch: anywhere, constant, with one pixel apart."""
    layout, kind = draw(st.sampled_from(sorted(LAYOUTS))), draw(st.sampled_from(EVERY_KIND))
    lead = draw(st.sampled_from([(), (1,), (2,), (7,), (2, 3), (5, 2)]))
    height, width = draw(st.sampled_from([(1, 1), (1, 7), (4, 9), (11, 40), (90, 130)]))
    shape = shaped(layout, height, width, draw(st.integers(1, 4)), lead)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if kind.kind == "b":
        x = rng.random(shape) < draw(st.sampled_from([0.0, 0.01, 0.5]))
    elif kind.kind in "iu":
        top = np.iinfo(kind).max
        x = rng.integers(
            draw(st.sampled_from([np.iinfo(kind).min, top - 1])), top, shape, kind, endpoint=True
        )
    else:
        level = draw(st.sampled_from([0.0, 1e2, 1e6])) if kind.itemsize >= 4 else 0.0
        x = (rng.normal(0, 10.0 ** draw(st.integers(-3, 2)), shape) + level).astype(kind)
    if lead and draw(st.booleans()):
        x[0] = x[0].flat[0]
    if draw(st.booleans()):
        x = x[..., ::-1, :]
    return x, layout


@examples(150)
@given(batches(), st.data())
def test_own_statistics_of_any_batch(batch: tuple[Array, str], data: st.DataObject) -> None:
    """Within a few roundings of longdouble, and the bits of each picture alone."""
    x, layout = batch
    over, dtype = data.draw(st.sampled_from(["image", "channel"])), data.draw(st.sampled_from(DTYPES))
    channels = x.shape[LAYOUTS[layout][0]]
    std = data.draw(st.sampled_from([None, 0.5, parameters(channels)[1]]))
    scale = data.draw(st.sampled_from([1.0, 1 / 255, -1 / 255, -3.0]))
    y = image_normalize(x, over, std, scale=scale, layout=layout, dtype=dtype)
    for i in np.ndindex(x.shape[:-3]):
        alone = image_normalize(x[i], over, std, scale=scale, layout=layout, dtype=dtype)
        assert alone.tobytes() == y[i].tobytes()
    z = exactly(x, over, std, scale, layout)
    bound = {"float64": 1e-15, "float32": 4e-7}.get(dtype.name, 2 * RELATIVE[dtype.name])
    if dtype == np.float16 and np.abs(z).max(initial=0) > 60000:
        return
    error = np.abs(y.astype(np.longdouble) - z)
    denormal = 0.51 * 2.0**-24 if dtype == np.float16 else 0.0  # rounding where results are denormal
    assert (error <= max(bound * max(np.abs(z).max(), 1e-9), denormal)).all()


@pytest.mark.parametrize("kind", [np.dtype(np.uint8), np.dtype(np.float64)], ids=str)
def test_a_negative_scale_turns_signs(kind: np.dtype[Any]) -> None:
    x = picture((4, 5, 6, 3), kind)
    for over in ("image", "channel"):
        assert np.array_equal(image_normalize(x, over, None, scale=-2), -image_normalize(x, over, None))


@pytest.mark.parametrize("size", [1e200, 1e-170, 1e307, 1e-300])
def test_own_statistics_beyond_squares(size: float) -> None:
    """Beside a picture of plain values, one of NaN and a constant one."""
    x = np.random.default_rng(0).normal(5, 2, (4, 6, 7, 3))
    plain = image_normalize(x, "channel", None, dtype=np.float64)
    x[1] *= size
    x[2, 0, 0], x[3] = np.nan, size
    y = image_normalize(x, "channel", None, dtype=np.float64)
    assert np.array_equal(y[0], plain[0])
    np.testing.assert_allclose(y[1], plain[1], rtol=1e-14, atol=1e-14)
    assert np.isnan(y[2]).all()
    assert (y[3] == 0).all()


def test_many_small_pictures_take_few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    for module, name in ((images, "picture"), (reductions, "sums"), (reductions, "moments")):
        function = getattr(module, name)

        def counted(*args: Any, _of: Any = function) -> Any:
            calls.append(args)
            return _of(*args)

        monkeypatch.setattr(module, name, counted)
    for kind, over in itertools.product((np.uint8, np.float32), ("image", "channel")):
        image_normalize(picture((50, 4, 4, 8, 3), np.dtype(kind)), over, None)
    assert 0 < len(calls) <= 24


@sweep(kind=EVERY_KIND)
def test_the_scale_of_each_dtype(kind: np.dtype[Any]) -> None:
    x = np.ones((2, 3, 3), kind)
    known = {"uint8": 1 / 255, "uint16": 1 / 65535}
    if kind.kind in "iu" and kind.name not in known:
        with pytest.raises(TypeError, match=f"^scale: expected a number for pictures of {kind}"):
            image_normalize(x, MEAN, STD)
        with pytest.raises(TypeError, match=r"^scale: "):
            image_normalize(x, "image", STD)
        assert (image_normalize(x, "image", None) == 0).all()
        return
    given = image_normalize(x, MEAN, STD, scale=known.get(kind.name, 1.0))
    assert np.array_equal(image_normalize(x, MEAN, STD), given)


@sweep(kind=EVERY_KIND[len(KINDS) :])
def test_other_integers_are_taken_exactly(kind: np.dtype[Any]) -> None:
    """In either byte order; the picture itself stays."""
    top = 1 if kind.kind == "b" else np.iinfo(kind).max
    x = np.random.default_rng(0).integers(0, top, (4, 5, 3), np.int64, endpoint=True).astype(kind)
    scale = 1 / top
    y = image_normalize(x, MEAN, STD, scale=scale, dtype=np.float64)
    check(y, expected(x, MEAN, STD, scale, "HWC->CHW"), np.dtype(np.float64))
    swapped = x.astype(kind.newbyteorder())
    assert np.array_equal(image_normalize(swapped, MEAN, STD, scale=scale, dtype=np.float64), y)


@pytest.mark.parametrize(
    ("shape", "layout", "named"),
    [
        ((3, 8, 9), "HWC->CHW", 'layout="CHW->CHW"'),
        ((3, 8, 9), "HWC->HWC", 'layout="CHW->CHW"'),
        ((2, 8, 9, 3), "CHW->CHW", 'layout="HWC->CHW" or layout="HWC->HWC"'),
        ((8, 9, 4), "HWC->CHW", "image[..., :3]"),
        ((4, 8, 9), "CHW->CHW", "image[..., :3, :, :]"),
        ((8, 9), "HWC->CHW", "image[..., None]"),
        ((8, 9), "CHW->CHW", "image[None]"),
    ],
)
def test_errors_name_the_remedy(shape: tuple[int, ...], layout: str, named: str) -> None:
    x = np.zeros(shape, np.uint8)
    for mean, std in ((MEAN, STD), (0.5, STD), ("image", STD)):
        with pytest.raises(ValueError, match="expected") as caught:
            image_normalize(x, mean, std, layout=layout)
        assert named in str(caught.value)


def test_images_of_pil() -> None:
    Image = pytest.importorskip("PIL.Image")
    colours = picture((4, 9, 3), np.dtype(np.uint8))
    image = Image.fromarray(colours)
    assert np.array_equal(image_normalize(image, MEAN, STD), image_normalize(colours, MEAN, STD))
    for mode, named in (
        ("P", 'image.convert("RGB")'),
        ("RGBA", "[..., :3]"),
        ("L", "asarray(image)[..., None]"),
    ):
        with pytest.raises(ValueError, match=r"^(image|mean): expected") as caught:
            image_normalize(image.convert(mode), MEAN, STD)
        assert named in str(caught.value)


@sweep(kind=KINDS[:2], shape=[(1, 1, 1), (3, 37, 3), (300, 411, 3), (300, 411, 2), (2, 70000, 1)])
def test_sums_of_integers_are_exact(kind: np.dtype[Any], shape: tuple[int, ...]) -> None:
    for x in (picture(shape, kind), np.full(shape, np.iinfo(kind).max, kind), picture(shape, kind)[:, ::-1]):
        for axes in ((0, 1), (0, 1, 2), (0,), (1,), (2,)):
            state = images.pixel_sums(x, axes).astype(np.uint64)
            wide, squares = x.astype(np.uint64), state[..., 2] + state[..., 3] * 65536
            assert np.array_equal(state[..., 1], wide.sum(axes, keepdims=True))
            assert np.array_equal(squares, (wide * wide).sum(axes, keepdims=True))


@sweep(kind=KINDS[:2], shape=[(1, 1, 1), (8, 8, 3), (60, 24, 2), (62, 24, 2), (600, 617, 1), (620, 610, 1)])
def test_statistics_of_integers_are_rounded_once(kind: np.dtype[Any], shape: tuple[int, ...]) -> None:
    for x in (picture(shape, kind), np.full(shape, np.iinfo(kind).max, kind)):
        state = images.pixel_sums(x, (0, 1)).astype(np.int64).ravel().reshape(-1, 5).astype(object)
        n, total, squares = x.shape[0] * x.shape[1], state[:, 1], state[:, 2] + state[:, 3] * 65536
        var = (n * squares - total * total) / (n * n)
        factor = [1 / np.sqrt(v) if v else 0.0 for v in var]
        wanted = np.empty((x.shape[2], *x.shape[:2]), np.float32)
        center = (total / n).astype(np.float64)
        images.picture(x.transpose(2, 0, 1), wanted, 0, center, np.array(factor))
        assert np.array_equal(image_normalize(x, "channel", None), wanted)


def test_a_constant_picture_is_zero() -> None:
    for kind in KINDS:
        x = np.full((5, 7, 3), 3, kind)
        for over in ("image", "channel"):
            assert (image_normalize(x, over, None) == 0).all()


@sweep(mean=[0.5, "image", "channel"], shape=[(0, 4, 5, 3), (2, 0, 5, 3), (2, 4, 0, 3), (2, 4, 5, 0)])
def test_empty_pictures(shape: tuple[int, ...], mean: Any) -> None:
    y = image_normalize(np.zeros(shape, np.uint8), mean, 0.5)
    assert y.shape == (shape[0], shape[3], shape[1], shape[2])
    assert y.dtype == np.float32


@sweep(shape=[(600, 700, 3), (4, 300, 301, 3), (3, 500, 500)], layout=LAYOUTS, dtype=DTYPES)
def test_threads(dtype: np.dtype[Any], layout: str, shape: tuple[int, ...]) -> None:
    x = picture(shape, np.dtype(np.uint8))
    mean, std = parameters(shape[LAYOUTS[layout][0]])
    results = []
    for n in (1, 2, 5):
        with cnorm.threads(n):
            given = image_normalize(x, mean, std, layout=layout, dtype=dtype)
            results.append((given, image_normalize(x, "channel", None, layout=layout, dtype=dtype)))
    for one in results[1:]:
        assert all(map(np.array_equal, one, results[0]))


GOOD: dict[str, Any] = {"image": np.zeros((4, 5, 3), np.uint8), "mean": MEAN, "std": STD}


@pytest.mark.parametrize(
    ("argument", "value", "error"),
    [
        ("image", np.zeros((4, 5, 3), np.int64), TypeError),
        ("image", np.ma.masked_equal(np.zeros((4, 5, 3), np.uint8), 0), TypeError),
        ("image", np.zeros((4, 5, 3), complex), TypeError),
        ("image", None, TypeError),
        ("image", np.zeros((4, 5), np.uint8), ValueError),
        ("image", np.uint8(3), ValueError),
        ("mean", (0.5, 0.5), ValueError),
        ("mean", np.nan, ValueError),
        ("mean", "picture", ValueError),
        ("mean", None, TypeError),
        ("mean", True, TypeError),
        ("mean", 1j, TypeError),
        ("std", 0.0, ValueError),
        ("std", (1.0, 0.0, 1.0), ValueError),
        ("std", np.inf, ValueError),
        ("std", "image", ValueError),
        ("std", None, TypeError),
        ("std", ["a"], TypeError),
        ("scale", 0, ValueError),
        ("scale", np.nan, ValueError),
        ("scale", "1", TypeError),
        ("layout", "CHW->HWC", ValueError),
        ("layout", None, ValueError),
        ("dtype", np.uint8, TypeError),
        ("dtype", None, TypeError),
        ("dtype", "nothing", TypeError),
        ("out", np.zeros((4, 5, 3), np.float32), ValueError),
        ("out", np.zeros((3, 4, 5), np.float64), TypeError),
        ("out", [0.0], TypeError),
        ("out", np.broadcast_to(np.float32(0), (3, 4, 5)), ValueError),
    ],
    ids=lambda v: v if isinstance(v, str) else None,
)
def test_refused(argument: str, value: Any, error: type[Exception]) -> None:
    """By name, before anything is written."""
    out = np.full((3, 4, 5), 7, np.float32)
    with pytest.raises(error, match=argument):
        image_normalize(**{**GOOD, "out": out, argument: value})
    assert (out == 7).all()


def test_a_mean_of_numbers_needs_a_deviation_of_numbers() -> None:
    with pytest.raises(ValueError, match="std"):
        image_normalize(GOOD["image"], "image", "channel")


@sweep(dtype=DTYPES, result=DTYPES, over=["image", "channel"], order=["F", "last", "C"])
def test_own_statistics_in_any_memory(dtype: Any, result: Any, over: str, order: str) -> None:
    """A picture has the bits it has alone, wherever its batch and out lie."""
    x = np.random.default_rng(3).normal(3, 1, (5, 7, 9, 3)).astype(np.float32).astype(dtype)
    if order == "F":
        x = np.asfortranarray(x)
    elif order == "last":
        x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0)
    for layout in ("HWC->HWC", "HWC->CHW"):
        y = cnorm.image_normalize(x, over, over, layout=layout, dtype=result)
        for one, of in zip(x, y, strict=True):
            assert np.array_equal(cnorm.image_normalize(one, over, over, layout=layout, dtype=result), of)
        wide = np.zeros((*y.shape[:-1], 2 * y.shape[-1]), result)
        for out in (np.zeros_like(y, order="F"), np.zeros_like(y, order="C"), wide[..., ::2]):
            cnorm.image_normalize(x, over, over, layout=layout, dtype=result, out=out)
            assert np.array_equal(out, y)
    buffer = np.zeros((6, 7, 10, 3), dtype)
    given, out = buffer[:-1, :, :-1], buffer[1:, :, 1:]
    given[...] = x
    y = cnorm.image_normalize(given, over, over, layout="HWC->HWC", dtype=dtype)
    cnorm.image_normalize(given, over, over, layout="HWC->HWC", dtype=dtype, out=out)
    assert np.array_equal(out, y)
