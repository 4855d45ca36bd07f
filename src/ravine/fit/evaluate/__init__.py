"""What a finished network does on rows it never saw, one part a file; `evaluate.py` puts them together."""
