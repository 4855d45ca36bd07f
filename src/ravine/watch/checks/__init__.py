"""Checks on what a program does: each sees one kind of fault exactly, by the order of calls, by shapes or by values."""
