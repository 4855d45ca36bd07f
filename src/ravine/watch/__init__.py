"""Watching any PyTorch program: what it does, step by step, written down and judged, its numbers unchanged.

Calling the room begins to watch: `ravine.watch()` before the training, or `with ravine.watch(model, optimizer) as w:`
around it; from the command line, `ravine watch train.py`.
"""

from ravine.core.verbs import make_callable

make_callable(__name__, "ravine.watch.watcher:watch")
