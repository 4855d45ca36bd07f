"""What all tests share."""

from hypothesis import settings

# Time limits on single examples measure how busy the machine is, not the code.
settings.register_profile("ravine", deadline=None)
settings.load_profile("ravine")
