"""Runs that begin with a pretrained network."""
