"""torch_file: tensors are read as saved; anything else, or anything cut short, is refused cleanly."""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnorm.demo.torch_file import load_tensors

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
PLATFORM = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {}}


class Global:
    """Pickles as the name of something, whatever it is."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Call:
    """Pickles as a call of a global."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.function, self.args = function, args


class Storage:
    """Pickles as a persistent id."""

    def __init__(self, *pid: Any) -> None:
        self.pid = pid


class Pickler(pickle._Pickler):  # type: ignore[misc, name-defined]
    """Writes Global, Call and Storage as torch and attackers do."""

    def persistent_id(self, obj: Any) -> Any:
        return obj.pid if isinstance(obj, Storage) else None

    def save(self, obj: Any, *args: Any, **kwargs: Any) -> None:
        if isinstance(obj, Global):
            if self.proto >= 4:
                self.save(obj.module)
                self.save(obj.name)
                self.write(pickle.STACK_GLOBAL)
            else:
                self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, Call):
            self.save(obj.function)
            self.save(obj.args)
            self.write(pickle.REDUCE)
        else:
            super().save(obj, *args, **kwargs)


def dumps(obj: Any, protocol: int = 2) -> bytes:
    file = io.BytesIO()
    Pickler(file, protocol).dump(obj)
    return file.getvalue()


FLOATS = Global("torch", "FloatStorage")
REBUILD = Global("torch._utils", "_rebuild_tensor_v2")
DATA = np.arange(6, dtype="<f4")


def tensor(
    shape: Any = (2, 3),
    strides: Any = (3, 1),
    offset: Any = 0,
    key: Any = "0",
    size: Any = 6,
    kind: Any = FLOATS,
) -> Call:
    return Call(
        REBUILD,
        Storage("storage", kind, key, "cpu", size, None),
        offset,
        shape,
        strides,
        False,
        OrderedDict(),
    )


def legacy(obj: Any, keys: Any = ("0",), blocks: tuple[bytes, ...] | None = None, protocol: int = 2) -> bytes:
    """A file as torch before 1.6 wrote it."""
    blocks = (struct.pack("<q", 6) + DATA.tobytes(),) if blocks is None else blocks
    head = (MAGIC, PROTOCOL, PLATFORM, obj, list(keys))
    return b"".join(dumps(part, protocol) for part in head) + b"".join(blocks)


def archive(
    obj: Any, blocks: dict[str, bytes] | None = None, byteorder: bytes = b"little", **options: Any
) -> bytes:
    """A file as torch writes it since 1.6."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as z:
        z.writestr("model/data.pkl", dumps(obj))
        z.writestr("model/byteorder", byteorder)
        for key, data in ({"0": DATA.tobytes()} if blocks is None else blocks).items():
            z.writestr(f"model/data/{key}", data)
    return file.getvalue()


def load(path: Path, data: bytes) -> dict[str, np.ndarray[Any, Any]]:
    file = path / "file.pth"
    file.write_bytes(data)
    return load_tensors(file)


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Checks that a file is refused, and that none of the usual weapons was fired."""

    def fired(*args: Any) -> None:
        raise AssertionError(f"the pickle ran code: {args}")

    monkeypatch.setattr(os, "system", fired)
    monkeypatch.setattr(builtins, "eval", fired)
    module = types.ModuleType("never_imported")
    monkeypatch.setitem(sys.modules, "weapon", module)
    module.fire = fired  # type: ignore[attr-defined]

    def check(data: bytes, match: str | None) -> None:
        with pytest.raises(pickle.UnpicklingError, match=match):
            load(tmp_path, data)

    return check


@pytest.mark.parametrize("form", [legacy, archive])
def test_plain_dict_of_tensors(form: Any, tmp_path: Path) -> None:
    obj = {
        "a": tensor(),
        "transposed": tensor((3, 2), (1, 3)),
        "b.scalar": tensor((), (), 4),
        "parameter": Call(
            Global("torch._utils", "_rebuild_parameter"), tensor((2,), (2,), 1), True, OrderedDict()
        ),
    }
    result = load(tmp_path, form(obj))
    assert list(result) == list(obj)
    np.testing.assert_array_equal(result["a"], DATA.reshape(2, 3), strict=True)
    np.testing.assert_array_equal(result["transposed"], DATA.reshape(2, 3).T, strict=True)
    np.testing.assert_array_equal(result["b.scalar"], DATA[4])
    np.testing.assert_array_equal(result["parameter"], DATA[1:4:2])
    assert not result["a"].flags.writeable
    assert np.shares_memory(result["a"], result["transposed"])


def test_ordered_dict_whose_items_is_an_attribute(tmp_path: Path) -> None:
    state = dumps({"items": "mine"})[2:-1]
    parts = [dumps(part) for part in (MAGIC, PROTOCOL, PLATFORM)]
    parts += [dumps(OrderedDict(a=tensor()))[:-1] + state + b"b.", dumps(["0"])]
    data = b"".join(parts) + struct.pack("<q", 6) + DATA.tobytes()
    np.testing.assert_array_equal(load(tmp_path, data)["a"], DATA.reshape(2, 3))


@pytest.mark.parametrize("form", [legacy, archive])
@pytest.mark.parametrize(
    "nest", [lambda c: c, lambda c: {"a": c}, lambda c: {"a": tensor(), "b": [({"c": c},)]}]
)
@pytest.mark.parametrize(
    "call",
    [
        Call(Global("os", "system"), "echo fired"),
        Call(Global("posix", "system"), "echo fired"),
        Call(Global("builtins", "eval"), "1"),
        Call(Global("__builtin__", "eval"), "1"),
        Call(Global("weapon", "fire"), 1),
        Call(Global("torch", "load"), "x"),
        Call(Global("numpy", "load"), "x"),
        Call(Global("torch._utils", "_rebuild_tensor_v3"), 1),
        Global("torch", "nn"),
        Global("torch", "FloatStorage.__class__"),
        Global("collections", "OrderedDict.fromkeys"),
    ],
    ids=lambda c: getattr(c, "function", c).name,
)
def test_other_globals_are_refused(form: Any, nest: Any, call: Any, refused: Any) -> None:
    target = getattr(call, "function", call)
    refused(form(nest(call)), f"refused .*{target.name.replace('.', '[.]')}")


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_every_pickle_of_the_file_is_guarded(place: int, protocol: int, refused: Any) -> None:
    parts: list[Any] = [MAGIC, PROTOCOL, PLATFORM, {}, []]
    parts[place] = Call(Global("os", "system"), "echo fired")
    refused(b"".join(dumps(p, protocol) for p in parts), r"refused os\.system")


def test_real_reduce_is_refused(refused: Any) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return subprocess_call, ("echo fired",)

    subprocess_call = sys.modules["subprocess"].getoutput if "subprocess" in sys.modules else print
    for protocol in range(6):
        refused(b"".join(pickle.dumps(p, protocol) for p in (MAGIC, PROTOCOL, {"x": Evil()})), "refused")


def build(function: bytes, state: Any) -> bytes:
    """A pickle that sets the state of a global."""
    return b"\x80\x02" + function + dumps(state)[2:-1] + b"b."


@pytest.mark.parametrize("name", [b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch\nFloatStorage\n",
                                  b"ccollections\nOrderedDict\n"])  # fmt: skip
def test_state_of_globals_cannot_be_set(name: bytes, refused: Any) -> None:
    for state in ({"__call__": 1}, (None, {"__call__": 1}), (None, {"dtype": "O"})):
        refused(build(name, state), "malformed|not a file")
    assert not hasattr(OrderedDict, "dtype")


@pytest.mark.parametrize(
    ("obj", "match"),
    [
        ([tensor()], "expected a dict of tensors, the file holds a list"),
        (3, "holds a int"),
        ({"a": 3}, "got int at 'a'"),
        ({"a": {"b": tensor()}}, "got dict at 'a'"),
        ({1: tensor()}, "at 1"),
        ({"a": FLOATS}, "got _StorageType"),
        ({"a": tensor(offset=1)}, "malformed"),
        ({"a": tensor(offset=-1)}, "tensor"),
        ({"a": tensor(offset=2**62)}, "malformed"),
        ({"a": tensor(strides=(-3, 1))}, "tensor"),
        ({"a": tensor(strides=(4, 1))}, "malformed"),
        ({"a": tensor(strides=(2**62, 1))}, "malformed"),
        ({"a": tensor(strides=(3,))}, "tensor"),
        ({"a": tensor((2.0, 3))}, "tensor"),
        ({"a": tensor([2, 3])}, "tensor"),
        ({"a": tensor((2**40, 3), (0, 1))}, "on a storage of 6 elements"),
        ({"a": tensor((0, 2**70))}, "tensor"),
        ({"a": tensor((1,) * 70, (1,) * 70)}, "malformed"),
        ({"a": tensor(kind=Global("collections", "OrderedDict"))}, "storage without a type"),
        ({"a": tensor(key=3)}, "storage without a type"),
        ({"a": tensor(size=-1)}, "storage without a type"),
        ({"a": tensor(size=7)}, "expected"),
        ({"a": tensor(size=2**60)}, "expected"),
        ({"a": tensor(key="9")}, "not those of the tensors|malformed"),
        ({"a": Call(REBUILD, 1, 0, (1,), (1,))}, "without a storage"),
        ({"a": Call(REBUILD)}, "malformed"),
        ({"a": Call(Global("torch._utils", "_rebuild_parameter"), 3)}, "without a tensor"),
        ({"a": Storage("module", 1)}, "not a storage"),
        ({"a": Storage("storage", FLOATS, "0", "cpu", 6, ("v", 0, 1))}, "view of another"),
    ],
)
@pytest.mark.parametrize("form", [legacy, archive])
def test_malformed_objects(form: Any, obj: Any, match: str, refused: Any) -> None:
    refused(form(obj), match)


def test_truncated_anywhere(tmp_path: Path, refused: Any) -> None:
    for form in (legacy, archive):
        whole = form({"a": tensor()})
        for length in range(len(whole)):
            refused(whole[:length], None)
        assert len(load(tmp_path, whole)) == 1


@pytest.mark.parametrize("form", [legacy, archive])
def test_damaged_anywhere(form: Any, tmp_path: Path) -> None:
    """Random bytes overwritten: the file is read, or refused with the one documented error."""
    whole = form({"a": tensor(), "b": tensor((3, 2), (1, 3))})
    rng = np.random.default_rng(0)
    for _ in range(500):
        damaged = bytearray(whole)
        for place in rng.integers(len(whole), size=rng.integers(1, 5)):
            damaged[place] = rng.integers(256)
        with contextlib.suppress(pickle.UnpicklingError):
            load(tmp_path, bytes(damaged))


def test_foreign_files(refused: Any) -> None:
    refused(b"", "malformed")
    refused(b"hello world", "malformed")
    refused(dumps({"a": 1}), "not a file written by torch.save")
    refused(dumps(MAGIC) + dumps(7), "not a file written by torch.save")
    refused(dumps(MAGIC) + dumps(PROTOCOL) + dumps({"little_endian": False}), "little-endian")
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as z:
        z.writestr("readme", "x")
    refused(empty.getvalue(), "one data.pkl expected")
    refused(archive({"a": tensor()}, byteorder=b"big"), "little-endian")
    refused(archive({"a": tensor()}, {"0": b"x"}), "1 bytes, expected 24")
    refused(archive({"a": tensor()}, {}), "malformed")
    refused(archive({"a": tensor()}, compression=zipfile.ZIP_DEFLATED), "compressed")
    refused(legacy({"a": tensor()}, keys=["0", "0"]), "not those of the tensors")
    refused(legacy({"a": tensor()}, keys="ab"), "not those of the tensors")
    refused(legacy({"a": tensor()}, blocks=(struct.pack("<q", 2**60),)), "cut short")


def test_short_file_cannot_take_much_memory(refused: Any) -> None:
    refused(b"\x80\x02Nr\xff\xff\xff\x7f.", "memo index")
    refused(b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.", "malformed")
    refused(b"\x80\x04B" + struct.pack("<I", 2**31) + b"x.", "malformed")
    refused(b"(" * 10_000 + b".", None)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_tensors(tmp_path / "none.pth")


@pytest.mark.parametrize("zipped", [False, True])
def test_files_of_torch(zipped: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(1)
    base = torch.randn(4, 5, 3, generator=generator)
    tensors = OrderedDict(
        base=base,
        view=base[1:, ::2].transpose(0, 1),
        channels_last=torch.randn(2, 3, 4, 5, generator=generator).contiguous(
            memory_format=torch.channels_last
        ),
        scalar=torch.tensor(7),
        empty=torch.empty(0, 3),
        parameter=torch.nn.Parameter(base[0]),
        double=base.double(),
        half=base.half(),
        int=torch.arange(5, dtype=torch.int32),
        short=torch.arange(5, dtype=torch.int16),
        byte=torch.arange(5, dtype=torch.uint8),
        char=torch.arange(-5, 5, dtype=torch.int8),
        bool=torch.tensor([True, False]),
    )
    path = tmp_path / "file.pth"
    torch.save(tensors, path, _use_new_zipfile_serialization=zipped)
    result = load_tensors(path)
    assert list(result) == list(tensors)
    for name, t in tensors.items():
        expected = t.detach().numpy()
        np.testing.assert_array_equal(result[name], expected, err_msg=name, strict=True)
        assert t.numel() == 0 or result[name].strides == expected.strides, name
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    torch.save(model.state_dict(), path, _use_new_zipfile_serialization=zipped)
    result = load_tensors(path)
    assert {k: v.shape for k, v in result.items()} == {
        k: tuple(v.shape) for k, v in model.state_dict().items()
    }
    torch.save(model, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(pickle.UnpicklingError, match=r"refused torch\.nn\.modules"):
        load_tensors(path)
