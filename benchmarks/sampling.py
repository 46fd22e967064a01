"""Samples whose code the CPU is in: the file of the running frame, once every half millisecond of CPU."""

import signal
import sysconfig
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_INTERVAL = 0.0005  # seconds of CPU
_STDLIB = sysconfig.get_path("stdlib")


@contextmanager
def sampled() -> Iterator[Counter[str]]:
    """Count samples by layer; work in C counts for the Python function that called it."""
    samples: Counter[str] = Counter()

    def note(_: int, frame: FrameType | None) -> None:
        if frame is not None:
            samples[layer_of(frame.f_code.co_filename)] += 1

    before = signal.signal(signal.SIGPROF, note)
    signal.setitimer(signal.ITIMER_PROF, _INTERVAL, _INTERVAL)
    try:
        yield samples
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def layer_of(filename: str) -> str:
    """Name the layer of a source file: ours by floor, others by package.

    Example:
        >>> layer_of("/venv/lib/python3.11/site-packages/h11/_util.py")
        'h11'
    """
    filename = filename.removeprefix("<attrs generated methods ")
    path = Path(filename)
    if "cloudplatform_async" in filename:
        _, _, below = filename.partition("cloudplatform_async")
        return f"ours: {(below.replace('.', '/').strip('/').split('/')[0])}"
    if "site-packages" in path.parts:
        return path.parts[path.parts.index("site-packages") + 1].removesuffix(".py")
    if path.is_relative_to(_STDLIB):
        return "asyncio" if "asyncio" in path.parts else "standard library"
    return "benchmark" if path.is_absolute() else "standard library"
