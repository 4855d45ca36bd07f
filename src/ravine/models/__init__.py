"""Small, seeded networks with documented shapes, sized to the data."""
