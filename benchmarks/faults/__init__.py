"""The fault benchmark: small real trainings with faults planted in them, and how well the doctor names them."""
