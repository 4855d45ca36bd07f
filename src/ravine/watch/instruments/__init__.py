"""What is observed, one instrument a file; `ravine.watch.catalogue` lists them."""
