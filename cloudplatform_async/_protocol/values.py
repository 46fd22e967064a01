"""Values that type checkers hold frozen: what a call makes several of costs nothing extra at run time."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attrs import frozen as value
else:
    from functools import partial

    from attrs import define

    # attrs sets each field of a truly frozen class through `object.__setattr__`, at four times the cost.
    value = partial(define, unsafe_hash=True)

__all__ = ["value"]
