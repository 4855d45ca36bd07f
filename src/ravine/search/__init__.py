"""Choices found by trial: the learning rate."""

from __future__ import annotations

from ravine.search.find_lr import RateTest, find_lr

__all__ = ["RateTest", "find_lr"]
