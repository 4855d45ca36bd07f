"""Small models with their data, healthy and with one fault each, as a user's function returns them."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own habit)
from sklearn.datasets import load_diabetes, load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def digits(rows=600):
    """Pictures as rows of 64 numbers in [0, 1], and their digits."""
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.data))[:rows]
    return torch.tensor(data.data[order] / 16, dtype=torch.float32), torch.tensor(data.target[order])


def sugar():
    """Diabetes: ten standardized numbers, and a standardized target of shape (rows, 1)."""
    data = load_diabetes()
    x = torch.tensor(data.data / data.data.std(0), dtype=torch.float32)
    y = torch.tensor((data.target - data.target.mean()) / data.target.std(), dtype=torch.float32)
    return x, y[:, None]


def text(length=24, rows=400):
    """Windows of this file's own characters: tokens and the same one place on."""
    whole = torch.tensor(list(__doc__.encode() * 40)) % 64
    starts = torch.randint(len(whole) - length - 1, (rows,), generator=torch.Generator().manual_seed(0))
    windows = torch.stack([whole[start : start + length + 1] for start in starts.tolist()])
    return windows[:, :-1].contiguous(), windows[:, 1:].contiguous()


def token_loss(logits, targets):
    """Cross entropy over all places."""
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))


class Recurrent(nn.Module):
    """A GRU over the rows of a picture."""

    def __init__(self, batch_first=True):
        super().__init__()
        self.gru = nn.GRU(8, 32, batch_first=batch_first)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        return self.head(self.gru(x)[0][:, -1])


class Speaker(nn.Module):
    """A small transformer that says the next token."""

    def __init__(self, masked=True, length=24):
        super().__init__()
        self.tokens, self.places = nn.Embedding(64, 32), nn.Parameter(0.1 * torch.randn(length, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, 64)
        self.masked = masked

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1]) if self.masked else None
        return self.head(self.body(self.tokens(x) + self.places, mask=mask))


class Reader(nn.Module):
    """A small transformer over the rows of a picture, which may look both ways."""

    def __init__(self):
        super().__init__()
        self.into = nn.Linear(8, 32)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        return self.head(self.body(self.into(x)).mean(1))


class OwnLoss(nn.Module):
    """A model that is given its labels and returns its loss, as Hugging Face's do."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))

    def forward(self, x, labels):
        logits = self.body(x)
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


class Beside(nn.Module):
    """A model that returns its loss beside its logits, where it is given targets."""

    def __init__(self, masked=True):
        super().__init__()
        self.body = Speaker(masked)

    def forward(self, idx, targets=None):
        logits = self.body(idx)
        return logits, None if targets is None else token_loss(logits, targets)


class Lambda(nn.Module):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def mlp(*before_last, outputs=10, inputs=64):
    """Two layers with what is given between the first and the last."""
    middle = before_last or (nn.ReLU(),)
    return nn.Sequential(nn.Linear(inputs, 48), *middle, nn.Linear(48, outputs))


def batch_norm_mlp():
    x, y = digits()
    model = mlp(nn.BatchNorm1d(48), nn.ReLU(), nn.Dropout(0.3))
    return model, nn.CrossEntropyLoss(label_smoothing=0.1), DataLoader(TensorDataset(x, y), 32, shuffle=True)


def convnet():
    x, y = digits()
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip
    return model, nn.CrossEntropyLoss(), TensorDataset(x.reshape(-1, 1, 8, 8), y)


def gru():
    x, y = digits()
    model = Recurrent()
    return model, torch.optim.Adam(model.parameters(), 3e-3), nn.CrossEntropyLoss(), (x.reshape(-1, 8, 8), y)


def speaker():
    return Speaker(), token_loss, text()


def reader():
    x, y = digits()
    return Reader(), nn.CrossEntropyLoss(), (x.reshape(-1, 8, 8), y)


def regression():
    x, y = sugar()
    model = mlp(nn.Tanh(), inputs=10, outputs=1)
    return model, torch.optim.SGD(model.parameters(), 0.05, momentum=0.9), nn.MSELoss(), (x, y)


def linear_regression():
    x, y = sugar()
    return nn.Linear(10, 1), nn.HuberLoss(), (x, y)


def yes_or_no():
    x, y = digits()
    return mlp(outputs=1), nn.BCEWithLogitsLoss(), (x, (y[:, None] > 4).float())


def log_probabilities():
    x, y = digits()
    return nn.Sequential(mlp(nn.LayerNorm(48), nn.GELU()), nn.LogSoftmax(1)), nn.NLLLoss(), (x, y)


def own_loss():
    x, y = digits()
    return OwnLoss(), {"x": x, "labels": y}


HEALTHY = {
    made.__name__: made
    for made in (
        batch_norm_mlp, convnet, gru, speaker, reader, regression, linear_regression, yes_or_no, log_probabilities,
        own_loss,
    )
}  # fmt: skip
"""Functions of nothing, each for a healthy model; one small batch alone would be enough for most probes."""


def _classes(model, loss=None):
    return model, loss or nn.CrossEntropyLoss(), digits()


def _numbers(model, loss=None):
    return model, loss or nn.MSELoss(), sugar()


def too_large():
    model = mlp()
    with torch.no_grad():
        model[-1].weight *= 100
    return _classes(model)


def summed():
    return _classes(mlp(), nn.CrossEntropyLoss(reduction="sum"))


def turned():
    return _classes(mlp(), lambda outputs, target: -F.cross_entropy(outputs, target))


def far_targets():
    x, y = sugar()
    return mlp(inputs=10, outputs=1), nn.MSELoss(), (x, 300 + 50 * y)


def missing_numbers():
    x, y = digits()
    x[7, 3] = float("nan")
    return mlp(), nn.CrossEntropyLoss(), (x, y)


def log_of_zero():
    return _classes(nn.Sequential(nn.ReLU(), Lambda(torch.log), nn.Linear(64, 10)))


def dropout_left_on():
    return _classes(mlp(nn.ReLU(), Lambda(lambda x: F.dropout(x, 0.5))))


def keeps_state():
    class Keeper(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()
            self.register_buffer("seen", torch.zeros(10))

        def forward(self, x):
            out = self.body(x) + self.seen
            self.seen = self.seen + 0.1 * out.detach().mean(0)
            return out

    return _classes(Keeper())


def viewed():
    """Rows of several examples read as one: axes that should have changed places."""
    x, y = digits()
    picture = Lambda(lambda x: x.transpose(0, 1).reshape(x.shape[0], -1))
    return nn.Sequential(picture, mlp()), nn.CrossEntropyLoss(), (x.reshape(-1, 8, 8), y)


def batch_softmax():
    return _classes(mlp(nn.ReLU(), nn.Softmax(0)))


def tokens_mixed():
    x, y = text()

    class Mixer(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.head = nn.Embedding(64, 32), nn.Linear(32, 64)
            self.attention = nn.MultiheadAttention(32, 4)  # batch_first forgotten

        def forward(self, x):
            h = self.tokens(x)
            return self.head(h + self.attention(h, h, h)[0])

    return Mixer(), token_loss, (x, y)


def no_mask():
    return Speaker(masked=False), token_loss, text()


def no_mask_beside():
    """The same, with the answer in a tuple."""
    return Beside(masked=False), lambda outputs, target: token_loss(outputs[0], target), text()


def no_mask_own_loss():
    """The same, with the loss the model's own, and first."""

    class First(Beside):
        def forward(self, idx, targets):
            logits, loss = super().forward(idx, targets)
            return loss, logits

    x, y = text()
    return First(masked=False), {"idx": x, "targets": y}


def not_shifted():
    x, _ = text()
    return Speaker(), token_loss, (x, x.clone())


class _Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.tanh()

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


def wrong_backward():
    return _classes(mlp(Lambda(_Doubled.apply)))


def softmax_twice():
    return _classes(mlp(nn.ReLU()).append(nn.Softmax(1)), F.cross_entropy)


def broadcast():
    x, y = sugar()
    return mlp(inputs=10, outputs=1), nn.MSELoss(), (x, y[:, 0])


def bounded_output():
    return _numbers(mlp(inputs=10, outputs=1).append(nn.Sigmoid()))


def no_scale():
    x, y = digits()
    return mlp(), nn.CrossEntropyLoss(), (x * 4080, y)


def cut_graph():
    return _classes(
        nn.Sequential(mlp(nn.ReLU(), outputs=32), nn.ReLU(), Lambda(lambda x: x.detach()), nn.Linear(32, 10))
    )


def dead():
    model = mlp()
    with torch.no_grad():
        model[0].bias.fill_(-100.0)
    return _classes(model)


def rate(value):
    """An optimizer with a rate of its own."""

    def made():
        model = mlp()
        return model, torch.optim.Adam(model.parameters(), value), nn.CrossEntropyLoss(), digits()

    return made


def no_momentum():
    return _classes(mlp(nn.BatchNorm1d(48, momentum=0.0), nn.ReLU()))


def ignored_inputs():
    return _classes(nn.Sequential(Lambda(lambda x: x * 0), mlp(nn.Tanh())))


def permuted_labels():
    x, y = digits()
    wide = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 10))
    return wide, nn.CrossEntropyLoss(), (x, y[torch.randperm(len(y), generator=torch.Generator().manual_seed(1))])


def half_blind():
    """It is given the first columns alone, by a slice that cuts too much."""
    return _classes(nn.Sequential(Lambda(lambda x: x[:, :2]), mlp(inputs=2)))


FAULTY = {
    "first-loss": {
        "starts-off": too_large,
        "sums-instead-of-means": summed,
        "ascends": turned,
        "has-unscaled-targets": far_targets,
        "has-nan-in-data": missing_numbers,
        "turns-nan": log_of_zero,
    },
    "evaluated-twice": {"evaluates-in-train-mode": dropout_left_on},
    "mixing": {"mixes-examples": viewed},
    "causal-mask": {"leaks": no_mask},
    "gradient-check": {"stalls": wrong_backward},
    "watched-steps": {
        "applies-softmax-twice": softmax_twice,
        "broadcasts-loss": broadcast,
        "has-wrong-output-activation": bounded_output,
        "is-unscaled": no_scale,
        "skips-parameters": cut_graph,
        "has-dead-units": dead,
    },
    "overfit-one-batch": {"stalls": softmax_twice},
    "learning-rate-test": {"diverges": rate(3.0), "crawls": rate(1e-7)},
    "train-against-eval": {"has-stale-batch-norm": no_momentum},
    "shuffled-inputs": {"stalls": ignored_inputs, "has-misaligned-labels": permuted_labels},
    "baselines": {"underfits": half_blind},
}
"""A planted fault for each symptom a probe can find, by probe."""
