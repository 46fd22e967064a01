"""The project's checks, each in an environment of its own: ``python -m nox -l`` lists them."""

import hashlib
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import nox
from packaging.requirements import Requirement

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
DOCUMENTATION = ["README.md", "docs", "tests/test_documentation.py", "tests/test_reference.py"]
ROOT = Path(__file__).parent
PYPROJECT = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))

nox.needs_version = ">=2024.4.15"
nox.options.sessions = [
    "lint",
    "types",
    "tests",
    "docs",
    "browser",
    "coverage",
    "lowest",
    "httpx2",
    "description",
    "bench",
]
# A Python that is not installed is skipped and named in the summary, on a build server too.
nox.options.error_on_missing_interpreters = False


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on one version of Python."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", "-n", "auto", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Run the tests of the sandbox's page in Chromium; skipped where there is none."""
    session.install("-e", ".[test]", *_group("browser"))
    session.run("python", "-m", "pytest", "tests/browser", *session.posargs)


@nox.session
@nox.parametrize("engine", ["airflow", "dlt", "prefect", "ray"])
def recipes(session: nox.Session, engine: str) -> None:
    """Run the documentation's recipe for one engine, whose packages would not go with the others'."""
    session.install("-e", ".[parquet,sandbox]", "hypothesis", "pytest-asyncio", "sybil", *_group(engine))
    session.run("python", "-m", "pytest", "tests/collect/test_recipes.py", "-k", engine, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install(*_group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("zizmor", "--offline", "--quiet", ".github")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy and pyright, and that every public name has one."""
    session.install("-e", ".[test]", *_group("types"))
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--ignoreexternal", "--verifytypes", "cloudplatform_async")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into ``site/``, strictly; check its links; run every code block."""
    session.install("-e", ".[test]", *_group("docs"))
    session.run("zensical", "build", "--clean", "--strict", "--config-file", "mkdocs.yml")
    session.run("python", "docs/scripts/site.py")
    session.run("python", "-m", "pytest", "-n", "auto", *DOCUMENTATION, *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure the branch coverage of the package by the quick tests; less than 93 % fails."""
    session.install("-e", ".[test]")
    options = ["-m", "not slow", "--cov", "--cov-report=term", "--cov-fail-under=93"]
    session.run("python", "-m", "pytest", "-n", "auto", *options, *session.posargs)


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the quick tests with the oldest direct dependencies that pyproject.toml allows."""
    constraints = Path(session.create_tmp(), "lowest.txt")
    constraints.write_text("\n".join(_lower_bounds()), encoding="utf-8")
    session.install("-e", ".[test]", "--constraint", str(constraints))
    session.run("python", "-m", "pytest", "-n", "auto", "-m", "not slow", *session.posargs)


@nox.session
def description(session: nox.Session) -> None:
    """Let schemathesis look for where the sandbox and its OpenAPI document differ."""
    session.install("-e", ".[sandbox]", *_group("description"))
    session.run("python", "tests/fuzz/fuzz_description.py", *session.posargs)


@nox.session
def release(session: nox.Session) -> None:
    """Build sdist and wheel twice, compare, check and try them; ``-- DIR`` keeps them."""
    session.install(*_group("release"))
    session.run("python", "-W", "ignore", "docs/scripts/sbom.py")
    first, second = (_built(session, name) for name in ("first", "second"))
    for one, other in zip(first, second, strict=True):
        if one.read_bytes() != other.read_bytes():
            session.error(f"{one.name} is not the same in two builds")
        session.log(f"{one.name} {hashlib.sha256(one.read_bytes()).hexdigest()}")
    session.run("twine", "check", "--strict", *map(str, first))
    session.run("towncrier", "build", "--draft", "--version", PYPROJECT["project"]["version"])
    wheel = next(path for path in first if path.suffix == ".whl")
    for python in (f"python{version}" for version in PYTHONS):
        if _runs(python):
            _try_wheel(session, python, wheel)
        else:
            session.warn(f"{python} is not installed: the wheel was not tried on it")
    for folder in session.posargs:
        Path(folder).mkdir(exist_ok=True)
        for path in first:
            shutil.copy(path, folder)


@nox.session
def audit(session: nox.Session) -> None:
    """Look for known vulnerabilities in what the package and its extras install; needs the internet."""
    session.install(*_group("release"))
    session.run("pip-audit", "--progress-spinner", "off", ".")


def _built(session: nox.Session, name: str) -> list[Path]:
    folder = Path(session.create_tmp(), name)
    shutil.rmtree(folder, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(folder), silent=True)
    return sorted(folder.iterdir())


def _runs(python: str) -> bool:
    # A shim of a version manager is found even where no such Python is installed.
    return shutil.which(python) is not None and subprocess.run([python, "-V"], check=False).returncode == 0


def _try_wheel(session: nox.Session, python: str, wheel: Path) -> None:
    environment = Path(session.create_tmp(), python).absolute()
    session.run(python, "-m", "venv", "--clear", str(environment), external=True)
    inside = str(environment / "bin" / "python")
    session.run(inside, "-m", "pip", "install", "--quiet", f"{wheel.absolute()}[sandbox]", external=True)
    smoke = Path("docs/scripts/smoke.py").absolute()
    session.chdir(session.create_tmp())
    session.run(inside, str(smoke), external=True)
    session.chdir(ROOT)


@nox.session
def httpx2(session: nox.Session) -> None:
    """Run the quick tier with httpx's fork in its place, in all of its processes."""
    session.install("-e", ".[test]")
    session.env["PYTHONPATH"] = str(ROOT / "tests" / "on_httpx2")
    check = "import httpx, httpcore; assert (httpx.__name__, httpcore.__name__) == ('httpx2', 'httpcore2')"
    session.run("python", "-c", check)
    chosen = ["-n", "auto", "-m", "not slow and not httpx_alone"]
    session.run("python", "-m", "pytest", *chosen, *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks beside the peers; ``nox -s bench -- --smoke`` only shows that they run."""
    session.install("-e", ".[test]")
    if "--smoke" not in session.posargs:
        session.install(*_group("bench"))
    session.run("python", "benchmarks/run.py", *session.posargs)


def _group(name: str) -> list[str]:
    groups: dict[str, list[str]] = PYPROJECT["dependency-groups"]
    return groups[name]


def _lower_bounds() -> Iterator[str]:
    """Every requirement of a user, pinned to its own lower bound; what only tests need may be newer."""
    project = PYPROJECT["project"]
    extras = (names for extra, names in project["optional-dependencies"].items() if extra != "test")
    for requirement in map(Requirement, chain(project["dependencies"], *extras)):
        for bound in requirement.specifier:
            if bound.operator == ">=":
                yield f"{requirement.name}=={bound.version}"
