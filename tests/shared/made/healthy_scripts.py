"""Ordinary scripts with habits that look like faults and are none."""

from __future__ import annotations

from dataclasses import dataclass

from made.ordinary_scripts import SCRIPTS


@dataclass(frozen=True, slots=True)
class Habit:
    """One way of doing things: changes to one of `SCRIPTS`."""

    script: str
    changes: tuple[tuple[str, str], ...]

    @property
    def source(self) -> str:
        """The script with this habit."""
        text = SCRIPTS[self.script]
        for old, new in self.changes:
            assert old in text, f"nothing to change in {self.script!r}: {old}"
            text = text.replace(old, new)
        return text


HABITS = {
    "accumulated gradients": Habit(
        "digits",
        (
            ("        optimizer.zero_grad()\n", ""),
            (
                "        optimizer.step()\n",
                (
                    "        count += 1\n"
                    "        if count % 4 == 0:\n"
                    "            optimizer.step()\n"
                    "            optimizer.zero_grad()\n"
                ),
            ),
            ("for epoch", ("count = 0\nfor epoch")),
            ((".cross_entropy(model(x), y)\n        loss"), (".cross_entropy(model(x), y) / 4\n        loss")),
        ),
    ),
    "gradients cleared by hand": Habit(
        "diabetes",
        (
            (
                "        optimizer.zero_grad()\n",
                ("        for p in model.parameters():\n            if p.grad is not None: p.grad.data.zero_()\n"),
            ),
        ),
    ),
    "gradients set to zero": Habit("diabetes", (("zero_grad()", "zero_grad(set_to_none=False)"),)),
    "frozen layer": Habit("digits", (("optimizer = ", ("model.second.requires_grad_(False)\noptimizer = ")),)),
    "layer under no_grad": Habit(
        "digits",
        (
            (
                "        x = F.relu(self.norm(self.first(x)))",
                ("        with torch.no_grad():\n            x = F.relu(self.norm(self.first(x)))"),
            ),
        ),
    ),
    "closures": Habit(
        "diabetes",
        (
            ("SGD(model.parameters(), lr=0.02)", "LBFGS(model.parameters(), lr=0.1, max_iter=3)"),
            (
                (
                    "        loss = loss_function(model(x[rows]), y[rows])\n"
                    "        optimizer.zero_grad()\n"
                    "        loss.backward()\n"
                    "        optimizer.step()\n"
                ),
                (
                    "        def closure():\n"
                    "            optimizer.zero_grad()\n"
                    "            loss = loss_function(model(x[rows]), y[rows])\n"
                    "            loss.backward()\n"
                    "            return loss\n"
                    "        optimizer.step(closure)\n"
                ),
            ),
        ),
    ),
    "tied weights": Habit(
        "letters",
        (
            (
                "model = Writer()",
                (
                    "model = Writer()\n"
                    "model.head.weight = model.embed.weight\n"
                    "nn.init.normal_(model.embed.weight, 0, 0.05)"
                ),
            ),
        ),
    ),
    "clipping of some steps": Habit("rows of digits", (("5.0", "0.6"),)),
    "clipping of most steps": Habit("rows of digits", (("5.0", "0.1"),)),
    "evaluation of the training rows beside others": Habit(
        "digits",
        (
            (
                "        val_loss = ",
                (
                    "        train_loss = sum(F.cross_entropy(model(x), y) for x, y in train_loader)\n"
                    "        val_loss = "
                ),
            ),
        ),
    ),
    "loss of the training outputs once more": Habit(
        "digits",
        (
            (
                "        loss = F.cross_entropy(model(x), y)\n",
                (
                    "        out = model(x)\n"
                    "        loss = F.cross_entropy(out, y)\n"
                    "        with torch.no_grad():\n"
                    '            F.cross_entropy(out.detach(), y, reduction="none")\n'
                ),
            ),
        ),
    ),
    "frozen batch norm": Habit(
        "digits", (("    model.train()\n", ("    model.train()\n    if epoch > 3: model.norm.eval()\n")),)
    ),
    "updates by hand": Habit(
        "diabetes",
        (
            ("optimizer = torch.optim.SGD(model.parameters(), lr=0.02)\n", ""),
            ("        optimizer.zero_grad()\n", "        model.zero_grad()\n"),
            (
                "        optimizer.step()\n",
                (
                    "        with torch.no_grad():\n"
                    "            for p in model.parameters():\n"
                    "                p -= 2e-2 * p.grad\n"
                ),
            ),
        ),
    ),
    "maximized reward": Habit(
        "diabetes",
        (
            ("lr=0.02)", "lr=0.02, maximize=True)"),
            ("loss.backward()", "(-loss).backward()"),
        ),
    ),
    "log_softmax and nll_loss": Habit(
        "deep",
        (
            (
                ("loss = F.cross_entropy(model(x[rows]), y[rows])\n        opt"),
                ("loss = F.nll_loss(F.log_softmax(model(x[rows]), 1), y[rows])\n        opt"),
            ),
        ),
    ),
    "log_softmax and cross_entropy": Habit("deep", (("nn.Linear(32, 10))", "nn.Linear(32, 10), nn.LogSoftmax(1))"),)),
    "cosine stepped per batch": Habit(
        "digits",
        (
            ("StepLR(optimizer, step_size=5, gamma=0.3)", "CosineAnnealingLR(optimizer, T_max=12 * 22)"),
            ("        optimizer.step()\n", ("        optimizer.step()\n        scheduler.step()\n")),
            (("    scheduler.step()\n    model"), "    model"),
        ),
    ),
    "one cycle": Habit(
        "digits",
        (
            ("StepLR(optimizer, step_size=5, gamma=0.3)", "OneCycleLR(optimizer, 0.1, total_steps=12 * 22)"),
            ("        optimizer.step()\n", ("        optimizer.step()\n        scheduler.step()\n")),
            (("    scheduler.step()\n    model"), "    model"),
        ),
    ),
    "sum under Adam": Habit(
        "deep",
        (
            (
                ("F.cross_entropy(model(x[rows]), y[rows])\n        opt"),
                (
                    "F.binary_cross_entropy_with_logits(model(x[rows]), F.one_hot(y[rows], 10).float(), "
                    'reduction="sum")\n'
                    "        opt"
                ),
            ),
        ),
    ),
    "resumed run": Habit(
        "digits",
        (
            (
                "for epoch in",
                (
                    "import io\n"
                    "buf = io.BytesIO()\n"
                    "for x_, y_ in train_loader:\n"
                    "    optimizer.zero_grad(); F.cross_entropy(model(x_), y_).backward(); "
                    "optimizer.step()\n"
                    "torch.save((model.state_dict(), optimizer.state_dict()), buf); buf.seek(0)\n"
                    "a, b = torch.load(buf)\n"
                    "model.load_state_dict(a); optimizer.load_state_dict(b)\n"
                    "for epoch in"
                ),
            ),
        ),
    ),
    "full batches": Habit("diabetes", (("torch.randperm(320).split(32)", "[torch.arange(320)] * 8"),)),
    "sparse rectifiers": Habit(
        "deep",
        (
            ("nn.Linear(64, 32), nn.ReLU()", "nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 32), nn.ReLU()"),
            ("optimizer = ", ("nn.init.constant_(model[0].bias, -0.8)\noptimizer = ")),
        ),
    ),
    "last layer begins at zero": Habit("deep", (("optimizer = ", ("nn.init.zeros_(model[-1].weight)\noptimizer = ")),)),
    "two optimizers after one backward pass": Habit(
        "digits",
        (
            (
                "optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)",
                (
                    "second = torch.optim.AdamW(model.head.parameters(), lr=1e-3)\n"
                    "optimizer = torch.optim.SGD([*model.first.parameters(), *model.norm.parameters(), "
                    "*model.second.parameters()], lr=0.05, momentum=0.9)"
                ),
            ),
            ("        optimizer.zero_grad()\n", "        optimizer.zero_grad(); second.zero_grad()\n"),
            ("        optimizer.step()\n", "        optimizer.step(); second.step()\n"),
        ),
    ),
    "generator at every fifth step": Habit(
        "adversaries",
        (
            (
                "    loss = F.binary_cross_entropy_with_logits(discriminator(fake), torch",
                ("    if step % 5: continue\n    loss = F.binary_cross_entropy_with_logits(discriminator(fake), torch"),
            ),
        ),
    ),
    "saddle of two players": Habit(
        "adversaries",
        (
            (
                "    loss = F.binary_cross_entropy_with_logits(discriminator(fake), torch.ones(64, 1))",
                ("    loss = -F.binary_cross_entropy_with_logits(discriminator(fake), torch.zeros(64, 1))"),
            ),
        ),
    ),
    "two players in one module": Habit(
        "adversaries",
        (
            (
                "generator_optimizer = torch",
                (
                    'both = nn.ModuleDict({"g": generator, "d": discriminator}); both.train()\n'
                    "generator_optimizer = torch"
                ),
            ),
        ),
    ),
    "augmented inputs": Habit("digits", (("model(x), y)\n", "model(x + 0.1 * torch.randn_like(x)), y)\n"),)),
    "bfloat16": Habit(
        "digits",
        (
            (
                "        loss = F.cross_entropy(model(x), y)\n",
                (
                    '        with torch.autocast("cpu", torch.bfloat16):\n'
                    "            loss = F.cross_entropy(model(x), y)\n"
                ),
            ),
        ),
    ),
    "float64": Habit(
        "diabetes",
        (
            ("torch.float32", "torch.float64"),
            ("model = nn", ("torch.set_default_dtype(torch.float64)\nmodel = nn")),
        ),
    ),
    "autoencoder": Habit(
        "diabetes",
        (
            ("nn.Linear(32, 1)", "nn.Linear(32, 10)"),
            ("y[rows]", "x[rows]"),
            ("y[320:]", "x[320:]"),
        ),
    ),
    "average of the weights": Habit(
        "digits",
        (
            (
                "        optimizer.step()\n",
                (
                    "        optimizer.step()\n"
                    "        with torch.no_grad():\n"
                    "            [e.lerp_(p, 0.01) for e, p in zip(ema.parameters(), model.parameters())]\n"
                ),
            ),
            ("optimizer = ", ("import copy\nema = copy.deepcopy(model)\noptimizer = ")),
        ),
    ),
    "teacher under no_grad": Habit(
        "digits",
        (
            (
                "        loss = F.cross_entropy(model(x), y)\n",
                (
                    "        with torch.no_grad():\n"
                    "            soft = F.softmax(ema(x), 1)\n"
                    "        out = model(x)\n"
                    "        loss = F.cross_entropy(out, y) + 0.1 * F.mse_loss(F.softmax(out, 1), soft)\n"
                ),
            ),
            ("optimizer = ", ("import copy\nema = copy.deepcopy(model)\noptimizer = ")),
        ),
    ),
}
