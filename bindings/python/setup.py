# SPDX-License-Identifier: Apache-2.0
"""The wheel holds the library and the program, built with cmake from the checkout around it.

BNFUSE_LIBRARY_SOURCES names the sources of protobuf-c, jansson and zlib (scripts/sources.sh brings them); then the
library needs nothing but libc and libm. BNFUSE_PREBUILT names a build folder that is ready. BNFUSE_SYSTEM_LIBRARY=1
leaves both out: the module then opens the system's libbnfuse.so.0."""

import os
import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution
from wheel.bdist_wheel import bdist_wheel

HERE = Path(__file__).resolve().parent
CHECKOUT = Path(os.environ.get("BNFUSE_CHECKOUT", HERE.parents[1]))
FROM_SYSTEM = os.environ.get("BNFUSE_SYSTEM_LIBRARY") == "1"


def built(to: Path) -> Path:
    """A build folder with libbnfuse.so and bnfuse in it."""
    if os.environ.get("BNFUSE_PREBUILT"):
        return Path(os.environ["BNFUSE_PREBUILT"])
    sources = os.environ.get("BNFUSE_LIBRARY_SOURCES", "")
    subprocess.check_call(["cmake", "-S", str(CHECKOUT), "-B", str(to), "-G", "Ninja", "-DBUILD_TESTING=OFF",
                           f"-DBNFUSE_LIBRARY_SOURCES={sources}"])
    subprocess.check_call(["cmake", "--build", str(to), "--target", "bnfuse_shared", "bnfuse"])
    return to


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        package = Path(self.build_lib) / "bnfuse"
        shutil.copy(CHECKOUT / "src" / "bnfuse.h", package / "bnfuse.h")
        if FROM_SYSTEM:
            return
        folder = built(Path("build").resolve() / "library")
        shutil.copy(folder / "libbnfuse.so.0", package / "libbnfuse.so.0")
        shutil.copy(folder / "bnfuse", package / "program")


class PlatformWheel(bdist_wheel):
    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = FROM_SYSTEM

    def get_tag(self):
        return ("py3", "none", "any" if FROM_SYSTEM else super().get_tag()[2])


class PlatformDistribution(Distribution):
    def has_ext_modules(self):
        return not FROM_SYSTEM


setup(cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel}, distclass=PlatformDistribution)
