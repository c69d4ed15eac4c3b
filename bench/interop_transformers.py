"""Models of transformers with their own norms and with cnorm's: python -m bench.interop_transformers.

The models are made from a configuration, with random weights; timed is a token that `generate` makes.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
import transformers

import cnorm
from bench.tables import duration, head, number, row
from cnorm._bench.interleave import compared
from cnorm.interop.torch import accelerate
from cnorm.interop.transformers import kernelize

SECONDS, TOKENS = 10.0, 8
SIZES = {"vocab_size": 1000, "hidden_size": 512, "num_hidden_layers": 6}
ATTENTION = {**SIZES, "intermediate_size": 1024, "num_attention_heads": 8, "num_key_value_heads": 4}


def models() -> Iterator[tuple[str, Any]]:
    t = transformers
    yield "Llama", t.LlamaForCausalLM(t.LlamaConfig(**ATTENTION))
    yield "Qwen3", t.Qwen3ForCausalLM(t.Qwen3Config(**ATTENTION, head_dim=64))
    yield "Mamba-2", t.Mamba2ForCausalLM(t.Mamba2Config(**SIZES, num_heads=16, head_dim=64, n_groups=2))


def main() -> None:
    cnorm.set_num_threads(1)
    torch.set_num_threads(1)
    print(*head(["model", "a token", "kernelize", "own / ours", "accelerate", "own / ours"]), sep="\n")
    for name, model in models():
        model = model.eval()
        given = torch.randint(1, 1000, (1, 16))
        kinds = {"own": model, "kernelize": kernelize(copy.deepcopy(model))}
        kinds["accelerate"] = accelerate(copy.deepcopy(model))
        keywords = {"max_new_tokens": TOKENS, "min_new_tokens": TOKENS, "do_sample": False, "pad_token_id": 0}
        calls = {kind: partial(made.generate, given, **keywords) for kind, made in kinds.items()}
        with torch.inference_mode():
            logits = [made(given).logits for made in kinds.values()]
            assert all(torch.allclose(y, logits[0], rtol=1e-4, atol=1e-4) for y in logits)
            found = compared(calls, "own", SECONDS, clock=time.process_time)
        cells = [name, duration(found["own"]["median"] / TOKENS)]
        for kind in ("kernelize", "accelerate"):
            cells += [duration(found[kind]["median"] / TOKENS), number(1 / found[kind]["ratio"])]
        print(row(cells), flush=True)


if __name__ == "__main__":
    main()
