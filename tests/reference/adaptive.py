"""Slow twins of AdaGrad and RMSProp: NumPy float64, from the papers."""

from __future__ import annotations

import numpy as np


class Adagrad:
    rule = "adagrad"

    def __init__(self, eps=1e-10, lr_decay=0.0, eps_inside=False):
        self.eps, self.lr_decay, self.inside = eps, lr_decay, eps_inside
        self.squares = 0.0

    def step(self, t, g, p, lr):
        self.squares = self.squares + g**2
        rate = lr / (1 + (t - 1) * self.lr_decay)
        if self.inside:
            return -rate * g / np.sqrt(self.squares + self.eps)
        return -rate * g / (np.sqrt(self.squares) + self.eps)


class RMSprop:
    rule = "rmsprop"

    def __init__(self, alpha=0.99, eps=1e-8, momentum=0.0, centered=False, eps_inside=False):
        self.delta, self.eps, self.rho = alpha, eps, momentum
        self.centered, self.inside = centered, eps_inside
        self.s, self.mean, self.buffer = 0.0, 0.0, 0.0

    def step(self, t, g, p, lr):
        self.s = self.delta * self.s + (1 - self.delta) * g**2
        self.mean = self.delta * self.mean + (1 - self.delta) * g
        variance = np.maximum(self.s - self.mean**2, 0.0) if self.centered else self.s
        below = np.sqrt(variance + self.eps) if self.inside else np.sqrt(variance) + self.eps
        self.buffer = self.rho * self.buffer + g / below
        return -lr * self.buffer
