"""Slow twins of Adam and its closest kin: NumPy float64, from the papers."""

from __future__ import annotations

import numpy as np


class Moments:
    """m and v of Adam, and what they are after correction."""

    def __init__(self, beta1, beta2):
        self.beta1, self.beta2 = beta1, beta2
        self.m, self.v = 0.0, 0.0

    def take(self, t, g):
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        self.v = self.beta2 * self.v + (1 - self.beta2) * g**2
        self.c1 = 1 - self.beta1**t
        self.c2 = 1 - self.beta2**t

    @property
    def m_hat(self):
        return self.m / self.c1

    @property
    def v_hat(self):
        return self.v / self.c2

    def epsilon_hat(self, lr, eps):
        """α√c₂/c₁·m/(√v + ε), the placement in most authors' code."""
        return lr * np.sqrt(self.c2) / self.c1 * self.m / (np.sqrt(self.v) + eps)

    def epsilon_after(self, lr, eps):
        """α·m̂/(√v̂ + ε), the placement in the papers."""
        return lr * self.m_hat / (np.sqrt(self.v_hat) + eps)


class Adam:
    rule = "adam"

    def __init__(self, beta1=0.9, beta2=0.999, eps=1e-8, bias_correction=True):
        self.moments, self.eps, self.corrects = Moments(beta1, beta2), eps, bias_correction

    def step(self, t, g, p, lr):
        self.moments.take(t, g)
        if self.corrects:
            return -self.moments.epsilon_after(lr, self.eps)
        return -lr * self.moments.m / (np.sqrt(self.moments.v) + self.eps)


class AdamW(Adam):
    """Without its decay, which is the driver's, AdamW is Adam."""

    rule = "adamw"


class AMSGrad:
    rule = "amsgrad"

    def __init__(self, beta1=0.9, beta2=0.999, eps=1e-8, mode="torch"):
        self.moments, self.eps, self.mode = Moments(beta1, beta2), eps, mode
        self.largest = 0.0

    def step(self, t, g, p, lr):
        self.moments.take(t, g)
        m, m_hat, c1, c2 = self.moments.m, self.moments.m_hat, self.moments.c1, self.moments.c2
        candidate = self.moments.v_hat if self.mode == "optax" else self.moments.v
        self.largest = np.maximum(self.largest, candidate)
        if self.mode == "paper":
            return -lr * m / (np.sqrt(self.largest) + self.eps)
        if self.mode == "keras":
            return -lr * np.sqrt(c2) / c1 * m / (np.sqrt(self.largest) + self.eps)
        if self.mode == "optax":
            return -lr * m_hat / (np.sqrt(self.largest) + self.eps)
        return -lr * m_hat / (np.sqrt(self.largest / c2) + self.eps)


class NAdam:
    rule = "nadam"

    def __init__(self, beta1=0.9, beta2=0.999, eps=1e-8, momentum_decay=4e-3):
        self.moments, self.eps, self.psi = Moments(beta1, beta2), eps, momentum_decay
        self.product = 1.0

    def mu(self, t):
        return self.moments.beta1 * (1 - 0.5 * 0.96 ** (t * self.psi))

    def step(self, t, g, p, lr):
        self.moments.take(t, g)
        self.product = self.product * self.mu(t)
        next_product = self.product * self.mu(t + 1)
        m_bar = (1 - self.mu(t)) * g / (1 - self.product) + self.mu(t + 1) * self.moments.m / (1 - next_product)
        return -lr * m_bar / (np.sqrt(self.moments.v_hat) + self.eps)
