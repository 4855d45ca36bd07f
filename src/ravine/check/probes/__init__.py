"""One probe a file; `ravine.check.catalogue` lists them."""
