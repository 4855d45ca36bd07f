"""Stochastic depth: residual branches are left out at random while training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Generator, Tensor, nn

from ravine.core.errors import BadValue, refusal
from ravine.core.intervals import BELOW_ONE
from ravine.core.sources import Source
from ravine.regularize.branches import Branch, branches, read, shortened
from ravine.regularize.masks import drop
from ravine.regularize.outputs import Act, Around, first_tensor, put, take_off
from ravine.regularize.technique import Acts, LayerTechnique, Technique

Mode = Literal["row", "batch"]
Rule = Literal["linear", "uniform"]

_ENDS = "_ravine_branch_ends"


def drop_rate(p: float, branch: int, count: int, rule: Rule = "linear") -> float:
    """How often the branch number `branch` of `count` is left out, counted from 1 at the input.

        linear:   p_l = p·l/L        the survival 1 − (l/L)·(1 − p_L) of the paper, p = 1 − p_L
        uniform:  p_l = p

    Early layers extract what all later ones need, and are left out rarely.

    >>> [drop_rate(0.4, branch, 4) for branch in (1, 2, 3, 4)]
    [0.1, 0.2, 0.30000000000000004, 0.4]

    Source: Huang et al. 2016, equation 4.
    """
    return p * branch / count if rule == "linear" else p


def drop_branch(
    out: Tensor, p: float, generator: Generator | None = None, *, mode: Mode = "row", rows: int = 0
) -> Tensor:
    """A branch's output f(x), for some rows 0, for the others divided by 1 − p.

        x + f(x)·b / (1 − p),  b ~ Bernoulli(1 − p)          E = x + f(x)

    The division is the paper's scaling at test time moved to training: evaluation is the plain network.

    Args:
        out: f(x), rows along the dimension `rows`. Not changed.
        p: Probability to drop, in [0, 1).
        generator: Source of chance, on the device of `out`; the global one when None.
        mode: "row": b is drawn for each row; "batch": once for all, as in the paper.
        rows: The dimension of the rows.

    Returns: The same shape and dtype.
    Source: Huang et al. 2016, equation 2.
    """
    BELOW_ONE.check("stochastic-depth", "p", p)
    shape = [1] * out.ndim
    if mode == "row":
        shape[rows] = out.shape[rows]
    return out * drop(out.new_ones(shape), p, generator)


class StochasticDepth(LayerTechnique):
    """`drop_branch` on the residual branches of a network while training.

    Where nobody says where: every branch that is found. Blocks whose code computes x + f(x) are
    read with `torch.fx`, whoever wrote them; `nn.TransformerEncoderLayer` and its decoder are known.
    `where` names such blocks, or modules that are each a branch, whose output is added to x.

    With mode "batch" the code of a branch that is left out does not run, where the block's code can
    be read: the expected depth, and the time of a step, shrink. Layers of `nn.Transformer` are only
    masked. It breaks the graphs of `torch.compile`, as does a generator.

    Args:
        p: How often the last branch is left out, in [0, 1).
        mode: "row": each row of a batch has its own chance; "batch": all rows one.
        rule: "linear": from p/L at the first of L branches to p at the last; "uniform": p at all.
        generator: Source of chance, on the device of the activations; the global one when None.

    Source: Huang et al. 2016.
    """

    name: ClassVar[str] = "stochastic-depth"

    def __init__(
        self, p: float = 0.2, mode: Mode = "row", rule: Rule = "linear", generator: Generator | None = None
    ) -> None:
        self.p = BELOW_ONE.check(self.name, "p", p)
        for word, got, allowed in (("mode", mode, get_args(Mode)), ("rule", rule, get_args(Rule))):
            if got not in allowed:
                raise BadValue(refusal(self.name, word, f"be one of {', '.join(allowed)}", got))
        self.mode: Mode = mode
        self.rule: Rule = rule
        self.generator = generator

    @property
    def by_row(self) -> bool:
        """Whether each row of a batch has its own chance."""
        return self.mode == "row"

    def suits(self, name: str, layer: nn.Module) -> bool:
        """Whether `layer` adds up residual branches."""
        del name
        return bool(branches(layer))

    def places(self, model: nn.Module) -> dict[str, nn.Module]:
        """All blocks with residual branches.

        Raises:
            BadValue: There are none that can be found.
        """
        found = super().places(model)
        if not found:
            raise BadValue(
                f"{self.name}: no residual branch x + f(x) is found in the {type(model).__name__}. If it has any, name "
                "the modules whose output is added: apply(model, StochasticDepth(...), where='blocks.*.last')."
            )
        return found

    def attach(self, layers: Mapping[str, nn.Module]) -> None:
        """Put it on the branches of these blocks, or on these branches."""
        _check_apart(layers)
        found = {name: _found(name, layer) for name, layer in layers.items()}
        count = sum(len(its) for its in found.values())
        number = 0
        for name, layer in layers.items():
            its = found[name]
            rates = [drop_rate(self.p, number + place, count, self.rule) for place in range(1, len(its) + 1)]
            number += len(its)
            self._put(layer, its, rates)

    def _put(self, layer: nn.Module, its: Sequence[Branch], rates: Sequence[float]) -> None:
        skips = self.mode == "batch" and shortened(layer, its) is not None if its[0].total else False
        for branch, rate in zip(its, rates, strict=True):
            gate = _Gate(rate, self.mode, branch.rows, self.generator, decided=skips)
            put(layer.get_submodule(branch.end), self.name, gate)
        if skips:
            put(layer, self.name, _Skip(tuple(its), tuple(rates), self.generator))
        layer.__dict__[_ENDS] = tuple(branch.end for branch in its)

    def detach(self, layers: Mapping[str, nn.Module]) -> None:
        """Take it off these blocks."""
        for layer in layers.values():
            for end in layer.__dict__.pop(_ENDS):
                take_off(layer.get_submodule(end), self.name)
            take_off(layer, self.name)


class _Gate(Act):
    """At the end of one branch."""

    def __init__(self, p: float, mode: Mode, rows: int, generator: Generator | None, decided: bool) -> None:
        self.p = p
        self.mode = mode
        self.rows = rows
        self.generator = generator
        self.decided = decided  # by the block: what comes here is kept
        self.by_row = mode == "row"

    def around(self, at: Around, args: tuple[Any, ...], kwargs: dict[str, Any], on: bool) -> Any:
        """The branch's output for some rows, 0 for the others."""
        del on  # idle in evaluation
        out, rest = first_tensor("stochastic-depth", at.run(*args, **kwargs))
        if self.decided:
            out = out / (1 - self.p)
        else:
            out = drop_branch(out, self.p, self.generator, mode=self.mode, rows=self.rows)
        return out if rest is None else (out, *rest)


class _Skip(Act):
    """At a block whose branches are left out for the whole batch: their code does not run."""

    by_row = False

    def __init__(self, its: tuple[Branch, ...], rates: tuple[float, ...], generator: Generator | None) -> None:
        self.its = its
        self.rates = rates
        self.generator = generator
        self.short: dict[tuple[Branch, ...], nn.Module | None] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Shortened blocks share the children of one block: a copy makes its own.
        return {**self.__dict__, "short": {}}

    def around(self, at: Around, args: tuple[Any, ...], kwargs: dict[str, Any], on: bool) -> Any:
        """The block's output without the branches that chance leaves out."""
        del on  # idle in evaluation
        left_out = tuple(branch for branch, rate in zip(self.its, self.rates, strict=True) if self._chance(rate))
        if not left_out:
            return at.run(*args, **kwargs)
        if left_out not in self.short:
            self.short[left_out] = _shortened(at.layer, left_out)
        short = self.short[left_out]
        assert short is not None  # seen before this was put on
        return short(*args, **kwargs)

    def _chance(self, rate: float) -> bool:
        device = None if self.generator is None else self.generator.device
        return bool(torch.rand((), generator=self.generator, device=device) < rate)


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _shortened(block: nn.Module, left_out: tuple[Branch, ...]) -> nn.Module | None:
    return shortened(block, left_out)


def _found(name: str, layer: nn.Module) -> list[Branch]:
    """The branches of a block; a layer without any is one itself."""
    its = branches(layer)
    if its:
        return its
    if next(layer.children(), None) is not None and read(layer) is None:
        raise BadValue(
            f"stochastic-depth: the code of layer {name!r}, a {type(layer).__name__}, cannot be read. Name the module "
            "in it whose output is added to the straight way instead."
        )
    return [Branch("")]


def _check_apart(layers: Mapping[str, nn.Module]) -> None:
    for outer in layers:
        for inner in layers:
            if inner != outer and inner.startswith(f"{outer}." if outer else ""):
                raise BadValue(
                    f"stochastic-depth: layer {inner!r} lies in {outer!r}, and both are named. Name the blocks alone, "
                    "by their class say, or leave `where` away."
                )


STOCHASTIC_DEPTH = Technique(
    name="stochastic-depth",
    make=StochasticDepth,
    main="p",
    acts=Acts.LAYERS,
    formula="x + f(x)·b / (1 − p_l),  b ~ Bernoulli(1 − p_l),  p_l = p·l/L",
    source=Source("Huang et al.", 2016, "Deep Networks with Stochastic Depth", arxiv="1603.09382"),
)
