"""The tokenizer's codebook in training: moving averages with restart of unused rows, and statistics of its usage."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MovingCodebook(nn.Module):
    """Codebook rows as moving averages of the vectors assigned to them; unused rows are replaced.

    More stable than the gradient in short trainings (van den Oord et al. 2017, appendix A.1; restart: Dhariwal et al.
    2020). The buffers are part of checkpoints.
    """

    count: Tensor
    total: Tensor
    started: Tensor

    def __init__(self, book: nn.Embedding, decay: float = 0.97, min_count: float = 0.02, initialised: bool = False):
        """decay: of the moving averages. min_count: rows whose average count is below it are replaced.

        initialised: keep the present rows; else the first update replaces all by vectors of its batch.
        """
        super().__init__()
        self.decay, self.min_count = decay, min_count
        book.weight.requires_grad_(False)
        self.register_buffer("count", torch.ones(book.num_embeddings))
        self.register_buffer("total", book.weight.detach().clone())
        self.register_buffer("started", torch.tensor(initialised))

    @torch.no_grad()
    def update(self, book: Tensor, vectors: Tensor, indices: Tensor, generator: torch.Generator) -> None:
        """Updates the rows from one batch.

        book: (K, D), changed in place. vectors: (M, D). indices: (M,), row assigned to each vector.
        generator: on the CPU; draws the vectors that replace rows.
        """

        def random_vectors(count: int) -> Tensor:
            return vectors[torch.randint(len(vectors), (count,), generator=generator).to(vectors.device)]

        if not self.started:
            noise = torch.randn(book.shape, generator=generator).to(book.device)
            book.copy_(random_vectors(len(book)) + 0.01 * noise)
            self.total.copy_(book)
            self.count.fill_(1.0)
            self.started.fill_(True)
            return
        used = F.one_hot(indices, len(book)).to(vectors.dtype)  # (M, K)
        self.count.mul_(self.decay).add_(used.sum(0), alpha=1 - self.decay)
        self.total.mul_(self.decay).add_(used.T @ vectors, alpha=1 - self.decay)
        book.copy_(self.total / (self.count[:, None] + 1e-3))
        unused = torch.lt(self.count, self.min_count)
        if unused.any():
            fresh = random_vectors(int(unused.sum()))
            book[unused], self.total[unused], self.count[unused] = fresh, fresh, 1.0


def code_usage(indices: Tensor, rows: int) -> dict[str, Tensor]:
    """Usage of a codebook with `rows` rows, from indices (M,): perplexity (1 .. rows) and number of unused rows."""
    share = torch.bincount(indices.flatten(), minlength=rows).float() / indices.numel()
    entropy = -(share * (share + 1e-12).log()).sum()
    return {"perplexity": entropy.exp(), "dead_codes": (share == 0).sum().float()}
