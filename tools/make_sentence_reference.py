"""Writes cnorm/demo/data/sentence_reference.npy: embeddings by torch and transformers.

Needs torch, transformers and the weights of the demo:

    pip install torch transformers && python tools/make_sentence_reference.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer, BertModel

from cnorm.demo.sentence import MAX_TOKENS, SENTENCES, model_folder

TARGET = Path(__file__).parent.parent / "cnorm" / "demo" / "data" / "sentence_reference.npy"


def main() -> None:
    folder = model_folder()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = BertModel.from_pretrained(folder, local_files_only=True).eval().double()
    batch = tokenizer(
        list(SENTENCES), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
    )
    with torch.inference_mode():
        tokens = model(**batch).last_hidden_state
        mask = batch["attention_mask"][..., None].double()
        pooled = (tokens * mask).sum(1) / mask.sum(1)
        embeddings = torch.nn.functional.normalize(pooled)
    np.save(TARGET, embeddings.numpy().astype(np.float32))
    print(f"{TARGET.name}: {tuple(embeddings.shape)}")


if __name__ == "__main__":
    main()
