"""The main job: from a source of data to a good network, a record and a report.

Calling the room does the job: `run = ravine.fit("digits")`.
"""

from ravine.core.verbs import make_callable

make_callable(__name__, "ravine.fit.fit:fit")
