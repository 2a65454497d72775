# SPDX-License-Identifier: Apache-2.0
"""Folds BatchNormalization out of ONNX models, exactly, and proves it.

    import bnfuse

    bnfuse.fuse("model.onnx", "out.onnx")           # files
    model = bnfuse.fuse(onnx.load("model.onnx"))    # an onnx.ModelProto, or bytes
    print(bnfuse.explain("model.onnx"))
    assert bnfuse.compare("model.onnx", "out.onnx")
    y = bnfuse.run("model.onnx", {"x": array})["y"]
"""

from ._api import compare, explain, fuse, fuse_and_report, run, version
from ._errors import (BnfuseError, CancelledError, DifferError, InternalError, InvalidModelError, UnsupportedError,
                      UsageError)
from ._results import Check, Remark, Report, Rewrite
from ._tensors import Tensor

__version__ = version()
__all__ = ["fuse", "fuse_and_report", "explain", "compare", "run", "version", "Report", "Remark", "Rewrite", "Check", "Tensor",
           "BnfuseError", "DifferError", "UsageError", "InvalidModelError", "UnsupportedError", "CancelledError",
           "InternalError"]
