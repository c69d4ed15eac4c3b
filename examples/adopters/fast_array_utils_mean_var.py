"""fast-array-utils: mean and variance of the columns of a sparse matrix, as scanpy takes them."""

import scipy.sparse
from _compare import Adoption, show
from fast_array_utils.stats import mean_var

import cnorm.sparse


def today(matrix):
    return mean_var(matrix, axis=0, correction=1)


def ours(matrix):
    return cnorm.sparse.moments(matrix, 0, correction=1)


def arrays():
    return (scipy.sparse.random(20_000, 2_000, 0.05, "csr", "f4", 0),)


def main():
    show(Adoption("fast-array-utils", "mean_var(matrix, axis=0, correction=1)", today, ours, arrays))


if __name__ == "__main__":
    main()
