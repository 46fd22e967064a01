"""Scripted misbehaviour: which request it meets, and how often. What then happens is in `misbehaviour`."""

from collections.abc import Mapping
from copy import copy
from fnmatch import fnmatchcase
from random import Random
from secrets import token_hex
from threading import Lock
from typing import Literal, TypeAlias, get_args

from attrs import define, field, frozen

Kind: TypeAlias = Literal["status", "delay", "reset", "lost_answer", "cut", "drip", "hang"]


@frozen(kw_only=True)
class Fault:
    """One way to misbehave.

    Attributes:
        kind: What happens.
            `status`: `status` is answered, nothing is done.
            `delay`: the work takes `delay` seconds longer; a client that leaves meanwhile does not stop it.
            `reset`: the connection is reset (TCP RST) and nothing is done.
            `lost_answer`: the work is done, then the connection is reset instead of an answer.
            `cut`: the connection is closed after `size` bytes of the answer's body (by default half of it).
            `drip`: the body comes in pieces of `size` bytes (by default 16), `delay` seconds before each.
            `hang`: nothing is done and nothing is answered, until the client leaves.
        status: The status of the kind `status`.
        headers: Its further headers.
        body: Its body; by default an error envelope with the code `scripted_fault` from 400 on, else none.
        delay: Seconds; within the work where there is work, else before what happens.
        size: Bytes.
        method: The method it is for; None: each.
        path: The path it is for, without the query, as a shell pattern (`/v1/projects/*`); None: each.
        id: Tells it from the others.

    Example:
        >>> Fault(kind="status", status=503, path="/v1/usage").matches("GET", "/v1/usage")
        True
    """

    kind: Kind
    status: int = 500
    headers: Mapping[str, str] = field(factory=dict[str, str])
    body: bytes | None = None
    delay: float = 0.0
    size: int | None = None
    method: str | None = None
    path: str | None = None
    id: str = field(factory=lambda: f"flt_{token_hex(6)}", eq=False)

    def matches(self, method: str, path: str) -> bool:
        """Whether it is for this request."""
        return self.method in (None, method) and (self.path is None or fnmatchcase(path, self.path))


@define
class ScriptedFault:
    """A fault in the script.

    Attributes:
        fault: What happens, and to which requests.
        times: How many more requests it meets; None: no end.
        probability: With which it meets a request that it is for.
        met: How many requests it has met.
    """

    fault: Fault
    times: int | None
    probability: float
    met: int = 0
    _dice: Random = field(factory=Random, alias="dice", repr=False)

    def strikes(self, method: str, path: str) -> bool:
        """Whether it meets this request, counted as met."""
        if self.times == 0 or not self.fault.matches(method, path) or self._dice.random() >= self.probability:
            return False
        if self.times is not None:
            self.times -= 1
        self.met += 1
        return True


@define
class Faults:
    """The script: faults in the order they were added. A request meets the first one that strikes.

    Example:
        >>> faults = Faults()
        >>> fault = faults.add(kind="lost_answer", path="/v1/projects", times=1)
        >>> fault.kind
        'lost_answer'
    """

    _script: list[ScriptedFault] = field(factory=list[ScriptedFault], init=False)
    _lock: Lock = field(factory=Lock, init=False, repr=False)

    def add(
        self,
        *,
        kind: Kind | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        delay: float = 0.0,
        size: int | None = None,
        method: str | None = None,
        path: str | None = None,
        times: int | None = None,
        probability: float = 1.0,
        seed: int = 0,
    ) -> Fault:
        """Script a fault.

        Args:
            kind: See `Fault`; may be left out where a `status`, or else a `delay`, says it.
            status: See `Fault`; 200 to 599.
            headers: See `Fault`.
            body: See `Fault`.
            delay: See `Fault`; seconds, at least 0.
            size: See `Fault`; bytes.
            method: See `Fault`.
            path: See `Fault`.
            times: How many requests it meets at most; None: no end.
            probability: With which it meets a request that it is for, 0 to 1.
            seed: Of the dice for `probability`: the same seed meets the same requests.

        Raises:
            ValueError: For an unknown kind, a `status` of another kind, or a number outside its range.

        >>> _ = Faults().add(status=503, times=3, method="GET", path="/v1/projects")
        >>> _ = Faults().add(kind="lost_answer", probability=0.2, seed=1)
        """
        chosen = kind or _implied_kind(status, delay)
        _check_kind(chosen, status)
        _check_numbers(delay, size, times, probability)
        fault = Fault(
            kind=chosen,
            status=status or 500,
            headers=headers or {},
            body=body,
            delay=delay,
            size=size,
            method=method,
            path=path,
        )
        # Dice for a script that repeats, not for secrets.
        scripted = ScriptedFault(fault, times, probability, dice=Random(seed))  # noqa: S311 - not for secrets
        with self._lock:
            self._script.append(scripted)
        return fault

    def script(self) -> list[ScriptedFault]:
        """The script as it is, spent faults included."""
        with self._lock:
            return [copy(entry) for entry in self._script]

    def remove(self, fault: Fault) -> None:
        """Take back one fault; one that is not in the script changes nothing."""
        with self._lock:
            self._script = [entry for entry in self._script if entry.fault.id != fault.id]

    def clear(self) -> None:
        """Take back the whole script."""
        with self._lock:
            self._script.clear()

    def draw(self, method: str, path: str) -> Fault | None:
        """The fault that meets this request, counted as used; None for none."""
        if not self._script:
            return None
        with self._lock:
            return next((entry.fault for entry in self._script if entry.strikes(method, path)), None)


def _implied_kind(status: int | None, delay: float) -> Kind:
    if status is not None:
        return "status"
    if delay:
        return "delay"
    raise ValueError("A fault needs a kind, a status or a delay.")


def _check_kind(kind: str, status: int | None) -> None:
    if kind not in get_args(Kind):
        raise ValueError(f"{kind!r} is not a kind of fault: {', '.join(get_args(Kind))}.")
    if status is not None and (kind != "status" or not 200 <= status <= 599):
        raise ValueError("status is for the kind 'status', and from 200 to 599.")


def _check_numbers(delay: float, size: int | None, times: int | None, probability: float) -> None:
    for name, number in (("delay", delay), ("size", size), ("times", times)):
        if number is not None and number < 0:
            raise ValueError(f"{name} must not be negative.")
    if not 0 <= probability <= 1:
        raise ValueError("probability must be from 0 to 1.")
