"""Builds the two modules beside it: python setup.py build_ext --inplace."""

from Cython.Build import cythonize
from setuptools import Extension, setup

import cnorm

folder = [cnorm.get_include()]
modules = [Extension(name, [file], include_dirs=folder) for name, file in
           (("from_c", "from_c.c"), ("from_cython", "from_cython.pyx"))]  # fmt: skip
setup(name="compiled", ext_modules=cythonize(modules))
