"""What a check is: an instrument that writes facts, and says in the record that it looked."""

from __future__ import annotations

from ravine.watch.instrument import Instrument, Scene

IN_A_ROW = 3
"""How often a program must do something, without exception, before it is what the program does."""


class Check(Instrument):
    """An instrument whose rows are facts. That it was there is a fact too: silence then means that all is well."""

    def begin(self, scene: Scene) -> None:
        """Say that this is looked for."""
        scene.fact("looked-for", check=self.name)
