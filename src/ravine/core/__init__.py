"""The ground floor: what every room may lean on, and nothing that needs torch."""
