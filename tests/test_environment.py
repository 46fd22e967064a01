"""The three ``CLOUD_*`` names: from the environment and a file, never two identities by accident."""

import builtins
from pathlib import Path
from typing import Any

import pytest

from cloudplatform_async.environment import choose_credentials, read_environment
from cloudplatform_async.errors import ConfigurationError

NAMES = ("CLOUD_API_BASE_URL", "CLOUD_API_KEY", "CLOUD_ACCESS_TOKEN")


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without any of the names."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """A file with all three names."""
    path = tmp_path / ".env"
    path.write_text("".join(f"{name}=file-{name[-3:].lower()}\n" for name in NAMES))
    return path


def test_nothing_is_found_where_nothing_is() -> None:
    """Without a file and without a name."""
    assert read_environment(None) == {}


def test_all_three_names_of_a_file_are_found(env_file: Path) -> None:
    """As a path or as a text."""
    expected = dict(zip(NAMES, ("file-url", "file-key", "file-ken"), strict=True))
    assert read_environment(env_file) == read_environment(str(env_file)) == expected


def test_the_environment_goes_before_the_file(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name by name."""
    monkeypatch.setenv("CLOUD_API_KEY", "env-key")
    found = read_environment(env_file)
    assert (found["CLOUD_API_KEY"], found["CLOUD_ACCESS_TOKEN"]) == ("env-key", "file-ken")


@pytest.mark.parametrize("blank", ["", " ", "\t "])
def test_a_blank_name_counts_as_absent(blank: str, env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment and in the file (API contract §2)."""
    monkeypatch.setenv("CLOUD_API_KEY", blank)
    assert read_environment(env_file)["CLOUD_API_KEY"] == "file-key"
    env_file.write_text(f"CLOUD_API_KEY='{blank}'\nCLOUD_ACCESS_TOKEN\n")
    assert read_environment(env_file) == {}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("CLOUD_API_KEY=k", "k"),
        ("export CLOUD_API_KEY=k", "k"),
        ('CLOUD_API_KEY="k"', "k"),
        ("CLOUD_API_KEY=k # comment", "k"),
        ("CLOUD_API_KEY=a${HOME}b", "a${HOME}b"),
        ("CLOUD_API_KEY='$5'", "$5"),
        ("\ufeffCLOUD_API_KEY=k", "k"),
        ("OTHER=x\r\nCLOUD_API_KEY=k\r\n", "k"),
        ("CLOUD_API_KEYS=k", None),
        ("# CLOUD_API_KEY=k", None),
        ("cloud_api_key=k", None),
    ],
)
def test_lines_of_a_file_are_read(line: str, value: str | None, env_file: Path) -> None:
    """As dotenv reads them, without filling in variables; a byte order mark hides no name."""
    env_file.write_text(line, encoding="utf-8", newline="")
    assert read_environment(env_file).get("CLOUD_API_KEY") == value


@pytest.mark.parametrize("make", ["absent", "directory", "binary", "impossible"])
def test_a_file_that_cannot_be_read_is_named(make: str, tmp_path: Path) -> None:
    """A wrong path is never silently no file."""
    path = tmp_path / make
    if make == "directory":
        path.mkdir()
    elif make == "binary":
        path.write_bytes(b"CLOUD_API_KEY=\xff\xfe s3cret")
    elif make == "impossible":
        path = tmp_path / "a\0b"
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        read_environment(path)
    assert "env_file" in caught.value.message
    assert "s3cret" not in str(caught.value)


def test_without_the_extra_it_is_named(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    real = builtins.__import__

    def without_dotenv(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "dotenv":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_dotenv)
    with pytest.raises(ConfigurationError, match=r"cloudplatform-async\[dotenv\]"):
        read_environment(env_file)
    assert read_environment(None) == {}


@pytest.mark.parametrize(
    ("key", "token", "expected"),
    [
        (None, None, ("found-key", "found-token")),
        ("", " ", ("found-key", "found-token")),
        ("k", None, ("k", None)),
        (None, "t", (None, "t")),
        ("k", "", ("k", None)),
        (" ", "t", (None, "t")),
        ("k", "t", ("k", "t")),
    ],
)
def test_a_credential_argument_switches_off_both_that_are_found(
    key: str | None, token: str | None, expected: tuple[str | None, str | None]
) -> None:
    """Never one identity from the arguments and another from the environment."""
    found = {"CLOUD_API_KEY": "found-key", "CLOUD_ACCESS_TOKEN": "found-token"}
    credentials = choose_credentials(key, token, found)
    held: list[Any] = [credentials.api_key, credentials.access_token]
    assert tuple(each and each.reveal() for each in held) == expected


def test_without_any_credential_both_variables_are_named() -> None:
    """The message says what to do."""
    with pytest.raises(ConfigurationError, match="CLOUD_API_KEY or CLOUD_ACCESS_TOKEN"):
        choose_credentials(None, "", {})
