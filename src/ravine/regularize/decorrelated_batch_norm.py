"""Decorrelated batch normalization: channels with mean 0, variance 1 and no correlation within their group."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import POSITIVE, UNIT, Interval
from ravine.regularize.batch_of_one import refuse_few_values
from ravine.regularize.channel_groups import check_groups, groups_of_at_most
from ravine.regularize.whitening import ROOTS, grouped, inverse_root, moments, ungrouped

_USUAL_GROUP = 16
_ITERATIONS = Interval(1)


class DecorrelatedBatchNorm(nn.Module):
    """Batch normalization that whitens: (batch, channels, *) → the same shape, any rank from 2.

    In each group of channels, over the M values that a channel has in the batch:

        μ = mean(x),   Σ = (1/M) Σ (x − μ)(x − μ)ᵀ + εI
        y = γ·Σ^(−1/2)(x − μ) + β

    Σ^(−1/2) is the symmetric root (ZCA), which moves the channels as little as whitening can; other
    roots turn them from batch to batch and training stalls. While training the running mean and the
    running whitening matrix take a share `momentum` of each batch's, and evaluation uses them.

    Half precision is computed in float32. Shapes of the buffers: running_mean (channels),
    running_whitening (groups, channels / groups, channels / groups).

    Args:
        num_features: Channels.
        groups: Number of groups, a divisor of the channels; None: the fewest of at most 16 channels.
            Larger groups decorrelate more and need more values per channel for a sound Σ.
        method: "eigen" (exact however ill the condition), "newton-schulz" (products alone), or "auto":
            "eigen" on a CPU, "newton-schulz" elsewhere, where each is the faster. They agree to 1e-3
            unless variances differ a hundredfold.
        iterations: Newton–Schulz steps. 10 whiten variances within a factor of about 100 of each
            other to 1e-3; fewer leave the weakest directions partly correlated, which the paper
            (5 steps) finds to be a virtue.
        momentum: Share of the running statistics that a batch replaces; None: plain average of all.
        eps: ε, added to each variance; bounds the gain of a direction by 1/√ε.
        affine: Whether γ and β, (channels) each, are learned.

    Raises:
        BadValue: Groups that do not divide the channels; another rank; while training, no more values
            per channel than a group has channels, for then Σ is singular.

    Source: Huang et al. 2018, "Decorrelated Batch Normalization" (arXiv:1804.08450); Newton–Schulz:
    Huang et al. 2019, "Iterative Normalization" (arXiv:1904.03441).
    """

    ranks: ClassVar[tuple[int, ...] | None] = None
    weight: Tensor | None
    bias: Tensor | None
    running_mean: Tensor
    running_whitening: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        num_features: int,
        groups: int | None = None,
        *,
        method: str = "auto",
        iterations: int = 10,
        momentum: float | None = 0.1,
        eps: float = 1e-5,
        affine: bool = True,
    ) -> None:
        super().__init__()
        owner = type(self).__name__
        if method not in ROOTS:
            raise BadValue(refusal(owner, "method", f"be one of {', '.join(ROOTS)}", method))
        groups = groups_of_at_most(num_features, _USUAL_GROUP) if groups is None else groups
        self.num_features = num_features
        self.groups = check_groups(owner, num_features, groups)
        self.method = method
        self.iterations = int(_ITERATIONS.check(owner, "iterations", iterations))
        self.momentum = momentum if momentum is None else UNIT.check(owner, "momentum", momentum)
        self.eps = POSITIVE.check(owner, "eps", eps)
        self.affine = affine
        self.register_parameter("weight", nn.Parameter(torch.ones(num_features)) if affine else None)
        self.register_parameter("bias", nn.Parameter(torch.zeros(num_features)) if affine else None)
        size = num_features // groups
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_whitening", torch.eye(size).repeat(groups, 1, 1))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """The batch, whitened."""
        self._check(x)
        with torch.autocast(x.device.type, enabled=False):
            wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
            out = self._with_batch(wide) if self.training else self._with_running(wide)
        return out.to(x.dtype)

    def whitening(self, cov: Tensor) -> Tensor:
        """(Σ + εI)^(−1/2) for covariances (groups, size, size)."""
        ridge = self.eps * torch.eye(cov.shape[-1], dtype=cov.dtype, device=cov.device)
        return inverse_root(cov + ridge, self.method, self.iterations)

    def _with_batch(self, x: Tensor) -> Tensor:
        centred, cov, mean = moments(grouped(x, self.groups))
        root = self.whitening(cov)
        self._follow(mean.flatten(), root.detach())
        return ungrouped(self._mixed(centred, root, None), x.shape)

    def _with_running(self, x: Tensor) -> Tensor:
        root = self.running_whitening.to(x.dtype)
        mean = self.running_mean.to(x.dtype).view(self.groups, -1)
        return ungrouped(self._mixed(grouped(x, self.groups), root, mean), x.shape)

    def _mixed(self, blocks: Tensor, root: Tensor, mean: Tensor | None) -> Tensor:
        """γ·W(x − μ) + β as one product with one offset."""
        offset = None
        if self.weight is not None:
            root = self.weight.to(root.dtype).view(self.groups, -1, 1) * root
        if mean is not None:
            offset = -(root @ mean.unsqueeze(-1))
        if self.bias is not None:
            bias = self.bias.to(root.dtype).view(self.groups, -1, 1)
            offset = bias if offset is None else bias + offset
        out = root @ blocks
        return out if offset is None else out.add_(offset)

    @torch.no_grad()
    def _follow(self, mean: Tensor, root: Tensor) -> None:
        self.num_batches_tracked.add_(1)
        share = 1.0 / self.num_batches_tracked if self.momentum is None else self.momentum
        for running, new in ((self.running_mean, mean), (self.running_whitening, root)):
            running.add_((new - running).to(running.dtype) * share)

    def _check(self, x: Tensor) -> None:
        owner = type(self).__name__
        if x.ndim < 2 or (self.ranks is not None and x.ndim not in self.ranks):
            wanted = "at least 2" if self.ranks is None else " or ".join(map(str, self.ranks))
            raise BadValue(refusal(owner, "a batch", f"have {wanted} dimensions", tuple(x.shape)))
        if x.shape[1] != self.num_features:
            raise BadValue(refusal(owner, "a batch", f"have {self.num_features} channels", tuple(x.shape)))
        if self.training:
            refuse_few_values(owner, x, least=self.num_features // self.groups + 1)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_features}, groups={self.groups}, method={self.method!r}, iterations={self.iterations}, "
            f"momentum={self.momentum}, eps={self.eps}, affine={self.affine}"
        )


class DecorrelatedBatchNorm1d(DecorrelatedBatchNorm):
    """`DecorrelatedBatchNorm` for (batch, channels) and (batch, channels, length)."""

    ranks = (2, 3)


class DecorrelatedBatchNorm2d(DecorrelatedBatchNorm):
    """`DecorrelatedBatchNorm` for (batch, channels, height, width)."""

    ranks = (4,)
