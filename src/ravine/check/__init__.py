"""A few active measurements on somebody's live model, before or beside a long training.

Calling the room does them: `print(ravine.check(model, loss, data))`.
"""

from ravine.core.verbs import make_callable

make_callable(__name__, "ravine.check.check:check")
