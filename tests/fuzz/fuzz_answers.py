"""Feeds the client random bad answers for as long as you like.

``python -m tests.fuzz.fuzz_answers --seconds 3600``. With atheris installed the bytes are guided by
coverage, and its own flags apply (``-max_total_time=3600``); without it they are drawn at random, and
a fault names the seed that shows it again.
"""

import argparse
import sys
import time
from collections import Counter
from random import Random

import anyio

from cloudplatform_async import CloudPlatformError
from tests.security.judge import is_right, one_round
from tests.security.transports import Answer, Hostile, client_of


def fuzz_with_atheris() -> None:
    """Let coverage choose the status and the body."""
    import atheris

    async def one_answer(data: bytes) -> None:
        source = atheris.FuzzedDataProvider(data)
        status = source.ConsumeIntInRange(100, 599)
        body = source.ConsumeBytes(sys.maxsize)
        async with client_of(Hostile(Answer(status, [], [body]))) as client:
            try:
                value = (await client.projects.list()).items
            except CloudPlatformError:
                return
        assert is_right(value), value

    atheris.instrument_all()
    atheris.Setup(sys.argv, lambda data: anyio.run(one_answer, data))
    atheris.Fuzz()


async def fuzz_at_random(seconds: float, seed: int) -> None:
    """Draw answers until the time is up, and count what came out of them."""
    met: Counter[str] = Counter()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            met[await one_round(Random(seed))] += 1
        except BaseException:
            print(f"seed {seed} shows a fault:")
            raise
        seed += 1
    print(f"{met.total()} answers, no fault: {dict(met.most_common())}")


def main() -> None:
    """Choose the way by what is installed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--random", action="store_true", help="draw at random even where atheris is installed"
    )
    options, _ = parser.parse_known_args()
    try:
        import atheris  # noqa: F401 - only asked whether it is there
    except ImportError:
        options.random = True
    if options.random:
        anyio.run(fuzz_at_random, options.seconds, options.seed)
    else:
        fuzz_with_atheris()


if __name__ == "__main__":
    main()
