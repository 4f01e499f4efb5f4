"""Python's garbage collector, kept from walking again and again over all that a build has made."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_rest() -> Iterator[None]:
    """Make much that stays: a build makes millions of small objects and hardly a cycle among them.

    The collector's walks over all of them would be a quarter of its time. Afterwards it is as it
    was before, whatever happens, and passes over what is there until `gather`.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def gather() -> None:
    """Free what the builds before this one have left; pass over the rest again."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
