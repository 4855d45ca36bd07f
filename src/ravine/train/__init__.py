"""The training itself: recipe, loop, checkpoints, and what runs fastest here."""
