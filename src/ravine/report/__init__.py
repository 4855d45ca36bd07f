"""From records to a page; no torch here."""
