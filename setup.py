"""Builds the extension: one C core, each instruction set in a file and with flags of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path
from typing import Any

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

sys.path.insert(0, str(Path(__file__).resolve().parent / "tools"))
from build_flags import NO_DEBUG, elements, flags, uses_openmp
from kept_objects import keep
from long_description import long_description

ROOT = Path(__file__).resolve().parent
PLATFORM = sysconfig.get_platform()
OPENMP = uses_openmp(PLATFORM, os.environ)
DEBUG = bool(os.environ.get("CNORM_DEBUG"))
KEPT = ["src_c/memory/kept.c"]
WORDS = elements()


class BuildExt(build_ext):
    """Files side by side, by the flags of their instruction set, and those of one once for each element.

    Their objects stay in build/, of an editable install, too: the next build makes what has changed.
    """

    def finalize_options(self) -> None:
        super().finalize_options()
        self.build_temp = str(ROOT / "build" / f"objects.{PLATFORM}-{sysconfig.get_config_var('SOABI')}")

    def build_extensions(self) -> None:
        if self.compiler.compiler_type == "msvc":
            use_clang_cl(self.compiler)
            chosen = flags("clang-cl", PLATFORM, OPENMP)
        else:
            chosen = flags(family(self.compiler.compiler_so), PLATFORM, OPENMP)
            keep(self.compiler, ROOT, f"NumPy {numpy.__version__}")
        for extension in self.extensions:
            extension.extra_compile_args = [flag for flag in chosen.compile if flag != NO_DEBUG or not DEBUG]
            extension.extra_link_args = chosen.link
        compile_all = self.compiler.compile

        def one(file: str, element: str, **options: Any) -> list[str]:
            extra = [*(options.get("extra_postargs") or []), *chosen.isa.get(Path(file).stem, [])]
            own = {**options, "extra_postargs": extra}
            if element:
                own["macros"] = [*(options.get("macros") or []), ("CN_E", element)]
                own["output_dir"] = str(Path(options.get("output_dir") or "", element))
            return compile_all([file], **own)

        def one_by_one(files: list[str], **options: Any) -> list[str]:
            jobs = [(file, element) for file in files for element in (WORDS if in_isa(file) else [""])]
            with ThreadPoolExecutor(os.cpu_count()) as pool:  # each waits for a compiler
                made = pool.map(lambda job: one(*job, **options), jobs)
                return [found for objects in made for found in objects]

        self.compiler.compile = one_by_one
        super().build_extensions()


def in_isa(file: str) -> bool:
    return Path(file).parent.name == "isa"


def family(command: list[str]) -> str:
    """Is it gcc or clang, by what the compiler predefines? It may have any name.

    One that does not answer, as Apple's for two CPUs at once, gets no options of gcc's own.
    """
    ask = [*command, "-dM", "-E", "-x", "c", os.devnull]
    predefined = subprocess.run(ask, capture_output=True, text=True, check=False).stdout
    return "gcc" if "__GNUC__" in predefined and "__clang__" not in predefined else "clang"


def use_clang_cl(compiler: Any) -> None:
    """Kernels are written in vectors that cl.exe does not know; clang-cl links with what cl.exe makes."""
    found = shutil.which("clang-cl") or shutil.which("clang-cl", path=r"C:\Program Files\LLVM\bin")
    if found is None:
        raise SystemExit("cnorm needs clang-cl on Windows: install LLVM and put its bin folder on PATH")
    compiler.initialize()
    compiler.cc = found
    compiler.add_library_dir(str(Path(found).resolve().parents[1] / "lib"))  # where LLVM has libomp


MACROS = [
    ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
    ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION"),
    *([("NDEBUG", None)] if not DEBUG else []),
    *([("CN_OPENMP", None)] if OPENMP else []),
]


def extension(name: str, c_files: list[str]) -> Extension:
    return Extension(
        f"cnorm._native.{name}",
        sources=[f"cnorm/_native/{name.replace('.', '/')}.pyx", *c_files],
        depends=[*sorted(glob("src_c/**/*.*", recursive=True)), "tools/build_flags.py"],
        include_dirs=["src_c", numpy.get_include()],
        define_macros=MACROS,
    )


# What reaches the core and kept memory does so through their .pxd: each is linked once.
CORE = sorted(set(glob("src_c/*/*.c")) - set(KEPT))
LINKED = {"core": CORE, "kept": KEPT}
ROOM = Path("cnorm", "_native")
NAMES = [".".join(path.relative_to(ROOM).with_suffix("").parts) for path in sorted(ROOM.rglob("*.pyx"))]
extensions = [extension(name, LINKED.get(name, [])) for name in NAMES]
setup(
    ext_modules=cythonize(extensions),
    cmdclass={"build_ext": BuildExt},
    long_description=long_description(),
    long_description_content_type="text/markdown",
)
