"""Acts at one of the moments in which something that is awaited is suspended."""

from collections.abc import Awaitable, Callable, Generator
from typing import Any


class AtStop(Generator[Any, Any, None]):
    """Awaits something, and acts when it is suspended for the n-th time.

    Args:
        awaited: What is awaited.
        act: What happens then.
        number: Which suspension, from 1 up.
    """

    def __init__(self, awaited: Awaitable[None], act: Callable[[], object] = int, number: int = 0) -> None:
        self.stops = 0
        self._steps: Any = awaited.__await__()
        self._act = act
        self._number = number

    def __await__(self) -> Generator[Any, Any, None]:
        return self

    def send(self, value: object) -> Any:
        """Go on to the next suspension."""
        return self._stopped(self._steps.send(value))

    def throw(self, *error: Any) -> Any:
        """Go on with an error."""
        return self._stopped(self._steps.throw(*error))

    def _stopped(self, signal: object) -> object:
        self.stops += 1
        if self.stops == self._number:
            self._act()
        return signal
