"""fork(): a child computes the same bits and ends, whatever ran in the parent."""

from __future__ import annotations

from processes import run


def test_works_after_fork() -> None:
    """A child of a process that has used threads neither hangs nor errs."""
    code = """
import multiprocessing, numpy as np, cnorm
x = np.random.default_rng(0).standard_normal((2048, 768)).astype(np.float32)
def job(n):
    return cnorm.functional.layer_norm(x, (768,)).tobytes() == y
if __name__ == "__main__":
    cnorm.set_num_threads(2)
    y = cnorm.functional.layer_norm(x, (768,)).tobytes()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(all(pool.map(job, range(4))), job(0))
"""
    done = run(code)
    assert done.stdout.strip() == "True True", done.stderr
