"""Single changes to ordinary training scripts, each of which is a fault that the watcher must name.

A fault is a list of (what stands in the script, what stands there instead), and the symptom that it is. Where the
watcher is to show a line, it is the one marked `# here` in the faulty script.
"""

from __future__ import annotations

from dataclasses import dataclass

from made.ordinary_scripts import SCRIPTS


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
