"""Symptoms, one a file, each named so that it reads after "this run …". The list below is the only list."""

from ravine.core.catalogue import Catalogue
from ravine.diagnose.symptom import Symptom
from ravine.diagnose.symptoms.bounces import BOUNCES
from ravine.diagnose.symptoms.crawls import CRAWLS
from ravine.diagnose.symptoms.diverges import DIVERGES
from ravine.diagnose.symptoms.has_misaligned_labels import HAS_MISALIGNED_LABELS
from ravine.diagnose.symptoms.memorizes import MEMORIZES
from ravine.diagnose.symptoms.overfits import OVERFITS
from ravine.diagnose.symptoms.stalls import STALLS
from ravine.diagnose.symptoms.stops_too_early import STOPS_TOO_EARLY
from ravine.diagnose.symptoms.turns_nan import TURNS_NAN
from ravine.diagnose.symptoms.wakes_late import WAKES_LATE

SYMPTOMS: Catalogue[Symptom] = Catalogue(
    "symptom",
    [
        # learning rate
        DIVERGES,
        BOUNCES,
        CRAWLS,
        STALLS,
        # numbers
        TURNS_NAN,
        # initialization
        WAKES_LATE,
        # data
        HAS_MISALIGNED_LABELS,
        # capacity
        OVERFITS,
        MEMORIZES,
        # procedure
        STOPS_TOO_EARLY,
    ],
    name=lambda symptom: symptom.name,
)
