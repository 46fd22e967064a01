"""The machine below: which core a process runs on, what a host takes of it, how many sockets it may hold."""

import os
import platform
import resource
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SERVER, CLIENT = 0, 1
"""Positions among the cores that this run may use."""

_TIMES, _STEAL = Path("/proc/stat"), 8  # proc(5): the eighth number of a core's line


def cores() -> list[int]:
    """List the cores that this process may use; empty where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin(role: int) -> bool:
    """Keep this process on the core of its role, where there are two, and tell whether there are."""
    there_are_two = len(allowed := cores()) > max(SERVER, CLIENT)
    if there_are_two:
        os.sched_setaffinity(0, {allowed[role]})
    return there_are_two


class Watch:
    """Watches, from when it is made, what the host of a virtual machine takes of the cores of this run."""

    def __init__(self) -> None:
        self._began, self._stolen = time.perf_counter(), _stolen()

    @property
    def stolen(self) -> float:
        """Share of the cores' time that the host gave to others, 0 to 1; 0 where the system does not tell."""
        seconds = (time.perf_counter() - self._began) * (len(cores()) or 1)
        return (_stolen() - self._stolen) / seconds


def _stolen() -> float:
    """Seconds of CPU that these cores have lost so far: ``steal`` in Linux's ``/proc/stat``."""
    if not _TIMES.exists():
        return 0.0
    wanted = {f"cpu{core}" for core in cores()}
    lines = [line.split() for line in _TIMES.read_text(encoding="ascii").splitlines()]
    return sum(int(line[_STEAL]) for line in lines if line[0] in wanted) / os.sysconf("SC_CLK_TCK")


def allow_many_sockets() -> None:
    """Lift the soft limit of open files to the hard one: some clients open a socket for each call."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def versions(distributions: Iterable[str]) -> dict[str, str]:
    """Look up the installed ones of these distributions."""
    found = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def describe() -> dict[str, object]:
    """Describe what a run ran on."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(cores()) or os.cpu_count(),
        "pinned": len(cores()) > max(SERVER, CLIENT),
        "load": round(os.getloadavg()[0], 2),
    }
