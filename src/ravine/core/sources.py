"""Where a technique comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A citation short enough to print.

    >>> str(Source("Kingma & Ba", 2015, "Adam: A Method for Stochastic Optimization", arxiv="1412.6980"))
    'Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980'
    """

    authors: str
    year: int
    title: str
    where: str = ""
    arxiv: str = ""

    @property
    def link(self) -> str:
        """The page of the work, or "" when only its name is known."""
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else ""

    def __str__(self) -> str:
        text = f'{self.authors} {self.year}, "{self.title}"'
        if self.where:
            text += f", {self.where}"
        if self.arxiv:
            text += f", arXiv:{self.arxiv}"
        return text
