"""The command line, one verb a file.

Nothing heavy is imported before a verb needs it: `ravine --help` and `ravine runs` answer
without loading torch, polars, scikit-learn, plotly or pydantic.
"""

from ravine.cli.shell import main

__all__ = ["main"]
