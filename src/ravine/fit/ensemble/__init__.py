"""Ensembles as `ravine fit` trains them: members of three kinds, kept one by one, averaged, scored, saved as one."""

from ravine.fit.ensemble.kept import Kept
from ravine.fit.ensemble.restarted import restarted
from ravine.fit.ensemble.setting import Setting
from ravine.fit.ensemble.train import train_members
from ravine.fit.ensemble.whole import Whole, assembled, gain_words

__all__ = ["Kept", "Setting", "Whole", "assembled", "gain_words", "restarted", "train_members"]
