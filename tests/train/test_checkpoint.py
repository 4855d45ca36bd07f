"""Snapshots: whole, checked, the last two and the best kept, the one before used when one is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ravine.core.errors import BadRun
from ravine.train.checkpoint import Snapshots, read_snapshot, write_snapshot


def a_state(step: int) -> dict[str, object]:
    return {"step": step, "best_step": None, "model": {"w": torch.full((4, 3), float(step))}, "odd": {0: (1, None)}}


def test_round_trip(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "s", a_state(3))
    back = read_snapshot(tmp_path / "s")
    assert torch.equal(back["model"]["w"], torch.full((4, 3), 3.0))
    assert back["odd"] == {0: (1, None)}


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    for step in (1, 20, 300):
        snapshots.write(step, a_state(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-00000020.safetensors",
        "step-00000300.safetensors",
    ]


@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 0.999])
def test_a_flipped_bit_anywhere_is_noticed(tmp_path: Path, place: float) -> None:
    path = tmp_path / "s"
    write_snapshot(path, a_state(1))
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(BadRun, match=r"damaged|not a"):
        read_snapshot(path)


def test_a_torn_file_falls_back_to_the_one_before(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    snapshots.write(1, a_state(1))
    snapshots.write(2, a_state(2))
    newest = tmp_path / "step-00000002.safetensors"
    newest.write_bytes(newest.read_bytes()[:100])
    found = snapshots.newest()
    assert found is not None
    assert found[1]["step"] == 1


def test_all_damaged_is_an_error_that_names_them(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    snapshots.write(1, a_state(1))
    (tmp_path / "step-00000001.safetensors").write_bytes(b"nothing")
    with pytest.raises(BadRun, match="step-00000001"):
        snapshots.newest()


def test_a_snapshot_whose_best_is_gone_is_passed_over(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    snapshots.write(1, a_state(1))
    snapshots.write(2, {**a_state(2), "best_step": 2})
    found = snapshots.newest()
    assert found is not None
    assert found[1]["step"] == 1


def test_other_peoples_safetensors_are_refused(tmp_path: Path) -> None:
    save_file({"w": torch.zeros(2)}, tmp_path / "foreign")
    with pytest.raises(BadRun, match="not a Ravine snapshot"):
        read_snapshot(tmp_path / "foreign")


def test_nothing_written_yet(tmp_path: Path) -> None:
    assert Snapshots(tmp_path / "none").newest() is None
