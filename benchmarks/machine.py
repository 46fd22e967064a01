"""The machine below: which core a process runs on, how many sockets it may hold, what is installed."""

import os
import platform
import resource
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

SERVER, CLIENT = 0, 1
"""Positions among the cores that this run may use."""


def cores() -> list[int]:
    """List the cores that this process may use; empty where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin(role: int) -> bool:
    """Keep this process on the core of its role, where there are two, and tell whether there are."""
    there_are_two = len(allowed := cores()) > max(SERVER, CLIENT)
    if there_are_two:
        os.sched_setaffinity(0, {allowed[role]})
    return there_are_two


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
