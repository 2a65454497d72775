# SPDX-License-Identifier: Apache-2.0
"""The shared library, opened by cffi in ABI mode: declarations come from the public header itself."""

import ctypes.util
import os
import re
from pathlib import Path

import cffi

_HERE = Path(__file__).resolve().parent
_CHECKOUT = _HERE.parents[2]


def _declarations() -> str:
    """bnfuse.h without what only a compiler needs: comments, the preprocessor's lines, visibility,
    extern "C", inline functions."""
    places = (_HERE / "bnfuse.h", _CHECKOUT / "src" / "bnfuse.h")
    header = next((place for place in places if place.exists()), None)
    if header is None:
        raise ImportError("bnfuse.h is not beside the module; install the package again")
    text = re.sub(r"/\*.*?\*/", " ", header.read_text(encoding="utf-8"), flags=re.S)
    text = re.sub(r'#ifdef __cplusplus\s*(extern "C" \{|\})\s*#endif', "", text)
    text = re.sub(r"^[ \t]*#.*$", "", text, flags=re.M)
    text = text.replace("BNFUSE_API ", "")
    return re.sub(r"static inline [^;{]*\{.*?\n\}", "", text, flags=re.S)


def _places():
    """Where the library may be, best first: where the caller says, beside the module, where the system looks."""
    if "BNFUSE_LIBRARY" in os.environ:
        yield os.environ["BNFUSE_LIBRARY"]
        return
    yield from (str(path) for path in sorted(_HERE.glob("libbnfuse.so*")))
    yield "libbnfuse.so.0"
    found = ctypes.util.find_library("bnfuse")
    if found:
        yield found


def _open(ffi):
    said = []
    for place in _places():
        try:
            return ffi.dlopen(place)
        except OSError as error:
            said.append(str(error))
    raise ImportError("libbnfuse cannot be loaded: " + "; ".join(said))


ffi = cffi.FFI()
ffi.cdef(_declarations())
lib = _open(ffi)
