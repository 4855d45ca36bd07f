"""Are the gradients right? Central differences beside the backward pass, and the module at fault by name."""

from __future__ import annotations

from ravine.optim.gradcheck.check import gradcheck
from ravine.optim.gradcheck.functions import gradcheck_function
from ravine.optim.gradcheck.report import Culprit, GradCheck, Row, Worst

__all__ = ["Culprit", "GradCheck", "Row", "Worst", "gradcheck", "gradcheck_function"]
