"""Loading the program without looking for garbage meanwhile: nearly all objects that importing makes stay for good.

Looking among them takes a seventh of a start. Never here: what is loaded.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Collect no garbage within, and never look at what was made within again; afterwards it is collected as it was before."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
