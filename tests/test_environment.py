"""The three ``CLOUD_*`` names: from the environment and a file, never two identities by accident."""

import builtins
from pathlib import Path
from typing import Any

import pytest

from cloudplatform_async.environment import Found, choose_base_url, choose_credentials, read_environment
from cloudplatform_async.errors import ConfigurationError
from cloudplatform_async.settings import DEFAULT_BASE_URL

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


def found_names(path: Path | str | None) -> dict[str, str]:
    """What a client takes, name by name."""
    found = read_environment(path)
    return {**found.file, **found.environment}


def test_nothing_is_found_where_nothing_is() -> None:
    """Without a file and without a name."""
    assert found_names(None) == {}


def test_all_three_names_of_a_file_are_found(env_file: Path) -> None:
    """As a path or as a text."""
    expected = dict(zip(NAMES, ("file-url", "file-key", "file-ken"), strict=True))
    assert found_names(env_file) == found_names(str(env_file)) == expected


def test_the_environment_goes_before_the_file(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name by name."""
    monkeypatch.setenv("CLOUD_API_KEY", "env-key")
    found = found_names(env_file)
    assert (found["CLOUD_API_KEY"], found["CLOUD_ACCESS_TOKEN"]) == ("env-key", "file-ken")


@pytest.mark.parametrize("blank", ["", " ", "\t "])
def test_a_blank_name_counts_as_absent(blank: str, env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment and in the file (API contract §2)."""
    monkeypatch.setenv("CLOUD_API_KEY", blank)
    assert found_names(env_file)["CLOUD_API_KEY"] == "file-key"
    env_file.write_text(f"CLOUD_API_KEY='{blank}'\nCLOUD_ACCESS_TOKEN\n")
    assert found_names(env_file) == {}


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
    assert found_names(env_file).get("CLOUD_API_KEY") == value


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
    assert found_names(None) == {}


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
    found = Found(environment={"CLOUD_API_KEY": "found-key", "CLOUD_ACCESS_TOKEN": "found-token"})
    credentials = choose_credentials(key, token, found)
    held: list[Any] = [credentials.api_key, credentials.access_token]
    assert tuple(each and each.reveal() for each in held) == expected


def test_without_any_credential_both_variables_are_named() -> None:
    """The message says what to do."""
    with pytest.raises(ConfigurationError, match="CLOUD_API_KEY or CLOUD_ACCESS_TOKEN"):
        choose_credentials(None, "", Found())


LIVE = {"CLOUD_API_KEY": "live-key"}
URL = {"CLOUD_API_BASE_URL": "https://other.example/v1"}


def held(found: Found, **options: Any) -> tuple[str | None, str | None]:
    """The key and the token that are taken, as text."""
    credentials: Any = choose_credentials(None, None, found, **options)
    pair = (credentials.api_key, credentials.access_token)
    key, token = (each and each.reveal() for each in pair)
    return key, token


@pytest.mark.parametrize(
    "environment", [LIVE, {"CLOUD_ACCESS_TOKEN": "live"}, {**LIVE, "CLOUD_ACCESS_TOKEN": "live"}]
)
def test_a_credential_of_the_environment_is_not_sent_where_only_a_file_points(
    environment: dict[str, str],
) -> None:
    """Both sources are named, and nothing can be sent."""
    with pytest.raises(ConfigurationError) as caught:
        held(Found(environment=environment, file=URL, path="sandbox.env"))
    message = str(caught.value)
    assert "CLOUD_API_BASE_URL comes from the env file 'sandbox.env'" in message
    assert all(name in message for name in environment)
    assert not any(value in message for value in environment.values())


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ({"CLOUD_API_KEY": "file-key"}, ("file-key", None)),
        ({"CLOUD_ACCESS_TOKEN": "file-token"}, (None, "file-token")),
        ({"CLOUD_API_KEY": "file-key", "CLOUD_ACCESS_TOKEN": "file-token"}, ("file-key", "file-token")),
    ],
)
def test_a_file_with_an_address_and_a_credential_is_one_identity(
    file: dict[str, str], expected: tuple[str | None, str | None]
) -> None:
    """The documented flow of the command line, with a live key exported: the live key stays here."""
    live = {**LIVE, "CLOUD_ACCESS_TOKEN": "live-token"}
    assert held(Found(environment=live, file={**URL, **file}, path=".env")) == expected


def test_an_address_that_was_passed_or_exported_is_trusted_with_the_environment() -> None:
    """It is the file alone that may not point a key of the environment elsewhere."""
    assert held(Found(environment=LIVE, file=URL), base_url="https://mine.example/v1") == ("live-key", None)
    exported = {**LIVE, "CLOUD_API_BASE_URL": "https://mine.example/v1"}
    assert held(Found(environment=exported, file=URL)) == ("live-key", None)


def test_an_argument_goes_to_the_files_address() -> None:
    """Who passes a key and a file in one call means both."""
    credentials: Any = choose_credentials("mine", None, Found(environment=LIVE, file=URL, path=".env"))
    assert (credentials.api_key.reveal(), credentials.access_token) == ("mine", None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-marked", "utf-16-be-marked"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_file_is_read_in_the_encodings_that_shells_write(
    encoding: str, newline: str, tmp_path: Path
) -> None:
    """Windows PowerShell's ``>`` writes UTF-16 with a byte order mark."""
    text = newline.join(["# caf\u00e9", "CLOUD_API_KEY=k", "CLOUD_ACCESS_TOKEN=t", ""])
    marked = encoding.endswith("-marked")
    content = ("\ufeff" + text if marked else text).encode(encoding.removesuffix("-marked"))
    (tmp_path / ".env").write_bytes(content)
    assert found_names(tmp_path / ".env") == {"CLOUD_API_KEY": "k", "CLOUD_ACCESS_TOKEN": "t"}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_a_file_in_another_encoding_is_told_which_to_use(encoding: str, tmp_path: Path) -> None:
    """Instead of finding nothing in it."""
    (tmp_path / ".env").write_bytes("# caf\u00e9\nCLOUD_API_KEY=k\n".encode(encoding))
    with pytest.raises(ConfigurationError, match=r"env_file .*save it as UTF-8"):
        read_environment(tmp_path / ".env")


def test_blanks_and_line_breaks_round_a_value_are_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """``echo`` and editors of secrets leave them there."""
    for name in NAMES:
        monkeypatch.setenv(name, " value\r\n")
    assert found_names(None) == dict.fromkeys(NAMES, "value")


@pytest.mark.parametrize("name", ["CLOUD_API_KEY", "CLOUD_ACCESS_TOKEN"])
def test_a_credential_that_cannot_be_sent_is_named_by_where_it_stands(name: str, tmp_path: Path) -> None:
    """Not by an option that nobody used; the file's where that goes first."""
    bad, good = {name: "s3 cret"}, {name: "good"}
    path = str(tmp_path / "my.env")
    for found, where in (
        (Found(environment=bad, file=good, path=path), f"^{name} must"),
        (Found(file=bad, path=path), rf"^{name} in the env file .*my\.env' must"),
        (Found(environment=good, file=bad | URL, path=path), rf"^{name} in the env file .*my\.env' must"),
    ):
        with pytest.raises(ConfigurationError, match=where) as caught:
            choose_credentials(None, None, found)
        assert "s3" not in str(caught.value)


def test_a_base_url_is_named_by_where_it_stands() -> None:
    """The option, the variable, or the variable and the file."""
    bad = {"CLOUD_API_BASE_URL": "https://api.example.com"}
    for base_url, found, where in (
        ("https://api.example.com", Found(environment=URL), "^base_url must end"),
        (None, Found(environment=bad, file=URL, path=".env"), "^CLOUD_API_BASE_URL must end"),
        (None, Found(file=bad, path=".env"), r"^CLOUD_API_BASE_URL in the env file '\.env' must end"),
    ):
        with pytest.raises(ConfigurationError, match=where):
            choose_base_url(base_url, found)
    assert str(choose_base_url(None, Found())) == DEFAULT_BASE_URL


@pytest.mark.parametrize("text", ["", "OTHER=1\n", "CLOUD_API_KEY=\n", "cloud_api_key=k\n"])
def test_a_file_without_anything_usable_is_named(text: str, tmp_path: Path) -> None:
    """Else one would look for the fault everywhere but in the file."""
    path = tmp_path / "my.env"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"my\.env' was read, and has neither"):
        choose_credentials(None, None, read_environment(path))
