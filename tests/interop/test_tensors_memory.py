"""Tensors and results share memory with what they came from, which lives as long as it is needed."""

from __future__ import annotations

import gc
import sys
import threading
import weakref

import numpy as np
import pytest
from processes import run
from tensors import array, same

import cnorm
import cnorm.functional as F

pytest.importorskip("ml_dtypes")
torch = pytest.importorskip("torch")

F32 = np.dtype(np.float32)


class TestMemory:
    """Nothing is copied, and all lives as long as it is needed."""

    def test_out_is_returned(self) -> None:
        t, out, h = torch.randn(4, 6), torch.empty(4, 6), torch.empty(4, 6)
        assert F.layer_norm(t, (6,), out=out) is out
        y = F.layer_norm(t, (6,), residual=t, out=out, residual_out=h)
        assert y[0] is out
        assert y[1] is h
        assert torch.equal(h, t + t)
        assert F.layer_norm(t, (6,), out=t) is t
        assert torch.equal(t, F.layer_norm(h / 2, (6,)))

    def test_an_array_as_out_of_a_tensor(self) -> None:
        t, out = torch.randn(4, 6), np.empty((4, 6), np.float32)
        y = F.layer_norm(t, (6,), out=out)
        assert type(y) is torch.Tensor
        assert y.data_ptr() == out.ctypes.data
        same(array(F.layer_norm(t, (6,))), out)
        before = out[::-1, ::-1].copy()
        with pytest.raises(TypeError, match="out"):  # torch has no negative strides
            F.layer_norm(t, (6,), out=out[::-1, ::-1])
        assert np.array_equal(out[::-1, ::-1], before)

    def test_results_outlive_all_else(self) -> None:
        t = torch.randn(300, 1000)
        y, mean, var = cnorm.standardize(t, 1, return_moments=True)
        expected = y.clone(), mean.clone(), var.clone()
        view = y[5:, 3:]
        del y
        gc.collect()
        junk = [np.full((300, 1000), 7, np.float32) for _ in range(4)]
        assert torch.equal(view, expected[0][5:, 3:])
        assert torch.equal(mean, expected[1])
        assert torch.equal(var, expected[2])
        view.add_(1)  # and may be written to
        view.resize_(2, 2)
        del junk

    def test_nothing_is_left(self) -> None:
        """Neither the tensors of a call nor the arrays behind its results."""
        t, w = torch.randn(4, 6), torch.nn.Parameter(torch.ones(6), requires_grad=False)
        before = [sys.getrefcount(value) for value in (t, w, None, F32)]
        for _ in range(2000):
            F.layer_norm(t, (6,), w, w)
            cnorm.moments(t)
            with pytest.raises(ValueError, match="weight"):
                F.layer_norm(t, (6,), w[:3])
        after = [sys.getrefcount(value) for value in (t, w, None, F32)]
        assert all(abs(a - b) < 100 for a, b in zip(after, before, strict=True))
        watched = weakref.ref(t)
        y = F.layer_norm(t, (6,))
        del t
        assert watched() is None
        assert y.shape == (4, 6)

    def test_no_memory_grows(self) -> None:
        resource = pytest.importorskip("resource")
        t = torch.randn(64, 4096)  # a result is 1 MiB
        for _ in range(50):
            F.layer_norm(t, (4096,))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(400):
            F.layer_norm(t, (4096,))
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024

    def test_freed_in_another_thread(self) -> None:
        results = [F.layer_norm(torch.randn(4, 6), (6,)) for _ in range(100)]
        thread = threading.Thread(target=results.clear)
        thread.start()
        thread.join()
        assert results == []

    def test_alive_at_exit(self) -> None:
        done = run(
            "import torch, cnorm.functional as F\n"
            "y = F.layer_norm(torch.randn(4, 6), (6,))\ntorch.kept = [y]\nimport sys; sys.kept = y"
        )
        assert done.returncode == 0, done.stderr

    def test_running_statistics_move(self) -> None:
        mean, var = torch.zeros(4), torch.nn.Parameter(torch.ones(4), requires_grad=False)
        t = torch.randn(3, 4, 5)
        expected = [mean.clone(), var.detach().clone()]
        torch.nn.functional.batch_norm(t, *expected, training=True)
        F.batch_norm(t, mean, var, training=True)
        assert torch.allclose(mean, expected[0], atol=1e-6)
        assert torch.allclose(var, expected[1], atol=1e-6)
        F.batch_norm(t.numpy(), mean, var, training=True)  # of an array, too
        assert not torch.allclose(mean, expected[0], atol=1e-6)
