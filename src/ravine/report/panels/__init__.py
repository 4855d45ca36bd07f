"""The parts of the report, one a file: a section of the results in, a piece of the page out."""
