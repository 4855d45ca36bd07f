"""Learning-rate schedules, one a file: frozen, callable, step → factor of the base rate."""
