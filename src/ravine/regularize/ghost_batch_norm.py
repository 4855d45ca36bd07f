"""Ghost batch normalization: statistics of small parts of a large batch."""

from __future__ import annotations

import torch
import torch.nn.functional as nnf
from torch import Tensor

from ravine.core.intervals import Interval
from ravine.regularize.any_batch_norm import AnyBatchNorm
from ravine.regularize.batch_of_one import refuse_few_values

_SIZE = Interval(1)


class GhostBatchNorm(AnyBatchNorm):
    """Batch norm over ghost batches of `size` rows: (batch, channels, *) → the same shape, any rank from 2.

    A batch of n rows has k = max(1, n // size) ghost batches. The first k − 1 have `size` rows each,
    taken in turn: row i of the first (k − 1)·size belongs to ghost batch i mod (k − 1), so that no
    row is copied (shuffled rows are as good in one order as in another). The rest, from `size` to
    2·size − 1 rows, is the last; when `size` divides n, all k are taken in turn. A batch smaller
    than `size` is one ghost batch.

    The running statistics change as if the k ghost batches had come one after another, each with
    its share `momentum` (so 1 − (1 − momentum)^k for the batch as a whole), and with momentum=None
    each counts as one batch. Evaluation is that of batch norm.

    Args:
        num_features: Channels.
        size: Rows per ghost batch; Hoffer et al. use 128, and 32 to 256 serve in general.
        eps, momentum, affine, track_running_stats: As torch.nn.BatchNorm2d.

    Raises:
        BadValue: While training, a ghost batch with fewer than 2 values per channel.

    Source: Hoffer et al. 2017, "Train longer, generalize better" (arXiv:1705.08741), algorithm 1.
    """

    def __init__(
        self,
        num_features: int,
        size: int = 32,
        *,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats)
        self.size = int(_SIZE.check(type(self).__name__, "size", size))

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's own name)
        """The batch, each ghost batch normalized by itself."""
        self._check_input_dim(input)
        if not (self.training or self.running_mean is None):
            return nnf.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        rows = len(input)
        count = max(1, rows // self.size)
        if count == 1 or (rows % count == 0 and rows // count == self.size):
            return self._ghosts(input, count)
        whole = (count - 1) * self.size
        return torch.cat([self._ghosts(input[:whole], count - 1), self._ghosts(input[whole:], 1)])

    def _ghosts(self, x: Tensor, count: int) -> Tensor:
        """Normalize `count` equal ghost batches, row i in ghost batch i mod count, as count·channels channels."""
        refuse_few_values(type(self).__name__, x, least=2 * count)
        channels = x.shape[1]
        wide = x.reshape(len(x) // count, count * channels, *x.shape[2:])
        mean = var = None
        if self.training and self.running_mean is not None:
            mean = self.running_mean.new_zeros(count * channels)
            var = torch.zeros_like(mean)
        weight = None if self.weight is None else self.weight.repeat(count)
        bias = None if self.bias is None else self.bias.repeat(count)
        # Momentum 1 puts the statistics of this batch into the buffers.
        out = nnf.batch_norm(wide, mean, var, weight, bias, True, 1.0, self.eps)
        if mean is not None and var is not None:
            self._follow(mean.view(count, channels), var.view(count, channels))
        return out.reshape(x.shape)

    @torch.no_grad()
    def _follow(self, means: Tensor, variances: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        count = len(means)
        self.num_batches_tracked.add_(count)
        later = torch.arange(count - 1, -1, -1, dtype=means.dtype, device=means.device)
        if self.momentum is None:
            shares = torch.ones_like(later) / self.num_batches_tracked
        else:
            shares = self.momentum * (1.0 - self.momentum) ** later
        for running, new in ((self.running_mean, means), (self.running_var, variances)):
            running.mul_(1.0 - shares.sum()).add_(shares @ new)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{super().extra_repr()}, size={self.size}"  # type: ignore[no-untyped-call]
