"""Examples are many and small; how long one of them takes on a busy machine proves nothing."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
