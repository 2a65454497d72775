# SPDX-License-Identifier: Apache-2.0
"""``python -m bnfuse``: the program, as the wheel brings it or the system has it."""

import os
import shutil
import sys
from pathlib import Path


def main() -> int:
    """Becomes the program."""
    own = Path(__file__).resolve().parent / "program"
    program = os.environ.get("BNFUSE_PROGRAM") or (str(own) if own.exists() else shutil.which("bnfuse"))
    if not program or (os.path.exists(sys.argv[0]) and os.path.exists(program) and os.path.samefile(program, sys.argv[0])):
        print("bnfuse: the program is not installed; install the wheel, or Debian's package bnfuse", file=sys.stderr)
        return 2
    os.execv(program, ["bnfuse", *sys.argv[1:]])
    return 70  # not reached


if __name__ == "__main__":
    sys.exit(main())
