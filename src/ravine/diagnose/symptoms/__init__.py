"""Symptoms, one a file, each named so that it reads after "this run …". The list below is the only list."""

from ravine.core.catalogue import Catalogue
from ravine.diagnose.symptom import Symptom
from ravine.diagnose.symptoms.overfits import OVERFITS
from ravine.diagnose.symptoms.turns_nan import TURNS_NAN

SYMPTOMS: Catalogue[Symptom] = Catalogue("symptom", [TURNS_NAN, OVERFITS], name=lambda symptom: symptom.name)
