"""What is wrong with a training, from its records alone."""
