"""The command line, one verb a file.

Nothing heavy is imported before a verb needs it: `ravine --help` and `ravine runs` answer
without loading torch, NumPy, polars, scikit-learn or plotly.
"""

from ravine.cli.shell import main

__all__ = ["main"]
