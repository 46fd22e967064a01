"""The script of misbehaviour: which requests a fault meets."""

import pytest

from cloudplatform_async.sandbox.serving.faults import Faults


def drawn(faults: Faults, count: int, method: str = "GET", path: str = "/v1/projects") -> list[str | None]:
    """The kinds of fault that so many requests meet."""
    faults_met = [faults.draw(method, path) for _ in range(count)]
    return [fault.kind if fault else None for fault in faults_met]


def test_a_script_is_played_in_its_order() -> None:
    """A request meets the first fault that is left, and only that one."""
    faults = Faults()
    faults.add(status=503, times=2)
    faults.add(kind="reset", times=1)
    assert drawn(faults, 4) == ["status", "status", "reset", None]


def test_a_fault_without_a_count_does_not_end_until_it_is_cleared() -> None:
    """`clear` takes back the whole script."""
    faults = Faults()
    faults.add(kind="hang")
    assert drawn(faults, 50) == ["hang"] * 50
    faults.clear()
    assert drawn(faults, 1) == [None]


@pytest.mark.parametrize(
    ("method", "path", "met"),
    [
        ("GET", "/v1/projects", True),
        ("POST", "/v1/projects", False),
        ("GET", "/v1/projects/prj_1", False),
        ("GET", "/v1/usage", False),
    ],
)
def test_a_fault_is_for_its_method_and_path(method: str, path: str, met: bool) -> None:
    """Both must be those of the request; others do not use it up."""
    faults = Faults()
    fault = faults.add(status=500, times=1, method="GET", path="/v1/projects")
    assert (faults.draw(method, path) is fault) == met
    assert (faults.draw("GET", "/v1/projects") is fault) != met


def test_a_path_may_be_a_pattern() -> None:
    """A shell pattern."""
    faults = Faults()
    faults.add(status=500, path="/v1/projects/*")
    assert drawn(faults, 1, path="/v1/projects/prj_1") == ["status"]
    assert drawn(faults, 1, path="/v1/projects") == [None]


def test_a_probability_meets_its_share_and_the_same_requests_each_time() -> None:
    """The dice are seeded."""
    runs = []
    for seed in (1, 1, 2):
        faults = Faults()
        faults.add(kind="lost_answer", probability=0.2, seed=seed)
        runs.append(drawn(faults, 1000))
    assert runs[0] == runs[1] != runs[2]
    assert all(150 < run.count("lost_answer") < 250 for run in runs)


@pytest.mark.parametrize(
    ("options", "kind"),
    [({"status": 500}, "status"), ({"delay": 1.0}, "delay"), ({"kind": "hang", "delay": 1.0}, "hang")],
)
def test_the_kind_may_be_left_out(options: dict[str, object], kind: str) -> None:
    """Where the other arguments say it."""
    assert Faults().add(**options).kind == kind


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"kind": "explode"},
        {"kind": "reset", "status": 500},
        {"status": 99},
        {"status": 600},
        {"kind": "delay", "delay": -1},
        {"kind": "reset", "times": -1},
        {"kind": "reset", "probability": 1.1},
        {"kind": "cut", "size": -1},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(options: dict[str, object]) -> None:
    """`ValueError`, and the script stays as it is."""
    faults = Faults()
    with pytest.raises(ValueError, match=r"kind|status|delay|size|times|probability"):
        faults.add(**options)
    assert drawn(faults, 1) == [None]
