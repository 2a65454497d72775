# SPDX-License-Identifier: Apache-2.0
"""fuse, explain, compare, run: each loads, works and frees."""

import mmap
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from . import _tensors
from ._errors import InvalidModelError, UsageError, error_for
from ._library import ffi, lib
from ._results import Check, Report, read_check, read_report, text

Model = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, Any]
"""A path, the bytes of a model, or an onnx.ModelProto."""
ExternalData = Union[str, "os.PathLike[str]", Mapping[str, bytes], Callable[[str], Optional[bytes]]]
"""A folder, bytes by location, or a function that gives the bytes of a location (None: there are none)."""
Progress = Callable[[float], Optional[bool]]
"""Called with the share of the work done; returning False ends it."""


def _is_path(model: Model) -> bool:
    return isinstance(model, (str, os.PathLike))


def _is_proto(model: Model) -> bool:
    return hasattr(model, "SerializeToString") and hasattr(model, "graph")


def _check(good, error, raised: Optional[list] = None):
    """What a call returned, unless it failed. What a callback of the caller raised comes first."""
    if raised:
        raise raised[0]
    if good:
        return good
    raise error_for(int(error.status), text(error.message))


class _Loaded:
    """A model handle with all that has to outlive it."""

    def __init__(self, model: Model, external_data: Optional[ExternalData], memory_limit: int):
        self.error = ffi.new("bnfuse_error *")
        self.raised: List[BaseException] = []
        self.kept: List[Any] = []
        options = self.options("read", memory_limit=memory_limit)
        if _is_path(model):
            if external_data is not None:
                self._find_external(options, external_data)
            handle = lib.bnfuse_load(os.fsencode(model), options, self.error)
        else:
            handle = self._read(model, options, external_data)
        try:
            self.handle = _check(handle, self.error, self.raised)
        except InvalidModelError as error:
            if not _is_path(model) and external_data is None:
                error.args = (str(error).replace("put it beside the model", "say where it is: external_data=FOLDER"),)
            raise

    def _read(self, model, options, external_data):
        data = model.SerializeToString() if _is_proto(model) else model
        try:
            buffer = ffi.from_buffer(data)
        except TypeError:
            raise UsageError(f"a model is a path, bytes or an onnx.ModelProto, not {type(model).__name__}") from None
        self.kept += [data, buffer]
        if external_data is not None:
            self._find_external(options, external_data)
        return lib.bnfuse_read(buffer, len(buffer), options, self.error)

    def options(self, kind: str, **values):
        """Options of a kind with their defaults, and then with these."""
        options = ffi.new(f"bnfuse_{kind}_options *")
        getattr(lib, f"bnfuse_{kind}_defaults")(options, ffi.sizeof(options[0]))
        self.kept.append(options)
        for name, value in values.items():
            if value is not None:
                setattr(options, name, value)
        return options

    def names(self, names: Iterable[str]):
        texts = [ffi.new("char[]", name.encode()) for name in names]
        array = ffi.new("const char *[]", texts or [ffi.NULL])
        self.kept += [texts, array]
        return {"names": array, "count": len(texts)}

    def dims(self, dims: Optional[Mapping[str, int]]):
        """Sizes by name, as rows of the library: values for options that hold them."""
        if not dims:
            return {}
        names = [ffi.new("char[]", name.encode()) for name in dims]
        rows = ffi.new("bnfuse_dim[]", [{"name": name, "size": size} for name, size in zip(names, dims.values())])
        self.kept += [names, rows]
        return {"dims": rows, "dim_count": len(names)}

    def progress(self, options, progress: Optional[Progress]) -> None:
        if progress is None:
            return

        def step(_context, done):
            try:
                return progress(done) is not False
            except BaseException as error:  # it has to pass through C
                self.raised.append(error)
                return False

        callback = ffi.callback("bool(void *, double)", step, error=False)
        options.progress = callback
        self.kept.append(callback)

    def _find_external(self, options, external_data: ExternalData) -> None:
        def find(_context, location, to, size):
            try:
                found = _external_bytes(external_data, text(location))
                if found is None:
                    return False
                buffer = ffi.from_buffer(found)
            except BaseException as error:
                self.raised.append(error)
                return False
            self.kept += [found, buffer]
            to[0] = buffer
            size[0] = len(buffer)
            return True

        callback = ffi.callback("bool(void *, const char *, const void **, uint64_t *)", find, error=False)
        options.opener = callback
        self.kept.append(callback)

    def close(self) -> None:
        lib.bnfuse_free(self.handle)


def _external_bytes(external_data: ExternalData, location: str):
    if callable(external_data):
        return external_data(location)
    if isinstance(external_data, Mapping):
        return external_data.get(location)
    folder = Path(external_data).resolve()
    path = (folder / location).resolve()
    if folder not in path.parents or not path.is_file():
        return None
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if os.fstat(file.fileno()).st_size else b""


@contextmanager
def _loaded(model: Model, external_data: Optional[ExternalData] = None, memory_limit: int = 0):
    loaded = _Loaded(model, external_data, memory_limit)
    try:
        yield loaded
    finally:
        loaded.close()


def _fuse(loaded: _Loaded, freeze_weights, assume_inference, lower_mul_add, lower_conv, simplify, enable, disable, skip,
          fold_limit, dims, any_opset, progress) -> Report:
    options = loaded.options(
        "fuse", freeze_weights=freeze_weights, assume_inference=assume_inference, lower_mul_add=lower_mul_add,
        lower_conv=lower_conv, simplify=simplify, any_opset=any_opset, fold_limit=fold_limit,
        enabled=loaded.names(enable), disabled=loaded.names(disable), skipped=loaded.names(skip), **loaded.dims(dims))
    loaded.progress(options, progress)
    _check(lib.bnfuse_fuse(loaded.handle, options, loaded.error), loaded.error, loaded.raised)
    return read_report(lib.bnfuse_get_report(loaded.handle))


_LEVELS = {"quick": lib.BNFUSE_LEVEL_QUICK, "standard": lib.BNFUSE_LEVEL_STANDARD, "full": lib.BNFUSE_LEVEL_FULL}


def _check_options(loaded: _Loaded, inputs, dims, shapes, seed, atol, rtol, threads, level, progress):
    options = loaded.options("check", seed=seed, atol=atol, rtol=rtol, threads=threads,
                             level=_LEVELS[level], **loaded.dims(dims))
    if inputs:
        tensors = _tensors.make(inputs, loaded.error, _check)
        sets = ffi.new("const bnfuse_tensors *[]", [tensors])
        loaded.kept += [tensors, sets]
        options.sets, options.set_count = sets, 1
    if shapes:
        names = [ffi.new("char[]", name.encode()) for name in shapes]
        lists = [ffi.new("int64_t[]", list(shape) or [0]) for shape in shapes.values()]
        rows = ffi.new("bnfuse_shape[]", [{"name": name, "rank": len(shape), "dims": data}
                                          for name, shape, data in zip(names, shapes.values(), lists)])
        loaded.kept += [names, lists, rows]
        options.shapes, options.shape_count = rows, len(names)
    loaded.progress(options, progress)
    return options


def _write(loaded: _Loaded, model: Model, output, external_file: Optional[str]):
    if output is not None:
        name = ffi.new("char[]", external_file.encode()) if external_file else ffi.NULL
        options = loaded.options("write", external_data=name)
        _check(lib.bnfuse_write(loaded.handle, os.fsencode(output), options, loaded.error), loaded.error)
        return Path(output)
    if external_file:
        raise UsageError("external_file goes with output")
    bytes_, size = ffi.new("void **"), ffi.new("size_t *")
    _check(lib.bnfuse_write_bytes(loaded.handle, bytes_, size, loaded.error), loaded.error)
    try:
        data = bytes(ffi.buffer(bytes_[0], size[0]))
    finally:
        lib.bnfuse_free_bytes(bytes_[0])
    return type(model).FromString(data) if _is_proto(model) else data


def fuse_and_report(
    model: Model,
    output: Optional[Union[str, "os.PathLike[str]"]] = None,
    *,
    freeze_weights: bool = False,
    assume_inference: bool = False,
    lower_mul_add: bool = False,
    lower_conv: bool = False,
    simplify: bool = False,
    enable: Sequence[str] = (),
    disable: Sequence[str] = (),
    skip: Sequence[str] = (),
    fold_limit: Optional[int] = None,
    check: Union[bool, str] = True,
    allow_unchecked: bool = False,
    inputs: Optional[Mapping[str, Any]] = None,
    dims: Optional[Mapping[str, int]] = None,
    shapes: Optional[Mapping[str, Sequence[int]]] = None,
    seed: Optional[int] = None,
    atol: Optional[float] = None,
    rtol: Optional[float] = None,
    threads: int = 0,
    external_data: Optional[ExternalData] = None,
    external_file: Optional[str] = None,
    memory_limit: int = 0,
    progress: Optional[Progress] = None,
) -> Tuple[Any, Report, Optional[Check]]:
    """Like :func:`fuse`, and says what it did: ``(model, report, check)``."""
    if check not in (True, False, *_LEVELS):
        raise UsageError('check wants True, False, "quick", "standard" or "full"')
    with _loaded(model, external_data, memory_limit) as loaded:
        report = _fuse(loaded, freeze_weights, assume_inference, lower_mul_add, lower_conv, simplify, enable, disable,
                       skip, fold_limit, dims, allow_unchecked, progress)
        result = None
        if check:
            level = "standard" if check is True else check
            options = _check_options(loaded, inputs, dims, shapes, seed, atol, rtol, threads, level, progress)
            result = read_check(_check(lib.bnfuse_check(loaded.handle, options, loaded.error), loaded.error,
                                       loaded.raised))
            unchecked = result.status == 4
            if result.status and not (unchecked and allow_unchecked):
                what = "cannot be checked" if unchecked else "the fused model differs"
                raise error_for(result.status, f"{what}: {result.why}", result)
        return _write(loaded, model, output, external_file), report, result


def fuse(model: Model, output: Optional[Union[str, "os.PathLike[str]"]] = None, **options: Any) -> Any:
    """Folds every BatchNormalization that can be folded exactly, checks the result, and returns it.

    ``model`` is a path, bytes or an onnx.ModelProto. The new model comes back as bytes, or as a ModelProto where one was
    given; with ``output`` it is written there in one step, and the path comes back.

    Options, all by name:

    - ``freeze_weights``: initializers that are graph inputs too count as constants
    - ``assume_inference``: training-mode BatchNormalization counts as inference
    - ``lower_mul_add``, ``lower_conv``: what stays becomes Mul and Add, or a depthwise Conv of kernel 1
    - ``simplify``: everything else that can go without changing a bit of any result goes as well
    - ``enable``, ``disable``, ``skip``: more folds ("relu-scale"), passes left out, nodes left alone
    - ``fold_limit``: bytes the model may grow by
    - ``check``: False, "quick" (each change by itself), True or "standard" (both models as well), "full" (in float64,
      too, and the whole graph must run); ``allow_unchecked``
    - ``dims``: sizes of open dims by name, for the check, and for what a fold leaves over
    - ``inputs``, ``shapes``, ``seed``, ``atol``, ``rtol``, ``threads``: of the check
    - ``external_data``: a folder, bytes by location, or a function from location to bytes
    - ``external_file``: with ``output``, the name of a file beside it for the large tensors
    - ``memory_limit`` in bytes, 0 for the default (a quarter of the machine's, 1.5 GiB for small models), ``2 ** 64 - 1``
      for none; ``progress``, a function that takes the share done and may return False to stop

    Raises DifferError where the models disagree (a bug of bnfuse: nothing is returned), UnsupportedError where it cannot
    be checked, InvalidModelError, UsageError.
    """
    return fuse_and_report(model, output, **options)[0]


def explain(
    model: Model,
    *,
    freeze_weights: bool = False,
    assume_inference: bool = False,
    lower_mul_add: bool = False,
    lower_conv: bool = False,
    simplify: bool = False,
    enable: Sequence[str] = (),
    disable: Sequence[str] = (),
    skip: Sequence[str] = (),
    fold_limit: Optional[int] = None,
    dims: Optional[Mapping[str, int]] = None,
    external_data: Optional[ExternalData] = None,
    memory_limit: int = 0,
) -> Report:
    """Says of every BatchNormalization where it would go, or why it stays. Nothing is checked or written."""
    with _loaded(model, external_data, memory_limit) as loaded:
        return _fuse(loaded, freeze_weights, assume_inference, lower_mul_add, lower_conv, simplify, enable, disable, skip,
                     fold_limit, dims, True, None)


def compare(
    a: Model,
    b: Model,
    *,
    inputs: Optional[Mapping[str, Any]] = None,
    dims: Optional[Mapping[str, int]] = None,
    shapes: Optional[Mapping[str, Sequence[int]]] = None,
    seed: Optional[int] = None,
    atol: Optional[float] = None,
    rtol: Optional[float] = None,
    threads: int = 0,
    external_data: Optional[ExternalData] = None,
    memory_limit: int = 0,
    progress: Optional[Progress] = None,
) -> Check:
    """Says whether two models compute the same, up to rounding. The result is true where they do; a difference is an
    answer, not an exception."""
    with _loaded(a, external_data, memory_limit) as first, _loaded(b, external_data, memory_limit) as second:
        options = _check_options(second, inputs, dims, shapes, seed, atol, rtol, threads, "standard", progress)
        result = lib.bnfuse_compare(first.handle, second.handle, options, second.error)
        return read_check(_check(result, second.error, second.raised))


def run(
    model: Model,
    inputs: Mapping[str, Any],
    *,
    exact: bool = False,
    threads: int = 0,
    external_data: Optional[ExternalData] = None,
    memory_limit: int = 0,
) -> Dict[str, Any]:
    """Runs a model: outputs by their names, as numpy arrays where numpy is installed and has the type, else as
    :class:`Tensor`. ``exact`` computes all real numbers in float64."""
    with _loaded(model, external_data, memory_limit) as loaded:
        options = loaded.options("run", exact=exact, threads=threads)
        given = _tensors.make(inputs, loaded.error, _check)
        outputs = _check(lib.bnfuse_run(loaded.handle, given, options, loaded.error), loaded.error)
        return _tensors.read(ffi.gc(outputs, lib.bnfuse_tensors_free))


def version() -> str:
    """The version of the library."""
    return text(lib.bnfuse_version())
