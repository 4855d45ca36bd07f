"""Slow twin of SWATS: NumPy float64, from Algorithm 1 of Keskar & Socher 2017."""

from __future__ import annotations

import numpy as np


class Swats:
    """One call of `step` is one turn of the algorithm's loop; lines keep its letters."""

    def __init__(self, w, alpha=1e-3, beta1=0.9, beta2=0.999, eps=1e-9, tolerance=1e-9):
        self.w = np.array(w, dtype=np.float64)
        self.alpha, self.beta1, self.beta2, self.eps, self.tolerance = alpha, beta1, beta2, eps, tolerance
        self.k = 0
        self.phase = "Adam"
        self.m = np.zeros_like(self.w)
        self.a = np.zeros_like(self.w)
        self.lam = 0.0
        self.switched_at = None

    def step(self, g, decay=1.0):
        """`decay` is what a schedule makes of the rate, in both phases."""
        self.k += 1
        k, b1, b2 = self.k, self.beta1, self.beta2
        if self.phase == "SGD":
            self.v = b1 * self.v + g
            self.w = self.w - decay * (1 - b1) * self.big_lambda * self.v
            return
        self.m = b1 * self.m + (1 - b1) * g
        self.a = b2 * self.a + (1 - b2) * g**2
        p = -decay * self.alpha * np.sqrt(1 - b2**k) / (1 - b1**k) * self.m / (np.sqrt(self.a) + self.eps)
        self.w = self.w + p
        if p @ g != 0:
            gamma = (p @ p) / (-(p @ g))
            self.lam = b2 * self.lam + (1 - b2) * gamma
            mean = self.lam / (1 - b2**k)
            if k > 1 and abs(mean - gamma) < self.tolerance:
                self.phase = "SGD"
                self.v = np.zeros_like(self.w)
                self.big_lambda = mean
                self.switched_at = k
