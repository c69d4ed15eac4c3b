"""docs/migration.md: both sides of its tables give the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference import Array

import cnorm
import cnorm.functional as F
import cnorm.preprocessing as P

RNG = np.random.default_rng(0)
X = RNG.normal(3, 2, (4, 6, 5, 7)).astype(np.float32)
SCALE, SHIFT, MEAN, VAR = RNG.uniform(0.5, 1.5, (4, 6)).astype(np.float32)
WEIGHT, BIAS = RNG.normal(size=(2, 7)).astype(np.float32)
PLANE = RNG.normal(size=(5, 7)).astype(np.float32)
SKIP = RNG.normal(size=X.shape).astype(np.float32)
TABLE = X.astype(np.float64).reshape(24, 35)

# Operator: domain, inputs, attributes, the call here.
NODES: dict[str, tuple[str, tuple[Array, ...], dict[str, Any], Any]] = {
    "BatchNormalization": (
        "",
        (X, SCALE, SHIFT, MEAN, VAR),
        {"epsilon": 1e-5},
        lambda: F.batch_norm(X, MEAN, VAR, SCALE, SHIFT, eps=1e-5),
    ),
    "InstanceNormalization": (
        "",
        (X, SCALE, SHIFT),
        {"epsilon": 1e-5},
        lambda: F.instance_norm(X, weight=SCALE, bias=SHIFT, eps=1e-5),
    ),
    "LayerNormalization": (
        "",
        (X, PLANE),
        {"axis": 2, "epsilon": 1e-5},
        lambda: F.layer_norm(X, X.shape[2:], PLANE, None, 1e-5),
    ),
    "GroupNormalization": (
        "",
        (X, SCALE, SHIFT),
        {"num_groups": 3, "epsilon": 1e-5},
        lambda: F.group_norm(X, 3, SCALE, SHIFT, 1e-5),
    ),
    "RMSNormalization": (
        "",
        (X, WEIGHT),
        {"axis": -1, "epsilon": 1e-5},
        lambda: F.rms_norm(X, X.shape[-1:], WEIGHT, 1e-5),
    ),
    "SkipLayerNormalization": (
        "com.microsoft",
        (X[0], SKIP[0], WEIGHT, BIAS),
        {"epsilon": 1e-5},
        lambda: F.layer_norm(X[0] + SKIP[0], X.shape[-1:], WEIGHT, BIAS, 1e-5),
    ),
    "LpNormalization": ("", (X,), {"axis": 1, "p": 1}, lambda: F.normalize(X, 1, 1)),
    "LRN": (
        "",
        (X,),
        {"size": 5, "alpha": 0.01, "beta": 0.6, "bias": 2.0},
        lambda: F.local_response_norm(X, 5, 0.01, 0.6, 2.0),
    ),
    "MeanVarianceNormalization": ("", (X,), {}, lambda: cnorm.standardize(X, (0, 2, 3), eps=0)),
}


def run_node(name: str, domain: str, inputs: tuple[Array, ...], attributes: dict[str, Any]) -> Any:
    """The first output of a graph of one node."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    h = onnx.helper
    given = {f"i{k}": value for k, value in enumerate(inputs)}
    node = h.make_node(name, list(given), ["y"], domain=domain, **attributes)
    ends = [h.make_tensor_value_info(key, onnx.TensorProto.FLOAT, v.shape) for key, v in given.items()]
    result = h.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    versions = [h.make_opsetid("", 23), h.make_opsetid("com.microsoft", 1)]
    graph = h.make_graph([node], "one", ends, [result])
    model = h.make_model(graph, opset_imports=versions, ir_version=10)
    return runtime.InferenceSession(model.SerializeToString()).run(None, given)[0]


@pytest.mark.parametrize("name", NODES)
def test_onnx_runtime(name: str) -> None:
    domain, inputs, attributes, ours = NODES[name]
    np.testing.assert_allclose(ours(), run_node(name, domain, inputs, attributes), atol=5e-6)


def test_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    np.testing.assert_allclose(P.zscore(TABLE, axis=1, ddof=1), stats.zscore(TABLE, axis=1, ddof=1))
    scaler = P.StandardScaler().fit(TABLE)
    np.testing.assert_allclose(scaler.transform(TABLE[:5]), stats.zmap(TABLE[:5], TABLE))
    np.testing.assert_allclose(P.zmap(TABLE[:5], TABLE, ddof=1), stats.zmap(TABLE[:5], TABLE, ddof=1))
    positive = abs(TABLE)
    np.testing.assert_allclose(P.gzscore(positive, axis=1), stats.gzscore(positive, axis=1), rtol=1e-12)


@pytest.mark.parametrize(("norm", "p"), [("l1", 1), ("l2", 2), ("max", float("inf"))])
def test_scikit_learn_normalize(norm: str, p: float) -> None:
    normalize = pytest.importorskip("sklearn.preprocessing").normalize
    np.testing.assert_allclose(F.normalize(TABLE, p, axis=1), normalize(TABLE, norm))
    np.testing.assert_allclose(P.normalize(TABLE, norm), normalize(TABLE, norm))
    np.testing.assert_allclose(P.Normalizer(norm).fit_transform(TABLE), normalize(TABLE, norm))


def test_scikit_learn_maxabs() -> None:
    maxabs_scale = pytest.importorskip("sklearn.preprocessing").maxabs_scale
    for axis in (0, 1):
        np.testing.assert_allclose(P.maxabs_scale(TABLE, axis=axis), maxabs_scale(TABLE, axis=axis))
    np.testing.assert_allclose(P.MaxAbsScaler().fit_transform(TABLE), maxabs_scale(TABLE))


def test_numpy() -> None:
    weights = np.arange(1.0, 25)[:, None]
    mean, var = cnorm.moments(TABLE, 0)
    np.testing.assert_allclose((mean, var), (TABLE.mean(0), TABLE.var(0)))
    weighted = cnorm.moments(TABLE, 0, weights=weights)[0]
    np.testing.assert_allclose(weighted, np.average(TABLE, 0, np.broadcast_to(weights, TABLE.shape)))
    holes = np.where(TABLE > 5, np.nan, TABLE)
    mean, var = cnorm.moments(holes, 0, nan_policy="omit")
    np.testing.assert_allclose((mean, var), (np.nanmean(holes, 0), np.nanvar(holes, 0)))
    assert np.isnan(cnorm.moments(np.full((3, 2), np.nan), 0, nan_policy="omit")[0]).all()
    z = (TABLE - TABLE.mean(1, keepdims=True)) / TABLE.std(1, keepdims=True)
    np.testing.assert_allclose(cnorm.standardize(TABLE, 1, eps=0), z)
    assert not cnorm.standardize(np.ones((2, 3)), 1, eps=0).any()


@pytest.mark.parametrize("axis", [0, 1, None])
def test_reductions(axis: int | None) -> None:
    """The table of docs/holes.md."""
    bn, pd = pytest.importorskip("bottleneck"), pytest.importorskip("pandas")
    x = np.where(TABLE < 1, np.nan, TABLE)
    for name in (
        "nansum",
        "nanmean",
        "nanvar",
        "nanstd",
        "nanmin",
        "nanmax",
        "anynan",
        "allnan",
        "nanargmax",
    ):
        np.testing.assert_allclose(
            getattr(cnorm.stats, name)(x, axis), getattr(bn, name)(x, axis), rtol=1e-12
        )
    np.testing.assert_allclose(cnorm.stats.ss(TABLE, axis), bn.ss(TABLE, axis), rtol=1e-12)
    weights = RNG.integers(0, 3, TABLE.shape)
    weights[0] = weights[:, 0] = 1
    mean = cnorm.stats.mean(TABLE, axis, weights=weights)
    np.testing.assert_allclose(mean, np.average(TABLE, axis, weights), rtol=1e-12)
    frame = pd.DataFrame(x)
    if axis is not None:
        assert np.array_equal(cnorm.stats.count(x, axis), frame.count(axis=axis))
        np.testing.assert_allclose(cnorm.stats.nanvar(x, axis, ddof=1), frame.var(axis=axis), rtol=1e-12)
        np.testing.assert_allclose(cnorm.stats.nanptp(x, axis), frame.max(axis=axis) - frame.min(axis=axis))


def test_torch() -> None:
    torch = pytest.importorskip("torch")
    mean, var = cnorm.moments(X, (0, 2, 3), correction=1)
    theirs = torch.var_mean(torch.from_numpy(X), dim=(0, 2, 3), correction=1)
    np.testing.assert_allclose(var, theirs[0].numpy(), rtol=1e-5)
    np.testing.assert_allclose(mean, theirs[1].numpy(), rtol=1e-5)
    parts = (torch.from_numpy(p) for p in (np.zeros((6, 3), np.float32), SHIFT, MEAN, VAR))
    weight, bias = torch.nn.utils.fusion.fuse_linear_bn_weights(
        *parts, 1e-5, torch.from_numpy(SCALE), torch.from_numpy(SHIFT)
    )
    ours = F.fold_batch_norm(np.zeros((6, 3), np.float32), SHIFT, MEAN, VAR, SCALE, SHIFT, 1e-5)
    np.testing.assert_allclose(ours[0], weight.detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(ours[1], bias.detach().numpy(), atol=1e-5)


def test_scanpy_scales_sparse_columns() -> None:
    """Its scaling without centering, by dense formulas."""
    sparse = pytest.importorskip("scipy.sparse")
    x = sparse.random(50, 20, 0.3, "csr", random_state=0)
    dense = x.toarray()
    deviation = dense.std(0, ddof=1)
    y = cnorm.sparse.scale(x, np.sqrt(cnorm.sparse.moments(x, 0, correction=1)[1]), max_value=2)
    np.testing.assert_allclose(y.toarray(), np.minimum(dense / np.where(deviation == 0, 1, deviation), 2))
