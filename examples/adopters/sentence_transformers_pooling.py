"""sentence-transformers: Pooling and Normalize, the last two modules of most of its models."""

import torch
from _compare import Adoption, show
from sentence_transformers.models import Normalize, Pooling

import cnorm

modules = torch.nn.Sequential(Pooling(384, "mean"), Normalize())


def today(tokens, mask):
    return modules({"token_embeddings": tokens, "attention_mask": mask})["sentence_embedding"]


def ours(tokens, mask):
    return torch.as_tensor(cnorm.mean_pool(tokens, mask.bool(), normalize=True))


def arrays():
    lengths = torch.randint(20, 257, (32, 1))
    return torch.randn(32, 256, 384), (torch.arange(256) < lengths).long()


def main():
    show(Adoption("sentence-transformers", "Pooling, Normalize", today, ours, arrays))


if __name__ == "__main__":
    main()
