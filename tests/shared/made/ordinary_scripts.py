"""Ordinary training scripts, of some forty lines each, in which nothing is wrong."""

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
