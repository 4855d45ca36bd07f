"""What a person sees while it runs: a live display on a terminal, plain lines elsewhere, or nothing."""

from ravine.train.show.choose import Mode, chosen_show
from ravine.train.show.show import Quiet, Show

__all__ = ["Mode", "Quiet", "Show", "chosen_show"]
