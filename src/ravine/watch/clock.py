"""How long something has been watched."""

from __future__ import annotations

from time import perf_counter


class Clock:
    """Seconds since it was made, without the pauses."""

    def __init__(self) -> None:
        self._gone = 0.0
        self._since: float | None = perf_counter()

    def seconds(self) -> float:
        """So many by now."""
        return self._gone if self._since is None else self._gone + perf_counter() - self._since

    def pause(self) -> None:
        """Stand still."""
        self._gone, self._since = self.seconds(), None

    def go_on(self) -> None:
        """Run again."""
        if self._since is None:
            self._since = perf_counter()
