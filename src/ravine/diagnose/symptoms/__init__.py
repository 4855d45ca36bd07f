"""Symptoms, one a file, each named so that it reads after "this run …"."""
