"""Slow twins of SGD, momentum and Nesterov: NumPy float64, from the textbooks.

A twin's `step(t, g, p, lr)` returns what the textbook adds to the parameter.
"""

from __future__ import annotations


class Sgd:
    rule = "sgd"

    def step(self, t, g, p, lr):
        return -lr * g


class Momentum:
    """v ← ρv + g, x ← x − αv; or, with the rate inside, the heavy ball x ← x − αg + ρ(xₜ − xₜ₋₁)."""

    rule = "momentum"

    def __init__(self, momentum=0.9, dampening=0.0, lr_in_velocity=False):
        self.rho, self.tau, self.inside = momentum, dampening, lr_in_velocity
        self.v = 0.0
        self.moved = 0.0

    def step(self, t, g, p, lr):
        damped = g if t == 1 else (1 - self.tau) * g
        if self.inside:
            self.moved = -lr * damped + self.rho * self.moved
            return self.moved
        self.v = self.rho * self.v + damped
        return -lr * self.v


class VelocityWithRate:
    """v ← ρv − αg, x ← x + v: the second textbook form, for the test that it is the heavy ball."""

    def __init__(self, rho):
        self.rho = rho
        self.v = 0.0

    def step(self, t, g, p, lr):
        self.v = self.rho * self.v - lr * g
        return self.v


class Nesterov:
    """In the variable x̃ = x + ρv, at which the gradient is taken.

    With the rate in the velocity: v' = ρv − αg, x̃' = x̃ + v' + ρ(v' − v). With the rate outside:
    w' = ρw + g, x̃' = x̃ − α(g + ρw').
    """

    rule = "nesterov"

    def __init__(self, momentum=0.9, lr_in_velocity=False):
        self.rho, self.inside = momentum, lr_in_velocity
        self.v = 0.0

    def step(self, t, g, p, lr):
        before = self.v
        if self.inside:
            self.v = self.rho * before - lr * g
            return self.v + self.rho * (self.v - before)
        self.v = self.rho * before + g
        return -lr * (g + self.rho * self.v)


class NesterovLookingAhead:
    """v ← ρv − α∇f(x + ρv), x ← x + v: the form that asks for the gradient elsewhere."""

    def __init__(self, rho, gradient):
        self.rho, self.gradient = rho, gradient
        self.v = 0.0

    def step(self, x, lr):
        self.v = self.rho * self.v - lr * self.gradient(x + self.rho * self.v)
        return x + self.v

    def looks_at(self, x):
        return x + self.rho * self.v
