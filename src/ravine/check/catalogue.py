"""The probes, in the order in which they are asked: those that cost least first. The list below is the only list."""

from __future__ import annotations

from ravine.check.probe import Probe
from ravine.check.probes.baselines import BASELINES
from ravine.check.probes.causal_mask import CAUSAL_MASK
from ravine.check.probes.evaluated_twice import EVALUATED_TWICE
from ravine.check.probes.first_loss import FIRST_LOSS
from ravine.check.probes.gradient_check import GRADIENT_CHECK
from ravine.check.probes.learning_rate_test import LEARNING_RATE_TEST
from ravine.check.probes.mixing import MIXING
from ravine.check.probes.overfit_one_batch import OVERFIT_ONE_BATCH
from ravine.check.probes.shuffled_inputs import SHUFFLED_INPUTS
from ravine.check.probes.train_against_eval import TRAIN_AGAINST_EVAL
from ravine.check.probes.watched_steps import WATCHED_STEPS
from ravine.core.catalogue import Catalogue

PROBES: Catalogue[Probe] = Catalogue(
    "probe",
    [
        FIRST_LOSS,
        EVALUATED_TWICE,
        MIXING,
        CAUSAL_MASK,
        GRADIENT_CHECK,
        WATCHED_STEPS,
        OVERFIT_ONE_BATCH,
        LEARNING_RATE_TEST,
        TRAIN_AGAINST_EVAL,
        SHUFFLED_INPUTS,
        BASELINES,
    ],
    name=lambda probe: probe.name,
)
