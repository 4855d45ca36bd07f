"""Symptoms, one a file, each named so that it reads after "this run …". The list below is the only list."""

from ravine.core.catalogue import Catalogue
from ravine.diagnose.symptom import Symptom
from ravine.diagnose.symptoms.accumulates_gradients import ACCUMULATES_GRADIENTS
from ravine.diagnose.symptoms.applies_softmax_twice import APPLIES_SOFTMAX_TWICE
from ravine.diagnose.symptoms.ascends import ASCENDS
from ravine.diagnose.symptoms.augments_too_hard import AUGMENTS_TOO_HARD
from ravine.diagnose.symptoms.batch_too_large import BATCH_TOO_LARGE
from ravine.diagnose.symptoms.batch_too_small import BATCH_TOO_SMALL
from ravine.diagnose.symptoms.batch_too_small_for_batch_norm import BATCH_TOO_SMALL_FOR_BATCH_NORM
from ravine.diagnose.symptoms.bounces import BOUNCES
from ravine.diagnose.symptoms.broadcasts_loss import BROADCASTS_LOSS
from ravine.diagnose.symptoms.clips_before_backward import CLIPS_BEFORE_BACKWARD
from ravine.diagnose.symptoms.clips_too_tight import CLIPS_TOO_TIGHT
from ravine.diagnose.symptoms.crawls import CRAWLS
from ravine.diagnose.symptoms.decays_too_early import DECAYS_TOO_EARLY
from ravine.diagnose.symptoms.decays_too_late import DECAYS_TOO_LATE
from ravine.diagnose.symptoms.differs_in_preprocessing import DIFFERS_IN_PREPROCESSING
from ravine.diagnose.symptoms.diverges import DIVERGES
from ravine.diagnose.symptoms.evaluates_in_train_mode import EVALUATES_IN_TRAIN_MODE
from ravine.diagnose.symptoms.explodes import EXPLODES
from ravine.diagnose.symptoms.has_dead_units import HAS_DEAD_UNITS
from ravine.diagnose.symptoms.has_misaligned_labels import HAS_MISALIGNED_LABELS
from ravine.diagnose.symptoms.has_nan_in_data import HAS_NAN_IN_DATA
from ravine.diagnose.symptoms.has_noisy_labels import HAS_NOISY_LABELS
from ravine.diagnose.symptoms.has_stale_batch_norm import HAS_STALE_BATCH_NORM
from ravine.diagnose.symptoms.has_unscaled_targets import HAS_UNSCALED_TARGETS
from ravine.diagnose.symptoms.has_wrong_output_activation import HAS_WRONG_OUTPUT_ACTIVATION
from ravine.diagnose.symptoms.is_imbalanced import IS_IMBALANCED
from ravine.diagnose.symptoms.is_unscaled import IS_UNSCALED
from ravine.diagnose.symptoms.is_unshuffled import IS_UNSHUFFLED
from ravine.diagnose.symptoms.leaks import LEAKS
from ravine.diagnose.symptoms.memorizes import MEMORIZES
from ravine.diagnose.symptoms.mixes_examples import MIXES_EXAMPLES
from ravine.diagnose.symptoms.needs_clipping import NEEDS_CLIPPING
from ravine.diagnose.symptoms.over_regularizes import OVER_REGULARIZES
from ravine.diagnose.symptoms.overfits import OVERFITS
from ravine.diagnose.symptoms.overflows import OVERFLOWS
from ravine.diagnose.symptoms.repeats_order import REPEATS_ORDER
from ravine.diagnose.symptoms.runs_too_long import RUNS_TOO_LONG
from ravine.diagnose.symptoms.saturates import SATURATES
from ravine.diagnose.symptoms.selects_on_test import SELECTS_ON_TEST
from ravine.diagnose.symptoms.skips_parameters import SKIPS_PARAMETERS
from ravine.diagnose.symptoms.stalls import STALLS
from ravine.diagnose.symptoms.starts_off import STARTS_OFF
from ravine.diagnose.symptoms.starts_symmetric import STARTS_SYMMETRIC
from ravine.diagnose.symptoms.starts_too_hot import STARTS_TOO_HOT
from ravine.diagnose.symptoms.starts_too_large import STARTS_TOO_LARGE
from ravine.diagnose.symptoms.starts_too_small import STARTS_TOO_SMALL
from ravine.diagnose.symptoms.steps_before_backward import STEPS_BEFORE_BACKWARD
from ravine.diagnose.symptoms.stops_too_early import STOPS_TOO_EARLY
from ravine.diagnose.symptoms.sums_instead_of_means import SUMS_INSTEAD_OF_MEANS
from ravine.diagnose.symptoms.trains_in_eval_mode import TRAINS_IN_EVAL_MODE
from ravine.diagnose.symptoms.turns_nan import TURNS_NAN
from ravine.diagnose.symptoms.underfits import UNDERFITS
from ravine.diagnose.symptoms.uses_wrong_loss import USES_WRONG_LOSS
from ravine.diagnose.symptoms.validates_on_too_little import VALIDATES_ON_TOO_LITTLE
from ravine.diagnose.symptoms.vanishes import VANISHES
from ravine.diagnose.symptoms.wakes_late import WAKES_LATE

SYMPTOMS: Catalogue[Symptom] = Catalogue(
    "symptom",
    [
        # learning rate
        DIVERGES,
        BOUNCES,
        CRAWLS,
        DECAYS_TOO_EARLY,
        DECAYS_TOO_LATE,
        STARTS_TOO_HOT,
        STALLS,
        # direction
        ASCENDS,
        ACCUMULATES_GRADIENTS,
        SKIPS_PARAMETERS,
        STEPS_BEFORE_BACKWARD,
        CLIPS_BEFORE_BACKWARD,
        CLIPS_TOO_TIGHT,
        NEEDS_CLIPPING,
        # numbers
        TURNS_NAN,
        OVERFLOWS,
        HAS_NAN_IN_DATA,
        # initialization
        STARTS_OFF,
        STARTS_SYMMETRIC,
        STARTS_TOO_LARGE,
        STARTS_TOO_SMALL,
        WAKES_LATE,
        # signal flow
        HAS_DEAD_UNITS,
        SATURATES,
        VANISHES,
        EXPLODES,
        MIXES_EXAMPLES,
        # data
        IS_UNSCALED,
        HAS_UNSCALED_TARGETS,
        IS_UNSHUFFLED,
        REPEATS_ORDER,
        DIFFERS_IN_PREPROCESSING,
        LEAKS,
        HAS_NOISY_LABELS,
        HAS_MISALIGNED_LABELS,
        IS_IMBALANCED,
        VALIDATES_ON_TOO_LITTLE,
        AUGMENTS_TOO_HARD,
        # loss and output
        APPLIES_SOFTMAX_TWICE,
        USES_WRONG_LOSS,
        BROADCASTS_LOSS,
        SUMS_INSTEAD_OF_MEANS,
        HAS_WRONG_OUTPUT_ACTIVATION,
        # modes
        TRAINS_IN_EVAL_MODE,
        EVALUATES_IN_TRAIN_MODE,
        HAS_STALE_BATCH_NORM,
        BATCH_TOO_SMALL_FOR_BATCH_NORM,
        # capacity
        OVERFITS,
        UNDERFITS,
        OVER_REGULARIZES,
        MEMORIZES,
        # procedure
        STOPS_TOO_EARLY,
        RUNS_TOO_LONG,
        BATCH_TOO_SMALL,
        BATCH_TOO_LARGE,
        SELECTS_ON_TEST,
    ],
    name=lambda symptom: symptom.name,
)
