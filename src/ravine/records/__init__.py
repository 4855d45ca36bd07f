"""What a run leaves on disk, and the tables everything reads it through. No torch here."""
