"""Ordinary trainings in frameworks that people use on top of torch, in which nothing is wrong; and faults for each.

Every script leaves what it has trained in `trained`, a list of tensors or arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

DIGITS = """\
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

images, labels = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(images))
images, labels = (images[order] / 8 - 1).astype("float32"), labels[order]
"""

ACCELERATE = (
    DIGITS
    + """
from accelerate import Accelerator
from accelerate.utils import set_seed

set_seed(0)
accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
x, y = torch.tensor(images), torch.tensor(labels)
train = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=16, shuffle=True)
val = DataLoader(TensorDataset(x[1400:], y[1400:]), batch_size=128)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 10))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5 * 88)
model, optimizer, train, val, scheduler = accelerator.prepare(model, optimizer, train, val, scheduler)
for epoch in range(5):
    model.train()
    for a, b in train:
        with accelerator.accumulate(model):
            loss = nn.functional.cross_entropy(model(a), b)
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    model.eval()
    hits = 0
    with torch.no_grad():
        for a, b in val:
            guess, b = accelerator.gather_for_metrics((model(a).argmax(1), b))
            hits += (guess == b).sum().item()
    accelerator.print(epoch, hits / 397)
trained = list(model.parameters())
"""
)

HUGGING_FACE = """\
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch.utils.data import Dataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

set_seed(0)


class Sentences(Dataset):
    def __init__(self, count, seed):
        draw = torch.Generator().manual_seed(seed)
        self.words = torch.randint(3, 23, (count, 8), generator=draw)
        self.labels = (self.words[:, 1] + self.words[:, 2] > 25).long()

    def __len__(self):
        return len(self.words)

    def __getitem__(self, row):
        words = self.words[row]
        return {"labels": self.labels[row], "input_ids": words, "attention_mask": torch.ones_like(words)}


model = BertForSequenceClassification(
    BertConfig(
        vocab_size=23,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=16,
        initializer_range=0.15,
    )
)
train, val = Sentences(1600, 1), Sentences(400, 2)
arguments = TrainingArguments(
    output_dir="out",
    num_train_epochs=5,
    per_device_train_batch_size=32,
    per_device_eval_batch_size=128,
    learning_rate=2e-3,
    warmup_steps=10,
    eval_strategy="epoch",
    logging_steps=20,
    save_strategy="no",
    report_to=[],
    disable_tqdm=True,
    use_cpu=True,
)
trainer = Trainer(model=model, args=arguments, train_dataset=train, eval_dataset=val)
trainer.train()
trained = list(model.parameters())
"""

KERAS = """\
import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np
from sklearn.datasets import load_digits

keras.utils.set_random_seed(0)
images, labels = load_digits(return_X_y=True)
order = np.random.permutation(len(images))
x, y = images[order].astype("float32") / 8 - 1, labels[order]
model = keras.Sequential(
    [
        keras.Input((64,)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dropout(0.1),
        keras.layers.Dense(10),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(2e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(x[:1400], y[:1400], batch_size=32, epochs=6, validation_data=(x[1400:], y[1400:]), verbose=2)
trained = model.get_weights()
"""

LIGHTNING = (
    DIGITS
    + """
import logging

import lightning

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Net(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.body(x))

    def training_step(self, batch, _):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch, _):
        nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=1e-3)
        return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 6)]


lightning.seed_everything(0, verbose=False)
x, y = torch.tensor(images), torch.tensor(labels)
train, val = TensorDataset(x[:1400], y[:1400]), TensorDataset(x[1400:], y[1400:])
trainer = lightning.Trainer(
    max_epochs=6,
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
    accelerator="cpu",
    gradient_clip_val=5.0,
)
net = Net()
trainer.fit(net, DataLoader(train, 32, shuffle=True), DataLoader(val, 128))
trained = list(net.parameters())
"""
)

SKORCH = (
    DIGITS
    + """
from skorch import NeuralNetClassifier

torch.manual_seed(0)
np.random.seed(0)
net = NeuralNetClassifier(
    nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 10)),
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=2e-3,
    batch_size=32,
    max_epochs=8,
    iterator_train__shuffle=True,
)
net.fit(images, labels)
trained = list(net.module_.parameters())
"""
)


@dataclass(frozen=True, slots=True)
class Framework:
    """One script.

    Attributes:
        package: What it imports.
        script: Its text.
        faults: Symptom → what stands there, and what is put in its place.
    """

    package: str
    script: str
    faults: dict[str, tuple[str, str]]

    def broken(self, symptom: str) -> str:
        """The script with one of the faults."""
        old, new = self.faults[symptom]
        assert old in self.script, f"{self.package}: nothing to change for {symptom!r}"
        return self.script.replace(old, new)


SOFTMAX = ("nn.Linear(64, 10)", "nn.Sequential(nn.Linear(64, 10), nn.Softmax(1))")
FRAMEWORKS = {
    "accelerate": Framework(
        "accelerate",
        ACCELERATE,
        {
            "trains-in-eval-mode": ("    model.train()\n", ""),
            "accumulates-gradients": ("            optimizer.zero_grad()\n", ""),
        },
    ),
    "hugging face": Framework(
        "transformers",
        HUGGING_FACE,
        {
            "skips-parameters": (
                "eval_dataset=val)",
                "eval_dataset=val, optimizers=(torch.optim.AdamW(model.classifier.parameters(), lr=2e-3), None))",
            ),
            "is-unshuffled": (
                "trainer = Trainer(",
                "order = train.labels.argsort()\n"
                "train.words, train.labels = train.words[order], train.labels[order]\n"
                "class InOrder(Trainer):\n"
                "    def _get_train_sampler(self, *_):\n"
                "        return torch.utils.data.SequentialSampler(train)\n"
                "trainer = InOrder(",
            ),
        },
    ),
    "keras": Framework(
        "keras",
        KERAS,
        {
            "applies-softmax-twice": ("Dense(10)", 'Dense(10, activation="softmax")'),
            "starts-too-hot": ("Adam(2e-3)", "Adam(0.2)"),
        },
    ),
    "lightning": Framework(
        "lightning",
        LIGHTNING,
        {
            "applies-softmax-twice": SOFTMAX,
            "skips-parameters": ("Adam(self.parameters()", "Adam(self.body.parameters()"),
        },
    ),
    "skorch": Framework(
        "skorch",
        SKORCH,
        {
            "is-unshuffled": (
                "net.fit(images, labels)",
                "order = np.argsort(labels, kind='stable')\n"
                "net.set_params(iterator_train__shuffle=False, train_split=None).fit(images[order], labels[order])",
            ),
            "applies-softmax-twice": SOFTMAX,
        },
    ),
}
