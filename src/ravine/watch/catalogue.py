"""The instruments a watcher plays; the list below is the only list."""

from __future__ import annotations

from ravine.core.catalogue import Catalogue
from ravine.watch.checks.broadcasting import Broadcasting
from ravine.watch.checks.clearing import Clearing
from ravine.watch.checks.clipping import Clipping
from ravine.watch.checks.coverage import Coverage
from ravine.watch.checks.decay import Decay
from ravine.watch.checks.direction import Direction
from ravine.watch.checks.eval_while_training import EvalWhileTraining
from ravine.watch.checks.finite import Finite
from ravine.watch.checks.mixing import Mixing
from ravine.watch.checks.output_range import OutputRange
from ravine.watch.checks.scheduling import Scheduling
from ravine.watch.checks.shifting import Shifting
from ravine.watch.checks.softmax_twice import SoftmaxTwice
from ravine.watch.checks.stepping import Stepping
from ravine.watch.checks.summed import Summed
from ravine.watch.checks.symmetric import Symmetric
from ravine.watch.checks.target_in_inputs import TargetInInputs
from ravine.watch.checks.train_while_evaluating import TrainWhileEvaluating
from ravine.watch.checks.wrong_loss import WrongLoss
from ravine.watch.instrument import Instrument
from ravine.watch.instruments.agreement import Agreement
from ravine.watch.instruments.batch_norm import BatchNorm
from ravine.watch.instruments.curve import Curve
from ravine.watch.instruments.examples import Examples
from ravine.watch.instruments.first_weights import FirstWeights
from ravine.watch.instruments.gradient_norm import GradientNorm
from ravine.watch.instruments.inputs import Inputs
from ravine.watch.instruments.layers import Layers
from ravine.watch.instruments.neighbours import Neighbours
from ravine.watch.instruments.order import Order
from ravine.watch.instruments.rate import Rate

INSTRUMENTS: Catalogue[type[Instrument]] = Catalogue(
    "instrument",
    [
        # curves
        Curve,
        Rate,
        GradientNorm,
        # samples
        Agreement,
        BatchNorm,
        Examples,
        FirstWeights,
        Inputs,
        Layers,
        Neighbours,
        Order,
        # what the program does
        Broadcasting,
        Clearing,
        Clipping,
        Coverage,
        Decay,
        Direction,
        EvalWhileTraining,
        Finite,
        Mixing,
        OutputRange,
        Scheduling,
        Shifting,
        SoftmaxTwice,
        Stepping,
        Summed,
        Symmetric,
        TargetInInputs,
        TrainWhileEvaluating,
        WrongLoss,
    ],
    name=lambda instrument: instrument.name,
)
