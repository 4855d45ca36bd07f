"""Ordinary training scripts, and single changes to them, each of which is a fault that the watcher must name.

A fault is a list of (what stands in the script, what stands there instead), and the symptom that it is. Where the
watcher is to show a line, it is the one marked `# here` in the faulty script.
"""

from __future__ import annotations

from dataclasses import dataclass

DIGITS = """\
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
EPOCHS = 12
images, labels = load_digits(return_X_y=True)
x = torch.tensor(images, dtype=torch.float32) / 16
y = torch.tensor(labels)
order = torch.randperm(len(x))
x, y = x[order], y[order]
train = TensorDataset(x[:1400], y[:1400])
val = TensorDataset(x[1400:], y[1400:])
train_loader = DataLoader(train, batch_size=64, shuffle=True)
val_loader = DataLoader(val, batch_size=128)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(64, 64)
        self.norm = nn.BatchNorm1d(64)
        self.second = nn.Linear(64, 64)
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.norm(self.first(x)))
        x = F.relu(self.second(x))
        x = F.dropout(x, 0.2, self.training)
        return self.head(x)


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.3)
for epoch in range(EPOCHS):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    scheduler.step()
    model.eval()
    with torch.no_grad():
        val_loss = sum(F.cross_entropy(model(x), y) for x, y in val_loader) / len(val_loader)
"""

DIABETES = """\
import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(0)
table, disease = load_diabetes(return_X_y=True)
x = torch.tensor(table, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(disease, dtype=torch.float32)[:, None]
y = (y - y.mean()) / y.std()
model = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
loss_function = nn.MSELoss()
for epoch in range(30):
    for rows in torch.randperm(320).split(32):
        loss = loss_function(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val_loss = loss_function(model(x[320:]), y[320:])
"""

DEEP = """\
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
x = torch.tensor(images, dtype=torch.float32) / 8 - 1
y = torch.tensor(labels)
layers = [nn.Linear(64, 32), nn.ReLU()]
for _ in range(3):
    layers += [nn.Linear(32, 32), nn.ReLU()]
model = nn.Sequential(*layers, nn.Linear(32, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=308)
for epoch in range(14):
    for rows in torch.randperm(1400).split(64):
        loss = F.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    with torch.no_grad():
        val_loss = F.cross_entropy(model(x[1400:]), y[1400:])
"""

ROWS_OF_DIGITS = """\
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
x = torch.tensor(images, dtype=torch.float32).view(-1, 8, 8) / 16
y = torch.tensor(labels)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(8, 32)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        rows = x.permute(1, 0, 2)
        _, last = self.gru(rows)
        return self.head(last[0])


model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=264)
for epoch in range(12):
    for rows in torch.randperm(1400).split(64):
        loss = F.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        scheduler.step()
    with torch.no_grad():
        val_loss = F.cross_entropy(model(x[1400:]), y[1400:])
"""

LETTERS = """\
import this

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
text = "".join(this.d.get(c, c) for c in this.s)
letters = sorted(set(text))
ids = torch.tensor([letters.index(c) for c in text])
train, val = ids[:700], ids[700:]


class Writer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(len(letters), 32)
        self.places = nn.Embedding(16, 32)
        self.block = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.head = nn.Linear(32, len(letters))

    def forward(self, x):
        h = self.embed(x) + self.places(torch.arange(x.shape[1]))
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        return self.head(self.block(h, src_mask=mask, is_causal=True))


def batch(part):
    starts = torch.randint(len(part) - 17, (32,))
    x = torch.stack([part[s : s + 16] for s in starts])
    y = torch.stack([part[s + 1 : s + 17] for s in starts])
    return x, y


model = Writer()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=250)
for step in range(250):
    x, y = batch(train)
    loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 50 == 49:
        model.eval()
        with torch.no_grad():
            x, y = batch(val)
            val_loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        model.train()
"""

ADVERSARIES = """\
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
discriminator = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
generator_optimizer = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
discriminator_optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
for step in range(150):
    angle = 6.2832 * torch.rand(64)
    real = torch.stack([angle.cos(), angle.sin()], dim=1)
    fake = generator(torch.randn(64, 8))
    judged, forged = discriminator(real), discriminator(fake.detach())
    loss = F.binary_cross_entropy_with_logits(judged, torch.ones(64, 1))
    loss = loss + F.binary_cross_entropy_with_logits(forged, torch.zeros(64, 1))
    discriminator_optimizer.zero_grad()
    loss.backward()
    discriminator_optimizer.step()
    loss = F.binary_cross_entropy_with_logits(discriminator(fake), torch.ones(64, 1))
    generator_optimizer.zero_grad()
    loss.backward()
    generator_optimizer.step()
"""

SCRIPTS = {
    "digits": DIGITS,
    "diabetes": DIABETES,
    "deep": DEEP,
    "rows of digits": ROWS_OF_DIGITS,
    "letters": LETTERS,
    "adversaries": ADVERSARIES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One change that breaks a script.

    Attributes:
        name: In a few words.
        script: Which of `SCRIPTS` it is planted in.
        changes: What stands there, and what is put in its place.
        symptom: The finding that must come first.
        shows: A word that its evidence must have: the tensor, layer or number that shows it.
    """

    name: str
    script: str
    changes: tuple[tuple[str, str], ...]
    symptom: str
    shows: str = ""

    @property
    def source(self) -> str:
        """The faulty script."""
        text = SCRIPTS[self.script]
        for old, new in self.changes:
            assert old in text, f"{self.name}: nothing to change in {self.script!r}"
            text = text.replace(old, new)
        return text

    @property
    def line(self) -> int | None:
        """Number of the line that is at fault, where one is marked."""
        lines = self.source.splitlines()
        return next((number for number, line in enumerate(lines, start=1) if "# here" in line), None)


FAULTS = (
    Fault(
        name="no zero_grad",
        script="digits",
        changes=(("        optimizer.zero_grad()\n", ""), ("optimizer.step()", "optimizer.step()  # here")),
        symptom="accumulates-gradients",
    ),
    Fault(
        name="softmax before cross_entropy",
        script="digits",
        changes=(
            ("return self.head(x)", "return F.softmax(self.head(x), dim=1)"),
            ("loss = F.cross_entropy(model(x), y)\n", "loss = F.cross_entropy(model(x), y)  # here\n"),
        ),
        symptom="applies-softmax-twice",
    ),
    Fault(
        name="(n, 1) against (n)",
        script="diabetes",
        changes=(
            ("dtype=torch.float32)[:, None]", "dtype=torch.float32)"),
            ("        loss = loss_function(", "        loss = loss_function(  # here\n            "),
        ),
        symptom="broadcasts-loss",
        shows="(32, 1)",
    ),
    Fault(
        name="(n, 1) against (n), written out",
        script="diabetes",
        changes=(
            ("dtype=torch.float32)[:, None]", "dtype=torch.float32)"),
            ("loss_function(model(x[rows]), y[rows])", "((model(x[rows]) - y[rows]) ** 2).mean()"),
        ),
        symptom="broadcasts-loss",
        shows="(32, 1)",
    ),
    Fault(
        name="evaluation mode never left",
        script="digits",
        changes=(
            ("    model.train()\n", ""),
            ("model.eval()", "model.eval()  # here"),
            ("F.dropout(x, 0.2, self.training)", "self.dropout(x)"),
            ("self.head = ", "self.dropout = nn.Dropout(0.2)\n        self.head = "),
        ),
        symptom="trains-in-eval-mode",
    ),
    Fault(
        name="dropout active in evaluation",
        script="digits",
        changes=(
            ("    model.eval()\n", ""),
            ("for x, y in val_loader)", "for x, y in val_loader)  # here\n        val_loss = val_loss"),
            ("F.dropout(x, 0.2, self.training)", "self.dropout(x)"),
            ("self.head = ", "self.dropout = nn.Dropout(0.2)\n        self.head = "),
        ),
        symptom="evaluates-in-train-mode",
        shows="dropout",
    ),
    Fault(
        name="a layer missing from the optimizer",
        script="digits",
        changes=(
            (
                "SGD(model.parameters()",
                "SGD([*model.first.parameters(), *model.norm.parameters(), *model.head.parameters()]",
            ),
        ),
        symptom="skips-parameters",
        shows="second.weight",
    ),
    Fault(
        name="a detached branch",
        script="digits",
        changes=(("self.second(x)", "self.second(x.detach())"),),
        symptom="skips-parameters",
        shows="first.weight",
    ),
    Fault(
        name="rate 100 times too high",
        script="digits",
        changes=(("lr=0.05", "lr=5.0"),),
        symptom="diverges",
    ),
    Fault(
        name="rate 1,000 times too low",
        script="digits",
        changes=(("lr=0.05", "lr=5e-5"),),
        symptom="crawls",
    ),
    Fault(
        name="scheduler stepped per batch",
        script="digits",
        changes=(
            ("    scheduler.step()\n", ""),
            ("optimizer.step()\n", "optimizer.step()\n        scheduler.step()  # here\n"),
        ),
        symptom="decays-too-early",
    ),
    Fault(
        name="sorted data, unshuffled",
        script="digits",
        changes=(
            ("order = torch.randperm(len(x))", "order = y.argsort(stable=True)"),
            ("shuffle=True", "shuffle=False"),
        ),
        symptom="is-unshuffled",
    ),
    Fault(
        name="the same order every epoch",
        script="digits",
        changes=(("shuffle=True", "shuffle=False"),),
        symptom="repeats-order",
        shows="22 batches",
    ),
    Fault(
        name="inputs times 255",
        script="deep",
        changes=(("/ 8 - 1", "/ 16 * 255"),),
        symptom="is-unscaled",
    ),
    Fault(
        name="labels permuted",
        script="digits",
        changes=(("y = torch.tensor(labels)", "y = torch.tensor(labels)[torch.randperm(len(labels))]"),),
        symptom="has-misaligned-labels",
    ),
    Fault(
        name="NaN in one row",
        script="digits",
        changes=(("order = torch.randperm", "x[700, 20] = float('nan')\norder = torch.randperm"),),
        symptom="has-nan-in-data",
        shows="row",
    ),
    Fault(
        name="relu killed by a bias of -10",
        script="deep",
        changes=(("optimizer = ", "nn.init.constant_(model[2].bias, -10.0)\noptimizer = "),),
        symptom="has-dead-units",
        shows="3",
    ),
    Fault(
        name="twenty sigmoid layers",
        script="deep",
        changes=(("range(3)", "range(19)"), ("nn.ReLU()", "nn.Sigmoid()")),
        symptom="vanishes",
        shows="0",
    ),
    Fault(
        name="view in place of permute",
        script="rows of digits",
        changes=(("x.permute(1, 0, 2)", "x.reshape(8, -1, 8)"),),
        symptom="mixes-examples",
        shows="gru",
    ),
    Fault(
        name="validation inside the training rows",
        script="digits",
        changes=(("TensorDataset(x[:1400], y[:1400])", "TensorDataset(x, y)"),),
        symptom="leaks",
        shows="397",
    ),
    Fault(
        name="causal mask missing",
        script="letters",
        changes=(("src_mask=mask, is_causal=True", "src_mask=None"),),
        symptom="leaks",
        shows="mask",
    ),
    Fault(
        name="targets not shifted",
        script="letters",
        changes=(
            ("part[s + 1 : s + 17]", "part[s : s + 16]"),
            (
                "    loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())\n    opt",
                "    loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())  # here\n    opt",
            ),
        ),
        symptom="leaks",
        shows="targets",
    ),
    Fault(
        name="clip at 1e-4",
        script="rows of digits",
        changes=(("5.0)", "1e-4)  # here"), ("Adam(", "SGD("), ("lr=3e-3", "lr=0.1")),
        symptom="clips-too-tight",
        shows="0.0001",
    ),
    Fault(
        name="clipping before backward",
        script="rows of digits",
        changes=(
            (
                "        loss.backward()\n        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)\n",
                "        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)  # here\n        loss.backward()\n",
            ),
        ),
        symptom="clips-before-backward",
    ),
    Fault(
        name="weight decay 10",
        script="deep",
        changes=(("Adam(model.parameters(), lr=1e-3)", "AdamW(model.parameters(), lr=1e-3, weight_decay=10)"),),
        symptom="over-regularizes",
        shows="10",
    ),
    Fault(
        name="weight decay 10, through Adam",
        script="deep",
        changes=(("lr=1e-3)", "lr=1e-3, weight_decay=10)"),),
        symptom="over-regularizes",
        shows="10",
    ),
    Fault(
        name="wrong sign",
        script="diabetes",
        changes=(("        loss.backward()", "        (-loss).backward()  # here"),),
        symptom="ascends",
    ),
    Fault(
        name="wrong sign, by hand",
        script="diabetes",
        changes=(
            ("optimizer = torch.optim.SGD(model.parameters(), lr=0.02)\n", ""),
            ("        optimizer.zero_grad()\n", "        model.zero_grad()\n"),
            (
                "        optimizer.step()\n",
                "        with torch.no_grad():\n            for p in model.parameters():\n                p += 1e-3 "
                "* p.grad\n",
            ),
        ),
        symptom="ascends",
    ),
    Fault(
        name="batch norm with momentum 0",
        script="digits",
        changes=(("nn.BatchNorm1d(64)", "nn.BatchNorm1d(64, momentum=0.0)"),),
        symptom="has-stale-batch-norm",
        shows="norm",
    ),
    Fault(
        name="optimizers exchanged",
        script="adversaries",
        changes=(("torch.optim.Adam(generator.parameters()", "torch.optim.Adam(discriminator.parameters()"),),
        symptom="skips-parameters",
    ),
    Fault(
        name="step before backward",
        script="digits",
        changes=(
            (
                "        loss.backward()\n        optimizer.step()\n",
                "        optimizer.step()  # here\n        loss.backward()\n",
            ),
        ),
        symptom="steps-before-backward",
    ),
    Fault(
        name="zero_grad between backward and step",
        script="deep",
        changes=(
            (
                "        optimizer.zero_grad()\n        loss.backward()\n",
                "        loss.backward()\n        optimizer.zero_grad()\n",
            ),
            ("optimizer.step()", "optimizer.step()  # here"),
        ),
        symptom="steps-before-backward",
    ),
    Fault(
        name="all weights equal",
        script="deep",
        changes=(("optimizer = ", "for p in model.parameters():\n    nn.init.constant_(p, 0.05)\noptimizer = "),),
        symptom="starts-symmetric",
        shows="2",
    ),
    Fault(
        name="weights fifty times too large",
        script="deep",
        changes=(("optimizer = ", "for p in model.parameters():\n    nn.init.normal_(p, 0, 1.0)\noptimizer = "),),
        symptom="starts-too-large",
    ),
    Fault(
        name="weights far too small",
        script="deep",
        changes=(("optimizer = ", "for p in model.parameters():\n    nn.init.normal_(p, 0, 1e-4)\noptimizer = "),),
        symptom="starts-too-small",
    ),
    Fault(
        name="loss summed over the batch",
        script="diabetes",
        changes=(("nn.MSELoss()", "nn.MSELoss(reduction='sum')"), ("lr=0.02", "lr=0.001")),
        symptom="sums-instead-of-means",
        shows="32",
    ),
    Fault(
        name="targets of 25 to 346",
        script="diabetes",
        changes=(("y = (y - y.mean()) / y.std()\n", ""), ("lr=0.02", "lr=0.0001")),
        symptom="has-unscaled-targets",
    ),
    Fault(
        name="sigmoid output for targets beyond 1",
        script="diabetes",
        changes=(
            ("nn.Linear(32, 1))", "nn.Linear(32, 1), nn.Sigmoid())"),
            ("        loss = loss_function(", "        loss = loss_function(  # here\n            "),
        ),
        symptom="has-wrong-output-activation",
        shows="sigmoid",
    ),
    Fault(
        name="relu on the logits",
        script="deep",
        changes=(("nn.Linear(32, 10))", "nn.Linear(32, 10), nn.ReLU())"),),
        symptom="has-wrong-output-activation",
        shows="relu",
    ),
    Fault(
        name="nll_loss of logits",
        script="deep",
        changes=(("loss = F.cross_entropy", "loss = F.nll_loss"),),
        symptom="uses-wrong-loss",
    ),
    Fault(
        name="logarithm of zero",
        script="deep",
        changes=(
            (
                "loss = F.cross_entropy(model(x[rows]), y[rows])\n        optimizer.zero",
                "p = F.softmax(model(x[rows]) * 300, 1)[torch.arange(len(rows)), y[rows]]\n        loss = "
                "-p.log().mean()\n        optimizer.zero",
            ),
        ),
        symptom="overflows",
        shows="logarithm",
    ),
    Fault(
        name="validation not scaled as training",
        script="deep",
        changes=(("model(x[1400:])", "model(8 * (x[1400:] + 1))"),),
        symptom="differs-in-preprocessing",
    ),
    Fault(
        name="batches of two under batch norm",
        script="digits",
        changes=(
            ("batch_size=64", "batch_size=2"),
            ("x[:1400], y[:1400]", "x[:300], y[:300]"),
            ("EPOCHS = 12", "EPOCHS = 2"),
        ),
        symptom="batch-too-small-for-batch-norm",
    ),
    Fault(
        name="tanh units saturated",
        script="deep",
        changes=(
            ("nn.ReLU()", "nn.Tanh()"),
            ("optimizer = ", "for p in model[2].parameters():\n    p.data *= 60\noptimizer = "),
        ),
        symptom="saturates",
    ),
)
