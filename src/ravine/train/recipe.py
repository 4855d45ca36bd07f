"""The recipe: every choice of a run, written down, checked all at once."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ravine.core.catalogue import did_you_mean
from ravine.core.errors import BadRun, BadValue, Faults, refusal
from ravine.core.time import Length, Unit
from ravine.optim.averages import parse as parse_average
from ravine.regularize.augment import PRESETS
from ravine.regularize.augment.named import NAMED
from ravine.regularize.chosen import faults_of
from ravine.schedules import Guided, Plateau, parse
from ravine.train.members import Members
from ravine.train.older_keys import silenced

Auto = Literal["auto"]
Off = Literal["none"]


class Choices(BaseModel):
    """One table of the recipe: frozen, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class DataChoices(Choices):
    """What to read, and as what."""

    source: str = Field("", description="built-in name, file, folder, or file.py:function")
    target: str | list[str] | None = Field(None, description="column to learn; the last one when not named")
    task: Literal["auto", "classify", "regress", "multi-label"] = "auto"
    group: str | None = Field(None, description="column whose equal values stay on one side of the split")
    time: str | None = Field(None, description="column that orders the rows; the test part is the latest")
    id: str | None = Field(None, description="column that names a row; not a feature")
    drop: list[str] = Field([], description="columns to leave out")
    delimiter: str | None = Field(None, description="of a text table; inferred when not given")
    log_target: bool | Auto = Field("auto", description="learn log(y); auto: when y > 0 spans decades")
    image_size: int | None = Field(None, ge=4, description="side to which pictures are resized, in pixels")


class SplitChoices(Choices):
    """How rows are divided."""

    val: Annotated[float, Field(gt=0, lt=1)] | Auto = Field(
        "auto", description="share of the rows; auto is 15%, at most 5,000 rows"
    )
    test: float = Field(0.2, ge=0, lt=1, description="share of the rows, touched once at the end")
    folds: int | None = Field(None, ge=2, description="test on one of so many folds instead")
    fold: int = Field(0, ge=0, description="which fold, counted from 0")


class ModelChoices(Choices):
    """Which network, how large."""

    name: str = Field("auto", description="auto, mlp, convnet, resnet, gru, transformer, file.py:function, timm:NAME")
    width: int | Auto = Field("auto", description="units or channels of the first layer")
    depth: int | Auto = Field("auto", description="layers or blocks")
    dropout: Annotated[float, Field(ge=0, lt=1)] | Auto = "auto"
    activation: str = "relu"
    norm: str = Field(
        "auto", description="batch, layer, group, instance, rms, weight, ghost or decorrelated, for all of it"
    )
    initialization: str = Field("auto", description="by activation; or kaiming, xavier, lecun, orthogonal, …, lsuv")


class TrainChoices(Choices):
    """How to train."""

    optimizer: str = "adamw"
    lr: Annotated[float, Field(gt=0)] | Auto = Field("auto", description="peak learning rate")
    momentum: float = Field(0.9, ge=0, lt=1, description="for sgd")
    nesterov: bool = Field(True, description="look ahead with the momentum, for sgd")
    weight_decay: Annotated[float, Field(ge=0)] | Auto = Field("auto", description="decoupled; not on biases and norms")
    schedule: str = Field("cosine", description="of the rate: 'linear', 'warmup(5%) > cosine', 'plateau(patience=3)'")
    warmup: str = Field("5%", description="length of the linear rise before a schedule that has none of its own")
    epochs: Annotated[float, Field(gt=0)] | Auto = "auto"
    minutes: Annotated[float, Field(gt=0)] | None = Field(None, description="stop after so long, schedule fitted to it")
    batch_size: Annotated[int, Field(gt=0)] | Auto = Field("auto", description="128, less on small data")
    accumulate: int = Field(1, ge=1, description="mini-batches a step")
    clip_norm: Annotated[float, Field(gt=0)] | Off = Field(1.0, description="largest norm of the gradient, or none")
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] | Auto = "auto"
    augment: Literal["none", "light", "standard", "strong", "randaugment", "auto"] | list[str] = Field(
        "light", description="of pictures; or single ones: ['shift', 'flip']; auto: those measured to leave the label"
    )
    mixup: Annotated[float, Field(ge=0)] | Auto = "auto"
    scale_lr: Literal["none", "linear", "sqrt"] = Field("none", description="with batch_size / 128: lr is then for 128")
    average: Annotated[float, Field(ge=0, lt=1)] | Auto | str = Field(
        "auto", description="of the weights: decay of a moving average, 0: none; or polyak, swa(start=75%), lawa(5)"
    )
    patience: Annotated[int, Field(gt=0)] | Auto | Off = Field(
        "auto", description="epochs without gain before stopping"
    )
    min_delta: Annotated[float, Field(ge=0)] | str = Field(
        0.0, description="smallest gain that counts, of the watched metric; 1%: relative, of the loss too"
    )
    stop: Literal["patience", "improbable"] = Field(
        "patience", description="improbable: where the curve, extrapolated, will hardly gain any more"
    )
    target_value: float | None = Field(None, description="stop when the watched metric reaches it")
    diverged: Annotated[float, Field(gt=1)] | Off = Field(
        "none", description="stop when the training loss is so many times the first epoch's"
    )
    repair: bool = Field(False, description="when it diverges: go back, try remedies, adopt what helps")
    warm_start: str | None = Field(None, description="run, .safetensors or .pt whose weights to begin with")
    rewarm: bool = Field(True, description="after a warm start: schedule from its beginning; false: go on with it")
    order: Literal["shuffle", "replacement", "fixed"] = "shuffle"

    @field_validator("augment", mode="before")
    @classmethod
    def _known_augment(cls, value: Any) -> Any:
        """Single names are looked up; "shift,flip" reads like a list."""
        if value is None:
            return "none"
        if not isinstance(value, str | list) or value in ("auto", *PRESETS):
            return value
        names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
        known = [*PRESETS, "auto", *NAMED] if len(names) == 1 else list(NAMED)
        for name in names:
            if name not in NAMED:
                hint = did_you_mean(str(name), known)
                raise ValueError(f"must be one of {', '.join(known)}.{hint}")
        return names or "none"

    @field_validator("average")
    @classmethod
    def _known_average(cls, value: Any) -> Any:
        """A text is read at once."""
        if value != "auto":
            parse_average(value)
        return value

    @field_validator("min_delta")
    @classmethod
    def _known_gain(cls, value: Any) -> Any:
        """A text must be a share."""
        _least_gain(value)
        return value

    @property
    def least_gain(self) -> tuple[float, bool]:
        """The smallest gain that counts, and whether it is a share."""
        return _least_gain(self.min_delta)

    @field_validator("clip_norm", "patience", "diverged", mode="before")
    @classmethod
    def _off(cls, value: Any) -> Any:
        """None means "none": TOML has no null."""
        return "none" if value is None else value

    @field_validator("schedule")
    @classmethod
    def _named(cls, value: str) -> str:
        found = parse(value)
        feedback = found.feedback if isinstance(found, Guided) else found
        if isinstance(feedback, Plateau) and feedback.mode == "max":
            raise BadValue("plateau: mode must be min in a recipe, where it watches the loss; got 'max'.")
        return value

    @field_validator("warmup")
    @classmethod
    def _readable(cls, value: str) -> str:
        Length.parse(value)
        return value


def _least_gain(value: float | str) -> tuple[float, bool]:
    if not isinstance(value, str):
        return value, False
    try:
        length = Length.parse(value)
    except BadValue:
        length = Length(0.0)
    if length.unit is not Unit.SHARE:
        raise BadValue(refusal("stopping", "min_delta", "be a number of at least 0, or a share such as '1%'", value))
    return length.amount, True


class EnsembleChoices(Choices):
    """Several members in place of one network."""

    members: str = Field("none", description="none, seeds:5 (trainings), snapshots:5 (cycles of one), checkpoints:5")
    combine: Literal["probabilities", "logits"] = Field(
        "probabilities", description="what is averaged; numbers as such"
    )
    weights: Literal["equal", "greedy"] = Field("equal", description="greedy: chosen on the validation rows")
    which: Literal["best", "last"] = Field("best", description="epochs that checkpoints take")
    stacked: Literal["auto", "never"] = Field("auto", description="seeds as one stacked model, where that is faster")

    @field_validator("members")
    @classmethod
    def _known(cls, value: str) -> str:
        return value if value == "none" else str(Members.parse(value))

    @property
    def asked(self) -> Members | None:
        """The members, None for a single network."""
        return None if self.members == "none" else Members.parse(self.members)


class TransferChoices(Choices):
    """A pretrained network to begin with."""

    source: str = Field(
        "", description="run, .safetensors, .pt, timm:NAME, hf:NAME, torchvision:NAME, file.py:function"
    )
    plan: Literal["auto", "linear", "last-block", "fine-tune", "scratch"] = Field(
        "auto", description="how much of it is kept; auto measures and tries"
    )
    body_lr: float = Field(0.1, gt=0, le=1, description="rate of its body, as a share of the head's")
    layer_decay: Annotated[float, Field(gt=0, le=1)] | Off = Field(
        "none", description="factor of the rate from one part of the body to the one before"
    )
    unfreeze: float = Field(0.0, ge=0, description="epochs from one part woken to the next; 0 wakes all at once")
    l2_sp: float = Field(0.0, ge=0, description="pull towards the pretrained weights")
    statistics: Literal["held", "moving"] = Field(
        "held", description="of the body's batch norms while it learns: those it came with, or of these data"
    )
    views: int = Field(3, ge=1, description="augmented versions of a row whose features are kept, for linear")


class MachineChoices(Choices):
    """Where and how it runs."""

    plan: Literal["auto", "safe"] = Field("auto", description="safe: float32, deterministic, nothing measured")
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"] = "auto"
    devices: int | Auto = Field("auto", description="processes, one a device")
    strategy: Literal["auto", "ddp", "fsdp"] = "auto"
    threads: Annotated[int, Field(gt=0)] | Auto = "auto"
    workers: Annotated[int, Field(ge=0)] | Auto = Field("auto", description="loader processes, for data that is loaded")


class KeepChoices(Choices):
    """What is left on disk."""

    checkpoint_seconds: float = Field(30.0, gt=0, description="at most so long between snapshots")
    log: list[Literal["tensorboard"]] = []


class Recipe(Choices):
    """Every choice of a run."""

    seed: int = Field(0, ge=0, lt=2**63)
    data: DataChoices = DataChoices()
    split: SplitChoices = SplitChoices()
    model: ModelChoices = ModelChoices()
    train: TrainChoices = TrainChoices()
    regularize: dict[str, Any] = Field(
        {}, description="techniques of `ravine explain` by name: `dropconnect = 0.2`, a table of settings, or true"
    )
    ensemble: EnsembleChoices = EnsembleChoices()
    machine: MachineChoices = MachineChoices()
    keep: KeepChoices = KeepChoices()
    transfer: TransferChoices = TransferChoices()  # last: a bare plan=… means the machine's

    @field_validator("ensemble", mode="before")
    @classmethod
    def _members(cls, value: Any) -> Any:
        """`ensemble = "seeds:5"` says the members alone."""
        return {"members": value} if isinstance(value, str) else value

    @classmethod
    def of(cls, value: dict[str, Any], owner: str = "recipe") -> Recipe:
        """A recipe from nested tables; all faults at once, as `Faults`."""
        value, faults = silenced(value)
        asked = value.get("regularize")
        faults += [f"regularize: {fault}" for fault in faults_of(asked)] if isinstance(asked, dict) else []
        try:
            made = cls.model_validate(value)
        except ValidationError as error:
            faults = [_sentence(fault) for fault in _nearest(error)] + faults
        if faults:
            raise Faults(owner, faults)
        return made

    @classmethod
    def of_keywords(cls, choices: dict[str, Any], owner: str, regularize: dict[str, Any] | None = None) -> Recipe:
        """A recipe from keyword arguments, each put into [machine], [keep] or else [train]."""
        tables: dict[str, dict[str, Any]] = {"train": {}, "machine": {}, "keep": {}, "regularize": regularize or {}}
        places = dict.fromkeys(MachineChoices.model_fields, "machine") | dict.fromkeys(KeepChoices.model_fields, "keep")
        for name, value in choices.items():
            tables[places.get(name, "train")][name] = value
        return cls.of(tables, owner)

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """The recipe in a TOML file."""
        return cls.of(read_toml(path), owner=str(path))

    def to_toml(self) -> str:
        """This recipe as TOML, every choice written out; choices of None are left away."""
        import tomli_w

        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file, or one clear error."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadRun(f"{path}: no such recipe.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadRun(f"{path}: cannot be read ({error}).") from None
    except tomllib.TOMLDecodeError as error:
        raise BadValue(f"{path}: not valid TOML: {error}.") from None


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the tables of `over` laid on top, key by key.

    >>> merged({"train": {"lr": 1, "epochs": 2}}, {"train": {"lr": 3}})
    {'train': {'lr': 3, 'epochs': 2}}
    """
    out = dict(base)
    for key, value in over.items():
        below = out.get(key)
        out[key] = merged(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return out


def _nearest(error: ValidationError) -> list[dict[str, Any]]:
    """The faults, one a place: a union reports each of its branches, the last says least."""
    faults: dict[tuple[Any, ...], dict[str, Any]] = {}
    for fault in error.errors():
        place = tuple(part for part in fault["loc"] if _is_key(part))
        faults.setdefault(place, {**fault, "loc": place})
    return list(faults.values())


def _is_key(part: object) -> bool:
    return isinstance(part, str) and (part in Recipe.model_fields or part.isidentifier()) and part not in _BRANCHES


_BRANCHES = {"float", "int", "str", "bool", "list", "constrained"}


def _sentence(fault: dict[str, Any]) -> str:
    place = ".".join(fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"no such choice {place!r}.{did_you_mean(place.split('.')[-1], _keys_beside(fault['loc']))}"
    own = fault.get("ctx", {}).get("error")
    if isinstance(own, BadValue):
        return f"{place}: {own}"  # says itself what it got
    message = fault["msg"].removeprefix("Value error, ")
    if message.startswith("Input should be "):
        message = "must be " + message.removeprefix("Input should be ")
    return f"{place} {message}; got {fault['input']!r}."


def _keys_beside(place: tuple[str, ...]) -> list[str]:
    table: Any = Recipe
    for part in place[:-1]:
        table = table.model_fields[part].annotation
    return list(table.model_fields)


__all__ = ["Auto", "Recipe", "merged", "read_toml"]
