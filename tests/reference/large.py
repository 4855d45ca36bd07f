"""Slow twins of what practitioners use today: NumPy float64, from the papers."""

from __future__ import annotations

import numpy as np


class Lion:
    rule = "lion"

    def __init__(self, beta1=0.9, beta2=0.99):
        self.beta1, self.beta2 = beta1, beta2
        self.m = 0.0

    def step(self, t, g, p, lr):
        c = self.beta1 * self.m + (1 - self.beta1) * g
        self.m = self.beta2 * self.m + (1 - self.beta2) * g
        return -lr * np.sign(c)


class Lamb:
    rule = "lamb"

    def __init__(self, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=1e-2):
        self.beta1, self.beta2, self.eps, self.decay = beta1, beta2, eps, weight_decay
        self.m, self.v = 0.0, 0.0

    def step(self, t, g, p, lr):
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        self.v = self.beta2 * self.v + (1 - self.beta2) * g**2
        ratio = self.m / (1 - self.beta1**t) / (np.sqrt(self.v / (1 - self.beta2**t)) + self.eps)
        wanted = ratio + self.decay * p
        weight_norm, wanted_norm = np.sqrt(np.sum(p**2)), np.sqrt(np.sum(wanted**2))
        trust = weight_norm / wanted_norm if weight_norm > 0 and wanted_norm > 0 else 1.0
        return -lr * trust * wanted


class Muon:
    """Newton–Schulz acts on the singular values alone, so the twin iterates on those of an SVD.

    Matrices of shape (…, rows, columns).
    """

    rule = "muon"

    def __init__(self, momentum=0.95, eps=1e-7, nesterov=True, ns_steps=5, adjust_lr_fn="original", mode="paper"):
        self.rho, self.eps, self.nesterov, self.steps = momentum, eps, nesterov, ns_steps
        self.adjust = adjust_lr_fn
        self.v = 0.0

    def step(self, t, g, p, lr):
        self.v = self.rho * self.v + g
        d = g + self.rho * self.v if self.nesterov else self.v
        u, sigma, vt = np.linalg.svd(d, full_matrices=False)
        sigma = sigma / np.maximum(np.sqrt(np.sum(d**2, axis=(-2, -1))), self.eps)[..., None]
        for _ in range(self.steps):
            sigma = 3.4445 * sigma - 4.7750 * sigma**3 + 2.0315 * sigma**5
        rows, columns = g.shape[-2:]
        factor = np.sqrt(max(1, rows / columns))
        if self.adjust == "match_rms_adamw":
            factor = 0.2 * np.sqrt(max(rows, columns))
        return -lr * factor * (u * sigma[..., None, :]) @ vt


class ScheduleFreeSGD:
    """Three sequences, all kept: z, x and y."""

    rule = "schedule_free_sgd"

    def __init__(self, momentum=0.9, weight_decay=0.0):
        self.beta, self.decay = momentum, weight_decay
        self.x = self.z = None
        self.total, self.top = 0.0, 0.0

    def direction(self, t, g):
        return g

    def step(self, t, g, y, lr):
        if self.z is None:
            self.x, self.z = y, y
        self.top = max(self.top, lr)
        self.total += self.top**2
        c = self.top**2 / self.total
        self.z = self.z - lr * (self.direction(t, g) + self.decay * y)
        self.x = (1 - c) * self.x + c * self.z
        return (1 - self.beta) * self.z + self.beta * self.x - y


class ScheduleFreeAdamW(ScheduleFreeSGD):
    rule = "schedule_free_adamw"

    def __init__(self, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
        super().__init__(beta1, weight_decay)
        self.beta2, self.eps = beta2, eps
        self.v = 0.0

    def direction(self, t, g):
        self.v = self.beta2 * self.v + (1 - self.beta2) * g**2
        return g / (np.sqrt(self.v / (1 - self.beta2**t)) + self.eps)


class Lookahead:
    """Fast weights by `inner`, a list of displacements; slow weights every k steps."""

    rule = "lookahead"

    def __init__(self, alpha=0.5, k=5):
        self.alpha, self.k = alpha, k

    def path(self, p, displacements):
        slow, fast = p, p
        for t, moved in enumerate(displacements, start=1):
            fast = fast + moved
            if t % self.k == 0:
                slow = slow + self.alpha * (fast - slow)
                fast = slow
            yield fast


class Sam:
    rule = "sam"

    def __init__(self, rho=0.05, adaptive=False):
        self.rho, self.adaptive = rho, adaptive

    def climbs(self, gradients, parameters):
        """The perturbation of each tensor, from the gradients and parameters of all."""
        weights = [np.abs(p) if self.adaptive else np.ones_like(p) for p in parameters]
        length = np.sqrt(sum(np.sum((w * g) ** 2) for w, g in zip(weights, gradients, strict=True)))
        return [self.rho * w**2 * g / length for w, g in zip(weights, gradients, strict=True)]
