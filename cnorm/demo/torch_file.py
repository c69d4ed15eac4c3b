"""Reads the tensors of a file written by torch.save, without torch, and nothing but tensors."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeGuard

import numpy as np

from cnorm._accept.arrays import Array

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
# What reading a malformed file may raise; all of it leaves `load_tensors` as UnpicklingError.
_MALFORMED = (ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError,
              TypeError, ValueError, Warning, struct.error, zipfile.BadZipFile)  # fmt: skip


class _StorageType(NamedTuple):
    """Stands for torch.FloatStorage and its kin; a tuple, so that a pickle cannot change it."""

    dtype: str


class _Storage(NamedTuple):
    """A block of numbers elsewhere in the file."""

    dtype: str
    key: str
    size: int


class _Tensor(NamedTuple):
    """A strided view of a storage, not yet made."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _RebuildTensor:
    """Stands for torch._utils._rebuild_tensor_v2; without a dict, so that a pickle cannot change it."""

    __slots__ = ()

    def __call__(
        self, storage: object, offset: object, shape: object, strides: object, *_: object
    ) -> _Tensor:
        if not isinstance(storage, _Storage) or not (_are_sizes(shape) and _are_sizes(strides)):
            raise pickle.UnpicklingError("a tensor without a storage, a shape or strides")
        if not _are_sizes((offset,)) or len(shape) != len(strides):
            raise pickle.UnpicklingError(f"a tensor of shape {shape} with strides {strides} from {offset!r}")
        return _Tensor(storage, offset, tuple(shape), tuple(strides))  # type: ignore[arg-type]


class _RebuildParameter:
    """Stands for torch._utils._rebuild_parameter."""

    __slots__ = ()

    def __call__(self, data: object, *_: object) -> _Tensor:
        if not isinstance(data, _Tensor):
            raise pickle.UnpicklingError("a parameter without a tensor")
        return data


def _are_sizes(values: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(values, tuple) and all(type(v) is int and 0 <= v < 2**63 for v in values)


class _TensorUnpickler(pickle.Unpickler):
    """Knows ordered dicts, storages and the two functions tensors are rebuilt by."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _RebuildTensor()
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _RebuildParameter()
        if module == "torch" and name in _DTYPES:
            return _StorageType(_DTYPES[name])
        raise pickle.UnpicklingError(f"refused {module}.{name}: the file may hold tensors only")

    def persistent_load(self, pid: Any) -> _Storage:
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
            raise pickle.UnpicklingError("refused a reference that is not a storage")
        _, kind, key, _, size = pid[:5]
        if not isinstance(kind, _StorageType) or not isinstance(key, str) or not _are_sizes((size,)):
            raise pickle.UnpicklingError("a storage without a type, a key or a size")
        if len(pid) == 6 and pid[5] is not None:
            raise pickle.UnpicklingError(f"storage {key} is a view of another: not supported")
        return _Storage(kind.dtype, key, size)


def _unpickle(file: BinaryIO) -> Any:
    """The next pickle of a file, scanned first: a short file may not ask for a large memo."""
    start = file.tell()
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > count:
            raise pickle.UnpicklingError(f"memo index {argument} after {count} operations")
    end = file.tell()
    file.seek(start)
    return _TensorUnpickler(io.BytesIO(file.read(end - start))).load()


def _tensors(value: object) -> dict[str, _Tensor]:
    """`value` as a mapping of names to tensors."""
    if not isinstance(value, dict):
        raise pickle.UnpicklingError(f"expected a dict of tensors, the file holds a {type(value).__name__}")
    # The base class's items: an instance from a pickle may carry attributes of any name.
    items = OrderedDict.items(value) if isinstance(value, OrderedDict) else dict.items(value)
    result = {}
    for name, tensor in items:
        if not isinstance(name, str) or not isinstance(tensor, _Tensor):
            raise pickle.UnpicklingError(
                f"expected tensors under names, got {type(tensor).__name__} at {name!r}"
            )
        result[name] = tensor
    return result


def _view(tensor: _Tensor, data: bytes) -> Array:
    """The tensor on its storage's bytes (read-only); NumPy checks that it stays inside them."""
    if np.prod(tensor.shape, dtype=object) > tensor.storage.size:
        raise pickle.UnpicklingError(
            f"a tensor of shape {tensor.shape} on a storage of {tensor.storage.size} elements"
        )
    dtype = np.dtype(tensor.storage.dtype)
    strides = [s * dtype.itemsize for s in tensor.strides]
    return np.ndarray(tensor.shape, dtype, data, tensor.offset * dtype.itemsize, strides)


def _build(tensors: dict[str, _Tensor], read: Callable[[_Storage], bytes]) -> dict[str, Array]:
    blocks: dict[_Storage, bytes] = {}
    for tensor in tensors.values():
        if tensor.storage not in blocks:
            blocks[tensor.storage] = read(tensor.storage)
    return {name: _view(tensor, blocks[tensor.storage]) for name, tensor in tensors.items()}


def _load_legacy(file: BinaryIO, length: int) -> dict[str, Array]:
    """Five pickles (magic, version, platform, object, storage keys), then each storage's size and bytes."""
    if _unpickle(file) != _LEGACY_MAGIC or _unpickle(file) != _LEGACY_PROTOCOL:
        raise pickle.UnpicklingError("not a file written by torch.save")
    platform = _unpickle(file)
    if not isinstance(platform, dict) or platform.get("little_endian") is not True:
        raise pickle.UnpicklingError("only little-endian files are supported")
    tensors = _tensors(_unpickle(file))
    keys = _unpickle(file)
    storages = {t.storage.key: t.storage for t in tensors.values()}
    if not isinstance(keys, list) or set(keys) != set(storages) or len(keys) != len(storages):
        raise pickle.UnpicklingError("the storages are not those of the tensors")
    data = {}
    for key in keys:
        storage = storages[key]
        size = int.from_bytes(file.read(8), "little")
        bytes_ = size * np.dtype(storage.dtype).itemsize
        if size != storage.size or bytes_ > length - file.tell():
            raise pickle.UnpicklingError(
                f"storage {key}: {size} elements, expected {storage.size}; file cut short?"
            )
        data[storage] = file.read(bytes_)
    return _build(tensors, data.__getitem__)


def _load_zip(file: BinaryIO, length: int) -> dict[str, Array]:
    """An archive with NAME/data.pkl, NAME/byteorder and NAME/data/KEY per storage, not compressed."""
    with zipfile.ZipFile(file) as archive:

        def read(path: str, size: int | None = None) -> bytes:
            entry = archive.getinfo(path)
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > length:
                raise pickle.UnpicklingError(f"{path}: compressed entries are not supported")
            if size is not None and entry.file_size != size:
                raise pickle.UnpicklingError(f"{path}: {entry.file_size} bytes, expected {size}")
            return archive.read(entry)

        objects = [n for n in archive.namelist() if n.count("/") == 1 and n.endswith("/data.pkl")]
        if len(objects) != 1:
            raise pickle.UnpicklingError("not a file written by torch.save: one data.pkl expected")
        root = objects[0].removesuffix("data.pkl")
        if f"{root}byteorder" in archive.namelist() and read(f"{root}byteorder") != b"little":
            raise pickle.UnpicklingError("only little-endian files are supported")
        tensors = _tensors(_unpickle(io.BytesIO(read(objects[0]))))
        return _build(tensors, lambda s: read(f"{root}data/{s.key}", s.size * np.dtype(s.dtype).itemsize))


def load_tensors(path: str | os.PathLike[str]) -> dict[str, Array]:
    """The tensors of a torch checkpoint that is one flat mapping, such as a saved state_dict.

    Reads both formats of torch.save: the pickle stream of torch before 1.6 and the zip archive
    since. No code of the file is run: its pickles may name ordered dicts, storages and the functions
    tensors are rebuilt by, which are replaced by records; sizes are checked before memory is taken.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    dict of str to ndarray
        Read-only arrays with the strides they were saved with, in the order of the file.

    Raises
    ------
    pickle.UnpicklingError
        The file is cut short or malformed, or holds something else than tensors.
    OSError
        The file cannot be opened.
    """
    length = Path(path).stat().st_size
    with open(path, "rb") as file:
        try:
            is_zip = file.read(4) == b"PK\x03\x04"
            file.seek(0)
            return _load_zip(file, length) if is_zip else _load_legacy(file, length)
        except _MALFORMED as error:
            raise pickle.UnpicklingError(f"malformed file: {error or type(error).__name__}") from error
