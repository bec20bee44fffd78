"""The tokenizer's codebook while it learns: moving averages with restart of dead rows, and how healthy it is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MovingCodebook(nn.Module):
    """Codebook rows as moving averages of the vectors they stand for; rows that nobody uses start anew.

    Steadier than the gradient in short trainings (van den Oord et al. 2017, appendix A.1; restart: Dhariwal et al.
    2020).
    """

    count: Tensor
    total: Tensor
    started: Tensor

    def __init__(self, book: nn.Embedding, keep: float = 0.97, dead: float = 0.02, begun: bool = False):
        """begun: the rows are worth keeping; else the first update replaces them by vectors of its own."""
        super().__init__()
        self.keep, self.dead = keep, dead
        book.weight.requires_grad_(False)
        self.register_buffer("count", torch.ones(book.num_embeddings))
        self.register_buffer("total", book.weight.detach().clone())
        self.register_buffer("started", torch.tensor(begun))

    @torch.no_grad()
    def update(self, book: Tensor, vectors: Tensor, indices: Tensor, generator: torch.Generator) -> None:
        """book: (K, D), changed in place. vectors: (M, D). indices: (M,) rows that stand for them.

        generator: on the CPU; draws the vectors that new rows begin with.
        """

        def some(count: int) -> Tensor:
            return vectors[torch.randint(len(vectors), (count,), generator=generator).to(vectors.device)]

        if not self.started:
            noise = torch.randn(book.shape, generator=generator).to(book.device)
            book.copy_(some(len(book)) + 0.01 * noise)
            self.total.copy_(book)
            self.count.fill_(1.0)
            self.started.fill_(True)
            return
        used = F.one_hot(indices, len(book)).to(vectors.dtype)  # (M, K)
        self.count.mul_(self.keep).add_(used.sum(0), alpha=1 - self.keep)
        self.total.mul_(self.keep).add_(used.T @ vectors, alpha=1 - self.keep)
        book.copy_(self.total / (self.count[:, None] + 1e-3))
        lost = torch.lt(self.count, self.dead)
        if lost.any():
            fresh = some(int(lost.sum()))
            book[lost], self.total[lost], self.count[lost] = fresh, fresh, 1.0


def code_usage(indices: Tensor, rows: int) -> dict[str, Tensor]:
    """Health of a codebook of `rows` rows from (M,) drawn indices: perplexity (1 .. rows), and rows nobody drew."""
    share = torch.bincount(indices.flatten(), minlength=rows).float() / indices.numel()
    entropy = -(share * (share + 1e-12).log()).sum()
    return {"perplexity": entropy.exp(), "dead_codes": (share == 0).sum().float()}
