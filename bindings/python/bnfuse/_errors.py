# SPDX-License-Identifier: Apache-2.0
"""What goes wrong, as exceptions."""

from typing import Any, Optional


class BnfuseError(Exception):
    """A call failed. ``status`` is the exit status of the program for the same thing; the message names the node and
    the next step. ``check`` is the result of the check where it came to one."""

    status = 70

    def __init__(self, message: str, check: Optional[Any] = None):
        super().__init__(message)
        self.check = check


class DifferError(BnfuseError):
    """The two models compute different things."""

    status = 1


class UsageError(BnfuseError):
    """Wrong use, or a file that cannot be read or written."""

    status = 2


class InvalidModelError(BnfuseError):
    """The model is not a valid ONNX model."""

    status = 3


class UnsupportedError(BnfuseError):
    """The check cannot be made, or the model cannot be run."""

    status = 4


class CancelledError(BnfuseError):
    """The progress function returned False."""

    status = 130


class InternalError(BnfuseError):
    """Out of memory, or a mistake of bnfuse."""

    status = 70


_BY_STATUS = {
    kind.status: kind
    for kind in (DifferError, UsageError, InvalidModelError, UnsupportedError, CancelledError, InternalError)
}


def error_for(status: int, message: str, check: Optional[Any] = None) -> BnfuseError:
    """The exception of a status."""
    return _BY_STATUS.get(status, InternalError)(message, check)
