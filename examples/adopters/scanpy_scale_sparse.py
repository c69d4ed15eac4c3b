"""scanpy: genes of a sparse matrix by their deviations, cut; zeros stay zeros."""

import numpy as np
import scanpy
import scipy.sparse
from _compare import Adoption, show

import cnorm.sparse


def today(cells):
    return scanpy.pp.scale(cells, zero_center=False, max_value=10, copy=True)


def ours(cells):
    _, var = cnorm.sparse.moments(cells, 0, correction=1)
    return cnorm.sparse.scale(cells, np.sqrt(var), max_value=10)


def arrays():
    return (scipy.sparse.random(20_000, 2_000, 0.05, "csr", "f4", 0),)


def main():
    show(Adoption("scanpy", "pp.scale(cells, zero_center=False, max_value=10)", today, ours, arrays))


if __name__ == "__main__":
    main()
