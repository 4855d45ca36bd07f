"""`results.json`: what each step of a fit found out, section by section.

The steps write sections as they finish; the report is made from them alone, by a process that
never loads torch. A section that is absent belongs to a step that did not run (yet).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ravine.core.errors import BadRun
from ravine.core.files import plain, read_json, write_json


class Section(BaseModel):
    """Frozen, and strict about its field names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Section):
    """One feature of a table, summed up over the training rows."""

    name: str
    type: str  # "number", "category", "date", "flag"
    missing: int
    distinct: int
    mean: float | None = None
    std: float | None = None
    low: float | None = None
    high: float | None = None
    top: list[tuple[str, int]] = []  # commonest values with their counts


class Picture(Section):
    """A small picture with its label, as a data URI."""

    image: str
    label: str = ""


class DataSection(Section):
    """What was read."""

    name: str
    origin: str
    form: str  # "table", "image", "sequence"
    rows: int
    task: str  # "classify", "regress", "multi-label"
    task_reason: str = ""
    target: str
    classes: list[str] = []
    class_counts: list[int] = []
    target_histogram: list[tuple[float, float, int]] = []  # (left, right, count), regression
    columns: list[Column] = []
    shape: str = ""  # "28 × 28, 1 channel"
    pictures: list[Picture] = []


class SplitSection(Section):
    """How rows were divided."""

    how: str  # "stratified, seed 0"
    train: int
    val: int
    test: int


class PrepareSection(Section):
    """What is done to a row before the network sees it, one sentence a step."""

    steps: list[str]


class Layer(Section):
    """One layer of the network."""

    name: str
    type: str
    output: str  # "(batch, 64)"
    parameters: int


class ModelSection(Section):
    """The network."""

    name: str
    reason: str
    parameters: int
    layers: list[Layer] = []
    initialization: str = ""


class Score(Section):
    """A metric on one set, with a 95% interval where one can be given."""

    name: str  # "accuracy", "r2", "log_loss", …
    value: float | None
    low: float | None = None
    high: float | None = None
    higher_is_better: bool = True


class Baseline(Section):
    """A method without a network, on the same split."""

    name: str  # "majority class", "logistic regression"
    scores: list[Score]
    seconds: float = 0.0


class BaselineSection(Section):
    """What simple methods reach on the test part; `metric` is the one compared."""

    metric: str
    baselines: list[Baseline]


class Candidate(Section):
    """One way to run a step here, and what was measured."""

    name: str  # "float32", "bfloat16", "float32 channels-last compiled", "2 threads"
    milliseconds: float | None  # median per step; None when it failed
    loss_difference: float | None = None  # relative, against float32 on the same batch
    chosen: bool = False
    note: str = ""


class PlanSection(Section):
    """What runs fastest on this machine."""

    mode: str  # "auto" or "safe"
    choice: str
    reason: str
    candidates: list[Candidate] = []


class TrainSection(Section):
    """How the training went."""

    optimizer: str
    schedule: str
    epochs: int
    best_epoch: int
    steps: int
    stopped_by: str  # "the end of the schedule", "patience: …", "--minutes", "Ctrl-C"
    seconds: float
    samples_per_second: float
    regularization: list[str] = []
    device: str = ""
    metric: str = ""  # the one watched, on the validation set
    best_value: float | None = None
    kept: str = ""  # "the averaged weights: …", where there was a choice
    noise_scale: float | None = None  # gradient noise scale in rows, where steps had several pieces or processes


class Mistake(Section):
    """A test row the network got badly wrong."""

    id: str
    truth: str
    predicted: str
    confidence: float | None = None  # probability given to the prediction
    loss: float | None = None
    image: str = ""  # data URI
    row: dict[str, Any] = {}  # raw feature values, for tables


class Bin(Section):
    """One bin of the reliability diagram."""

    confidence: float
    accuracy: float
    count: int


class Calibration(Section):
    """Whether a probability of 0.8 comes true eight times in ten."""

    bins: list[Bin]
    expected_error: float


class Residuals(Section):
    """Truth and prediction of test rows (a sample when there are many), and interval coverage."""

    truth: list[float]
    predicted: list[float]
    interval: float | None = None  # half width of the 90% interval, on the scale learned
    coverage: float | None = None  # share of test rows inside it
    log: bool = False  # the scale learned is that of log(y): the interval is a factor exp(interval · scale)
    scale: float | None = None  # 1 on the scale learned in units of y, or of log(y): the std it was divided by


class Importance(Section):
    """How much the metric drops when one column is shuffled."""

    feature: str
    drop: float
    low: float
    high: float


class TestSection(Section):
    """What the finished network does on rows it never saw."""

    rows: int
    metric: str
    scores: list[Score]
    confusion: list[list[int]] = []  # [truth][predicted], in the order of the classes
    mistakes: list[Mistake] = []
    calibration: Calibration | None = None
    residuals: Residuals | None = None
    importance: list[Importance] = []
    verdict: str = ""  # one sentence: does it beat the baselines, and is the difference beyond noise


class Gain(Section):
    """How much better one thing is than another on the same rows, with a 95% interval; positive is better."""

    name: str  # of the metric
    value: float | None
    low: float | None = None
    high: float | None = None


class Member(Section):
    """One member of an ensemble, by itself on the test rows."""

    name: str  # "seed 3", "cycle 2", "epoch 17"
    weight: float  # its share of the average, 0 when it was left out
    scores: list[Score]
    epoch: int = 0  # whose weights it has


class EnsembleSection(Section):
    """What several members gain over one, on the test rows.

    `mean` scores the mean member: the mean of what members reach by themselves. `gains` compare the ensemble with
    it, `gains_over_best` with the member that the validation rows hold best. The squared error of the average, of
    probabilities or values, is `squared_error_of_members` less `ambiguity`.
    """

    kind: str  # "seeds", "snapshots", "checkpoints"
    how: str  # how they were trained, for people
    combine: str  # what was averaged: "probabilities", "logits", "values"
    weights: str  # "equal" or "greedy"
    metric: str
    members: list[Member]
    mean: list[Score]
    scores: list[Score]
    gains: list[Gain]
    best: str = ""  # name of the member that validation holds best
    gains_over_best: list[Gain] = []
    disagreement: float | None = None  # share of rows on which two members say different things
    error_correlation: float | None = None
    squared_error: float | None = None
    squared_error_of_members: float | None = None
    ambiguity: float | None = None


class Known(Section):
    """What features tell of the data: of a pretrained body, or of the same network with random weights."""

    linear: float  # accuracy or R² of a linear head on held rows
    neighbours: float  # the same of the 5 nearest training rows
    logme: float  # log evidence a row


class PlanTrial(Section):
    """One plan of a transfer as far as it was tried, judged on the held rows."""

    plan: str
    epochs: int  # of its training, with the whole schedule laid out
    score: Score
    loss: float | None
    gain: Gain | None = None  # over the plan that was best before it
    seconds: float
    chosen: bool = False
    words: str = ""  # how it ended


class PartRate(Section):
    """One part of the network, from the input to the head, and how it learns."""

    name: str
    parameters: int
    rate: float  # as a share of the head's; 0 when frozen
    words: str = ""  # "frozen", "woken in epoch 4"


class TransferSection(Section):
    """How a pretrained network was moved to these data; what was measured is absent where the plan was given."""

    plan: str
    source: str  # what it began with, for people
    auto: bool = False  # whether the plan was measured and tried
    reason: str = ""
    per_class: int  # training rows of the rarest class, all where numbers are learned
    much: int  # from so many on they count as much
    similar: bool | None = None  # whether the pretrained features know more than random ones
    pretrained: Known | None = None
    random: Known | None = None
    compared: tuple[int, int] = (0, 0)  # training and held rows the features were compared on
    trials: list[PlanTrial] = []
    seconds: float = 0.0  # of measuring and of trials that came to nothing
    parts: list[PartRate] = []


class Attempt(Section):
    """One remedy, tried as a short fork of a training that had gone wrong."""

    remedy: str  # "lower-rate"
    change: str  # what it changed, for people: "learning rate × 0.1"
    outcome: str  # "passed", "broke", "diverged", "rose", "stood" (learned nothing) or "unfinished"
    at: int | None = None  # step where it broke or diverged
    until: int
    loss: float | None = None  # training loss past the place of the fault, and its standard error
    error: float | None = None
    val_loss: float | None = None  # at the end of the fork
    seconds: float = 0.0
    steps: list[int] = []  # from the place gone back to
    losses: list[float | None] = []  # at these
    adjusted: dict[str, Any] = {}  # settings of the training, the earlier ones included
    model: dict[str, Any] = {}  # choices of the recipe's [model], where it began with a new network


class RepairRound(Section):
    """One fault, and what was tried against it."""

    kind: str  # "broke", "flew", "lost", "thrown", "diverged"
    evidence: str
    fault_step: int
    left_step: int  # the last step at which the loss was on its trend
    from_step: int  # the place gone back to
    symptoms: dict[str, float] = {}  # what the doctor and a look at the batch found, with confidence
    attempts: list[Attempt] = []
    adopted: int | None = None  # place in `attempts`
    why: str = ""  # "" while it goes on
    spent: float = 0.0  # seconds of the run, forks and all, when that was decided
    total_steps: int = 0  # of the training that goes on
    carried_out: bool = False  # whether the training has been put back
    steps: list[int] = []  # of what was lost
    losses: list[float | None] = []


class RepairSection(Section):
    """How a training was repaired; `why` of a round that adopted nothing says what became of it."""

    rounds: list[RepairRound] = []


class Results(Section):
    """All sections of a run; `status` is "running", "done", "interrupted" or "failed"."""

    status: str = "running"
    data: DataSection | None = None
    split: SplitSection | None = None
    prepare: PrepareSection | None = None
    model: ModelSection | None = None
    baselines: BaselineSection | None = None
    plan: PlanSection | None = None
    train: TrainSection | None = None
    test: TestSection | None = None
    ensemble: EnsembleSection | None = None
    repair: RepairSection | None = None
    transfer: TransferSection | None = None

    def with_section(self, **sections: Any) -> Results:
        """These results with one or more sections set."""
        return self.model_copy(update=sections)

    def write(self, path: Path) -> None:
        """Write `results.json`, whole."""
        write_json(path, plain(self.model_dump(mode="json")))

    @classmethod
    def read(cls, path: Path) -> Results:
        """The results in `path`; empty ones when no step has finished yet."""
        if not path.exists():
            return cls()
        try:
            return cls.model_validate(read_json(path))
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in fault["loc"])
            raise BadRun(f"{path}: {where}: {fault['msg']}. Written by another version of Ravine?") from None
