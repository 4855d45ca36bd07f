"""Slow twins of RAdam and AdaBelief: NumPy float64, from the papers."""

from __future__ import annotations

import numpy as np


def rho(t, beta2):
    """(ρ∞, ρₜ): length of the simple moving average that the exponential one stands for."""
    infinite = 2 / (1 - beta2) - 1
    return infinite, infinite - 2 * t * beta2**t / (1 - beta2**t)


def rectified_step(t, m, v, beta1, beta2, eps, lr, above, otherwise_moves):
    """The step of RAdam's Algorithm 2 with torch's ε; `above` says whether ρₜ is enough."""
    infinite, now = rho(t, beta2)
    m_hat = m / (1 - beta1**t)
    if above(now):
        r = np.sqrt((now - 4) * (now - 2) * infinite / ((infinite - 4) * (infinite - 2) * now))
        adaptive = np.sqrt(1 - beta2**t) / (np.sqrt(v) + eps)
        return -lr * r * m_hat * adaptive
    return -lr * m_hat if otherwise_moves else 0.0 * m


class RAdam:
    rule = "radam"

    def __init__(self, beta1=0.9, beta2=0.999, eps=1e-8, threshold=5.0, mode="paper"):
        self.beta1, self.beta2, self.eps, self.mode = beta1, beta2, eps, mode
        self.above = (lambda r: r >= threshold) if mode == "reference" else (lambda r: r > threshold)
        self.m, self.v = 0.0, 0.0

    def step(self, t, g, p, lr):
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        self.v = self.beta2 * self.v + (1 - self.beta2) * g**2
        moves = self.mode == "paper"
        return rectified_step(t, self.m, self.v, self.beta1, self.beta2, self.eps, lr, self.above, moves)


class AdaBelief:
    rule = "adabelief"

    def __init__(self, beta1=0.9, beta2=0.999, eps=1e-16, rectify=False):
        self.beta1, self.beta2, self.eps, self.rectify = beta1, beta2, eps, rectify
        self.m, self.s = 0.0, 0.0

    def step(self, t, g, p, lr):
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        self.s = self.beta2 * self.s + (1 - self.beta2) * (g - self.m) ** 2 + self.eps
        if self.rectify:
            return rectified_step(
                t, self.m, self.s, self.beta1, self.beta2, self.eps, lr, lambda r: r > 5, otherwise_moves=True
            )
        m_hat = self.m / (1 - self.beta1**t)
        s_hat = self.s / (1 - self.beta2**t)
        return -lr * m_hat / (np.sqrt(s_hat) + self.eps)
