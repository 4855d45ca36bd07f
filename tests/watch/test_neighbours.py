"""What nearest neighbours say of labels: closed forms, scikit-learn's own neighbours, the right rows of a program."""

from __future__ import annotations

import pytest
import torch
from sklearn.neighbors import KNeighborsRegressor, NearestCentroid
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import ravine
from ravine.watch.instruments.alike import by_class_means, by_votes, compared, distinct, explained, nearest
from ravine.watch.instruments.neighbours import ROWS


def clusters(rows, seed=0):
    """Two clusters ten of their deviations apart, as many rows of each."""
    dice = torch.Generator().manual_seed(seed)
    labels = torch.arange(rows) % 2
    return torch.randn(rows, 3, generator=dice) + 10.0 * labels[:, None], labels


def test_two_clusters_agree_wholly_and_chance_is_a_half():
    found = compared(clusters(80), clusters(40, seed=1), classes=2, table=True)
    for name in ("train_first", "train_five", "val_first", "val_five", "across_first", "across_five", "across_mean"):
        assert float(found[name]) == 1.0
        assert float(found[f"{name}_chance"]) == pytest.approx(0.5)


def test_labels_of_other_rows_agree_by_chance():
    x, y = clusters(512)
    x2, y2 = clusters(512, seed=2)
    y = y[torch.randperm(512, generator=torch.Generator().manual_seed(3))]
    found = compared((x, y), (x2, y2), classes=2, table=True)
    for name in ("train_first", "train_five", "across_first", "across_five"):
        assert abs(float(found[name]) - float(found[f"{name}_chance"])) < 4 * 0.5 / 512**0.5
    assert float(found["val_five"]) == 1.0


def test_a_line_is_explained_by_the_mean_of_five_neighbours_on_it():
    x = torch.arange(101.0)[:, None]
    found = compared((x, 2 * x + 1), (x[:-1] + 0.5, 2 * x[:-1] + 2), classes=0, table=True)
    # The nearest one on the grid is one place away: a square error of 4, of a variance of 4 (101² - 1) / 12.
    assert float(found["train_first"]) == pytest.approx(1 - 12 / (101**2 - 1), abs=1e-5)
    assert float(found["across_first"]) == pytest.approx(1 - 12 / (4 * (100**2 - 1)), abs=1e-5)
    noise = torch.randn(101, 1, generator=torch.Generator().manual_seed(0))
    assert abs(float(compared((x, noise), None, classes=0, table=True)["train_five"])) < 0.6


def test_neighbours_and_means_are_those_of_scikit_learn():
    dice = torch.Generator().manual_seed(0)
    x, values = torch.randn(60, 4, generator=dice), torch.randn(60, 1, generator=dice)
    other, labels = torch.randn(30, 4, generator=dice), torch.arange(60) % 3
    ours = values[nearest(other, x)].mean(1)
    theirs = KNeighborsRegressor(5).fit(x.numpy(), values.numpy()).predict(other.numpy())
    torch.testing.assert_close(ours, torch.tensor(theirs))
    means = NearestCentroid().fit(x.numpy(), labels.numpy()).predict(other.numpy())
    assert by_class_means(x, labels, 3, other).tolist() == means.tolist()
    assert not (nearest(x) == torch.arange(60)[:, None]).any()


def test_of_equal_votes_the_nearer_class_wins_and_a_mean_explains_nothing():
    labels = torch.tensor([2, 1, 1, 2, 0])
    first, most = by_votes(torch.tensor([[0, 1, 2, 3, 4]]), labels, 3)
    assert (first.item(), most.item()) == (2, 2)
    values = torch.arange(10.0)[:, None]
    assert float(explained(torch.full_like(values, 4.5), values)) == pytest.approx(0.0)


def test_rows_seen_twice_count_once_and_equal_rows_of_other_labels_do_not():
    x = torch.randn(20, 7, generator=torch.Generator().manual_seed(0))
    twice, labels = torch.cat([x, x]), torch.arange(40)[:, None] % 20
    assert distinct(twice, labels).tolist() == list(range(20))
    labels[25] = 3
    assert distinct(twice, labels).tolist() == [*range(20), 25]


def trained(x, y, x2, y2, *, change=None, epochs=5, batch_size=32, shuffle=True, prefetch=False, evaluate=True):
    """The row that watching an ordinary program leaves."""
    torch.manual_seed(0)
    values = y.is_floating_point()
    model = nn.Sequential(nn.Flatten(), nn.Linear(x[0].numel(), 1 if values else 2))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    loss_of = nn.MSELoss() if values else nn.CrossEntropyLoss()
    loader = DataLoader(TensorDataset(x, y), batch_size=batch_size, shuffle=shuffle)
    with ravine.watch(quiet=True) as watcher:
        for _ in range(epochs):
            model.train()
            batches = list(loader) if prefetch else loader
            for a, b in batches:
                optimizer.zero_grad()
                loss_of(model(change(a) if change else a), b).backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                for a, b in DataLoader(TensorDataset(x2, y2), batch_size=50) if evaluate else ():
                    loss_of(model(a), b)
    return [row for row in watcher.history.rows if row["kind"] == "neighbours"]


@pytest.mark.parametrize("prefetch", [False, True])
def test_a_program_is_asked_once_of_rows_of_its_own(prefetch):
    (row,) = trained(*clusters(200), *clusters(60, seed=1), prefetch=prefetch)
    assert (row["of"], row["classes"], row["val_rows"]) == ("classes", 2, 60)
    assert row["train_rows"] == 200 or prefetch
    assert row["train_five"] == row["val_five"] == row["across_five"] == 1.0
    assert (row.get("changed") == 0) is not prefetch


def test_labels_permuted_among_rows_show_in_training_alone():
    x, y = clusters(300)
    y = y[torch.randperm(300, generator=torch.Generator().manual_seed(5))]
    (row,) = trained(x, y, *clusters(60, seed=1))
    assert abs(row["train_five"] - 0.5) < 0.15
    assert row["val_five"] == 1.0


def test_noisy_copies_of_the_same_rows_do_not_vouch_for_each_other():
    """Labels that are dice: rows of a second pass, changed a little, would lie beside themselves."""
    dice = torch.Generator().manual_seed(0)
    x, y = torch.randn(120, 3, generator=dice), torch.randint(2, (120,), generator=dice)
    (row,) = trained(x, y, *clusters(60), change=lambda a: a + 0.01 * torch.randn_like(a))
    assert row["train_rows"] <= 120
    assert row["train_first"] < 0.7
    assert row["changed"] < 0.001


def test_what_a_program_adds_to_its_rows_is_measured():
    """Noise of twice the spread of both clusters together: neighbours agree less."""
    (row,) = trained(*clusters(300), *clusters(60, seed=1), change=lambda a: a + 2 * a.std() * torch.randn_like(a))
    assert row["changed"] == pytest.approx(4, rel=0.2)
    assert row["loaded_five"] == row["val_five"] == 1.0
    assert row["train_five"] < 0.9


def test_an_evaluation_of_the_training_rows_is_no_evaluation():
    (row,) = trained(*clusters(100), *clusters(100))
    assert "val_rows" not in row


def test_values_tokens_and_what_is_not_asked():
    x, _ = clusters(150)
    (row,) = trained(x, x[:, :1] * 2, *clusters(60, seed=1)[:1], clusters(60, seed=1)[0][:, :1] * 2)
    assert row["of"] == "values"
    assert row["train_five"] > 0.8
    wide = torch.randn(40, 1, 65, 65)
    assert not trained(wide, torch.arange(40) % 2, wide, torch.arange(40) % 2, epochs=1)
    one = torch.zeros(60, dtype=torch.long)
    assert not trained(x[:60], one, x[60:120], one)


def test_no_more_rows_are_kept_than_are_asked_and_none_after():
    (row,) = trained(*clusters(2000), *clusters(900, seed=1), epochs=2, batch_size=100)
    assert row["train_rows"] == row["val_rows"] == ROWS


class Letters(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(9, 8), nn.Linear(8, 9)

    def forward(self, x):
        return self.head(self.table(x)).transpose(1, 2)


@pytest.mark.parametrize("permuted", [0, 32])
def test_tokens_whose_targets_are_the_next_ones(permuted):
    torch.manual_seed(1)
    tokens = torch.randint(9, (64, 13))
    x, y = tokens[:, :-1], tokens[:, 1:].clone()
    y[:permuted] = y[:permuted].roll(1, 0)
    model = Letters()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with ravine.watch(quiet=True) as watcher:
        for _ in range(3):
            for a, b in DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(a), b).backward()
                optimizer.step()
    (row,) = [row for row in watcher.history.rows if row["kind"] == "neighbours"]
    assert (row["of"], row["train_rows"]) == ("tokens", 64)
    assert row["train_shifted"] == 1 - permuted / 64
    assert row["train_shifted_tokens"] == pytest.approx(1 - permuted / 64 * 8 / 9, abs=0.05)
