"""Which of several processes of one training this is."""

from __future__ import annotations

import os

_RANKS = ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID")


def first_rank() -> bool:
    """Whether this process reports: the first of those that torchrun, MPI or Slurm started, or the only one."""
    rank = next((os.environ[name] for name in _RANKS if name in os.environ), "0")
    return not rank.isdigit() or int(rank) == 0
