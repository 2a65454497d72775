# SPDX-License-Identifier: Apache-2.0
"""Tensors: numpy arrays where numpy is installed, else their bytes."""

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Sequence, Tuple

from ._errors import UsageError
from ._library import ffi, lib
from ._results import text

try:
    import numpy
except ImportError:  # pragma: no cover
    numpy = None

# TensorProto.DataType and numpy's names, for the types that numpy has.
_NUMPY = {1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
          11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128"}
_STRING = 8


@dataclass(frozen=True)
class Tensor:
    """A tensor of any type of ONNX, also of those that numpy lacks: packed little-endian elements as in raw_data."""

    dtype: int
    """TensorProto.DataType."""
    dims: Tuple[int, ...]
    data: Any
    """bytes; for strings a list of bytes."""


def _as_tensor(name: str, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if numpy is None:
        raise UsageError(f'input "{name}": give a bnfuse.Tensor, or install numpy')
    array = numpy.asarray(value)
    if array.dtype.kind in "OUS":
        items = [item if isinstance(item, bytes) else str(item).encode() for item in array.ravel().tolist()]
        return Tensor(_STRING, array.shape, items)
    code = next((code for code, kind in _NUMPY.items() if array.dtype == numpy.dtype(kind)), None)
    if code is None:
        raise UsageError(f'input "{name}": numpy type {array.dtype} has no counterpart in ONNX; give a bnfuse.Tensor')
    return Tensor(code, array.shape, numpy.ascontiguousarray(array).tobytes())


def _add(tensors, name: str, value: Any, error, check) -> None:
    tensor = _as_tensor(name, value)
    dims = ffi.new("int64_t[]", list(tensor.dims) or [0])
    key = ffi.new("char[]", name.encode())
    strings = bytes_ = ffi.NULL
    size = 0
    if tensor.dtype == _STRING:
        kept = [ffi.new("char[]", item) for item in tensor.data]
        strings = ffi.new("const char *[]", kept or [ffi.NULL])
    else:
        bytes_ = ffi.from_buffer(tensor.data)
        size = len(tensor.data)
    struct = ffi.new("bnfuse_tensor *", {"name": key, "type": tensor.dtype, "rank": len(tensor.dims), "dims": dims,
                                         "bytes": bytes_, "size": size, "strings": strings})
    check(lib.bnfuse_tensors_add(tensors, struct, error), error)


def make(values: Mapping[str, Any], error, check):
    """A list of tensors of the library, which frees itself."""
    tensors = ffi.gc(lib.bnfuse_tensors_new(), lib.bnfuse_tensors_free)
    for name, value in values.items():
        _add(tensors, name, value, error, check)
    return tensors


def _value(tensor) -> Any:
    dims = tuple(tensor.dims[i] for i in range(tensor.rank))
    if tensor.type == _STRING:
        data = [ffi.string(tensor.strings[i]) for i in range(tensor.count)]
        if numpy is None:
            return Tensor(_STRING, dims, data)
        return numpy.array([item.decode("utf-8", "backslashreplace") for item in data], dtype=object).reshape(dims)
    data = bytes(ffi.buffer(tensor.bytes, tensor.size)) if tensor.size else b""
    if numpy is None or tensor.type not in _NUMPY:
        return Tensor(int(tensor.type), dims, data)
    return numpy.frombuffer(bytearray(data), dtype=_NUMPY[tensor.type]).reshape(dims)


def read(tensors) -> Dict[str, Any]:
    """The tensors of a list by their names, in order."""
    found: Sequence = [lib.bnfuse_tensors_get(tensors, i) for i in range(lib.bnfuse_tensors_count(tensors))]
    return {text(tensor.name): _value(tensor) for tensor in found}
