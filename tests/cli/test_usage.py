"""``cloudplatform usage``: sums, days, and their pictures."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudplatform_async.sandbox import Sandbox

Run = Callable[..., tuple[int, str, str]]
MARCH = ["usage", "show", "--from", "2026-03-01", "--to", "2026-03-05"]


def test_a_span_is_one_row(run: Run, sandbox: Sandbox) -> None:
    """Its sum, with one request."""
    code, out, err = run(*MARCH, "-o", "json")
    assert (code, err, sandbox.served) == (0, "", 1)
    assert [(row["from"], row["to"]) for row in json.loads(out)] == [("2026-03-01", "2026-03-05")]


def test_each_day_is_a_row(run: Run, sandbox: Sandbox) -> None:
    """In order."""
    code, out, _ = run(*MARCH, "--daily", "-o", "csv", "--columns", "from")
    assert (code, out.split()) == (0, ["from", *(f"2026-03-0{day}" for day in range(1, 6))])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_chart_is_a_picture_of_its_kind(run: Run, sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    """With nothing beside it that is half written."""
    chart = tmp_path / "pictures" / f"usage.{kind}"
    chart.parent.mkdir()
    code, _, err = run(*MARCH, "--chart", str(chart))
    assert (code, err) == (0, "")
    assert {"png": b"\x89PNG", "svg": b"<svg"}[kind] in chart.read_bytes()
    assert [path.name for path in chart.parent.iterdir()] == [chart.name]


def test_another_kind_of_picture_is_refused_before_anything_is_sent(run: Run, sandbox: Sandbox) -> None:
    """The line names those that there are."""
    code, _, err = run(*MARCH, "--chart", "usage.gif")
    assert (code, ".png" in err, sandbox.served) == (2, True, 0)


def test_a_chart_without_its_extra_names_it(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is sent."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, err = run(*MARCH, "--chart", "usage.svg")
    assert (code, "cloudplatform-async[charts]" in err, sandbox.served) == (2, True, 0)


@pytest.mark.slow
def test_a_chart_that_cannot_be_written_is_one_line(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    """And nothing of it is left."""
    code, _, err = run(*MARCH, "--chart", str(tmp_path / "nowhere" / "usage.svg"))
    assert (code, err.count("\n")) == (12, 1)


@pytest.mark.parametrize("day", ["yesterday", "2026-3-1", "2026-03-01T00:00:00Z"])
def test_what_is_no_day_is_refused(run: Run, sandbox: Sandbox, day: str) -> None:
    """The line shows one that would do."""
    code, _, err = run("usage", "show", "--from", day, "--to", "2026-03-05")
    assert (code, "2026-03-01" in err, sandbox.served) == (2, True, 0)


def test_days_the_wrong_way_round_are_refused(run: Run, sandbox: Sandbox) -> None:
    """Nothing is sent."""
    code, _, err = run("usage", "show", "--from", "2026-03-05", "--to", "2026-03-01")
    assert (code, err.count("\n"), sandbox.served) == (2, 1, 0)
