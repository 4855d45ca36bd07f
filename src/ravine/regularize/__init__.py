"""Techniques that keep a network from learning its training set by heart, one a file."""
