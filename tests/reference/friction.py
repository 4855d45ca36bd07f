"""Slow twins of diffGrad, AngularGrad and AdaInject: NumPy float64, from the papers and published code."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np


def _neighbour(name):
    spec = importlib.util.spec_from_file_location(f"reference_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Moments = _neighbour("adam").Moments
rectified_step = _neighbour("belief").rectified_step


def abs_sig(x):
    return 1 / (1 + np.exp(-np.abs(x)))


class DiffGrad:
    rule = "diffgrad"

    def __init__(self, beta1=0.9, beta2=0.999, eps=1e-8, mode="paper"):
        self.moments, self.eps, self.mode = Moments(beta1, beta2), eps, mode
        self.previous = 0.0

    def step(self, t, g, p, lr):
        self.moments.take(t, g)
        friction = abs_sig(self.previous - g)
        self.previous = g
        if self.mode == "reference":
            return -friction * self.moments.epsilon_hat(lr, self.eps)
        return -friction * self.moments.epsilon_after(lr, self.eps)


class AngularGrad:
    rule = "angulargrad"

    def __init__(self, beta1=0.9, beta2=0.999, eps=1e-8, kind="cos", mode="paper"):
        self.moments, self.eps, self.kind, self.mode = Moments(beta1, beta2), eps, kind, mode
        self.previous = 0.0
        self.angle = None
        self.kept = None

    def step(self, t, g, p, lr):
        self.moments.take(t, g)
        if self.angle is None:
            self.angle = np.full_like(g, 0.0 if self.mode == "reference" else np.pi / 2)
            self.kept = np.zeros_like(g)
        with np.errstate(divide="ignore"):
            angle = np.arctan(np.abs((g - self.previous) / (1 + g * self.previous)))
        self.previous = g
        of = np.cos if self.kind == "cos" else np.tan
        if self.mode == "reference":
            self.reference(angle, of)
            return -(np.tanh(np.abs(self.kept)) / 2 + 0.5) * self.moments.epsilon_hat(lr, self.eps)
        smallest = np.minimum(self.angle, angle)
        self.angle = angle
        phi = np.tanh(np.abs(of(smallest))) / 2 + 0.5
        return -phi * self.moments.epsilon_after(lr, self.eps)

    def reference(self, angle, of):
        """Count how many angles grew and how many did not; a minority of grown ones replaces all."""
        values, counts = np.unique(angle > self.angle, return_counts=True)
        minority = len(values) == 2 and counts[1] < counts[0]
        if minority or (self.kind == "cos" and list(values) == [False]):
            self.angle, self.kept = angle, of(angle)


class AdaInject:
    rule = "adainject"

    def __init__(self, beta1=0.9, beta2=0.999, eps=1e-8, k=2.0, base="adam", mode="paper"):
        self.beta1, self.beta2, self.eps, self.k = beta1, beta2, eps, k
        self.base, self.mode = base, mode
        self.m, self.v = 0.0, 0.0
        self.previous_p, self.previous_g = None, 0.0

    def step(self, t, g, p, lr):
        start = 3 if self.base == "radam" and self.mode == "reference" else 2
        injected = g
        if t >= start:
            delta = self.previous_p - p
            injected = (g + delta * g**2) / self.k
        self.m = self.beta1 * self.m + (1 - self.beta1) * injected
        square = (g - self.m) ** 2 if self.base == "adabelief" else g**2
        self.v = self.beta2 * self.v + (1 - self.beta2) * square
        if self.base == "adabelief":
            self.v = self.v + self.eps
        friction = abs_sig(self.previous_g - g) if self.base == "diffgrad" else 1.0
        self.previous_p, self.previous_g = p, g
        if self.base == "radam":
            above = (lambda r: r >= 5) if self.mode == "reference" else (lambda r: r > 5)
            return rectified_step(t, self.m, self.v, self.beta1, self.beta2, self.eps, lr, above, otherwise_moves=True)
        c1, c2 = 1 - self.beta1**t, 1 - self.beta2**t
        if self.mode == "reference" and self.base != "adabelief":
            return -lr * np.sqrt(c2) / c1 * friction * self.m / (np.sqrt(self.v) + self.eps)
        return -lr * friction * (self.m / c1) / (np.sqrt(self.v / c2) + self.eps)
