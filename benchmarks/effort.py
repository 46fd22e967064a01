"""How much a run of the benchmarks does."""

from attrs import frozen


@frozen(kw_only=True)
class Effort:
    """How much a run does.

    Attributes:
        rounds: Of every measure but memory and layers; of imports three times as many.
        seconds: Of one measure of rows, at least.
        passes: Of a round of gets: from the fewest in flight to the most, and back.
        slice: Seconds of one measure of gets.
        turn: Seconds of one measure of gets for each that is in flight, at least: in a short one of 1,000
            most tasks would make their first get or their last.
        in_flight: Calls under way at the same time.
        burst: Gets at once.
        latency: Of the server in a burst, in seconds.
        limit: Seconds after which a burst is given up.
        row_count: Rows of one walk for the rate.
        walk: Pages to read at leisure from the slow server.
        sprint: Pages to read from it as fast as they come.
        ahead: Pages to fetch ahead then.
        memory_rows: Rows to walk through for the memory.
        tries: How often a measurement is taken at most, while the host of a virtual machine disturbs it.
        stolen: Share of the cores' time, 0 to 1, that the host may take meanwhile.
    """

    rounds: int = 6
    seconds: float = 0.5
    passes: int = 3
    slice: float = 0.25
    turn: float = 0.0015
    in_flight: tuple[int, ...] = (1, 16, 64, 256, 1000)
    burst: int = 2000
    latency: float = 0.05
    limit: float = 60.0
    row_count: int = 20_000
    walk: int = 20
    sprint: int = 64
    ahead: int = 8
    memory_rows: int = 100_000
    tries: int = 5
    stolen: float = 0.02


SMOKE = Effort(
    rounds=1,
    seconds=0.1,
    passes=1,
    slice=0.1,
    in_flight=(1, 64),
    burst=100,
    limit=10.0,
    row_count=1000,
    walk=2,
    sprint=8,
    memory_rows=2000,
    tries=1,
    stolen=1.0,
)
"""Enough to show that everything runs."""
