"""Races that several tests look at, run once."""

from __future__ import annotations

import pytest

from ravine.landscape import Race, race


@pytest.fixture(scope="session")
def four() -> Race:
    """The ordinary race: four rules on the ravine."""
    return race("ravine", ["sgd", "momentum", "nesterov", "adam"], lr=[0.6, 0.05, 0.05, 0.5], steps=80)


@pytest.fixture(scope="session")
def wild() -> Race:
    """A race with everything out of the ordinary: divergence, a start outside the window, many paths, long names."""
    names = ["sgd", "momentum:momentum=0.999", "lookahead:base=adam:k=3", *(f"adam:beta2=0.{n}" for n in range(5, 15))]
    rates = [0.5, 0.01, 0.2, *[0.1] * 10]
    return race("rosenbrock", names, lr=rates, steps=12, start=(-4.0, 6.0))
