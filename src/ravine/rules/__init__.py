"""Update rules, one a file, pure. The list below is the only list."""
