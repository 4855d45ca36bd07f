"""From a name, a file or a folder to batches: sources, audit, split, preparation."""
