"""Builds the extension: one C core, each instruction set in a file and with flags of its own."""

from __future__ import annotations

import os
import platform
import sys
from glob import glob
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# A single-element contract for all files: no contraction (the baseline has no FMA, and results must be
# equal in every bit), never the fast-math family.
C_FLAGS = [
    "-O3", "-std=c11", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math",
    "-fno-tree-loop-distribute-patterns", "-fvisibility=hidden", "-Wall", "-Wextra",
]  # fmt: skip
ISA_FLAGS = {
    "isa_x86_v3": ["-march=x86-64-v3"],
    "isa_x86_v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
IS_X86 = platform.machine().lower() in {"x86_64", "amd64"}


BLOCKS = ["src_c/blocks.c"]


def sources() -> list[str]:
    files = sorted(set(glob("src_c/*.c")) - set(BLOCKS))
    return [f for f in files if IS_X86 or Path(f).stem not in ISA_FLAGS]


# Threads are POSIX threads (src_c/pool.c). OpenMP takes their place where there are none, or where
# CNORM_OPENMP=1 asks for it.
USE_OPENMP = sys.platform == "win32" or os.environ.get("CNORM_OPENMP") == "1"
THREAD_FLAGS = ["-fopenmp"] if USE_OPENMP else ["-pthread"]


class BuildExt(build_ext):
    """Adds the flags of an instruction set to its file."""

    def build_extensions(self) -> None:
        compile_one = self.compiler._compile

        def with_flags(obj, src, ext, cc_args, extra, pp_opts):  # type: ignore[no-untyped-def]
            compile_one(obj, src, ext, cc_args, [*extra, *ISA_FLAGS.get(Path(src).stem, [])], pp_opts)

        self.compiler._compile = with_flags
        super().build_extensions()


MACROS = [
    ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
    ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION"),
    *([("NDEBUG", None)] if not os.environ.get("CNORM_DEBUG") else []),
    *([("CN_OPENMP", None)] if USE_OPENMP else []),
]


def extension(name: str, c_files: list[str]) -> Extension:
    return Extension(
        f"cnorm.{name}",
        sources=[f"cnorm/{name}.pyx", *c_files],
        depends=sorted(glob("src_c/*")),
        include_dirs=["src_c", numpy.get_include()],
        define_macros=MACROS,
        extra_compile_args=[*C_FLAGS, *THREAD_FLAGS],
        extra_link_args=THREAD_FLAGS,
    )


# _entry reaches the core and the blocks through their .pxd: each is linked once.
extensions = [extension("_core", sources()), extension("_blocks", BLOCKS), extension("_entry", [])]
setup(ext_modules=cythonize(extensions), cmdclass={"build_ext": BuildExt})
