"""The bill of materials that a wheel carries says what the package is and needs."""

import json
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BILL = json.loads((ROOT / ".sbom/cloudplatform-async.cdx.json").read_text("utf-8"))


def test_it_names_this_package_and_version() -> None:
    """Who scans a wheel learns which release it is."""
    described = BILL["metadata"]["component"]
    assert (described["name"], described["version"]) == (PROJECT["name"], PROJECT["version"])


def test_it_lists_each_dependency_with_the_versions_allowed() -> None:
    """Nothing that an installation brings is missing; `python docs/scripts/sbom.py` writes it anew."""
    listed = {each["name"]: each["properties"][0]["value"] for each in BILL["components"]}
    wanted = {Requirement(text).name: str(Requirement(text)) for text in PROJECT["dependencies"]}
    assert listed == wanted


@pytest.mark.parametrize("word", ["timestamp", "simple/"])
def test_it_holds_nothing_of_the_moment_or_the_machine(word: str) -> None:
    """Two builds of one source are the same to the byte."""
    assert word not in json.dumps(BILL)
