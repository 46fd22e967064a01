"""The options of every command that talks to a platform; secrets are never among them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, cast

from attrs import frozen
from cyclopts import Parameter, Token, validators


@Parameter(name="*")
@frozen(kw_only=True)
class Connection:
    """Which platform, and how.

    Attributes:
        sandbox: Start a platform with 50 projects on this machine, and run against it.
        profile: Use a profile that `auth login` stored; default: CLOUD_PROFILE, else the one of `config`.
        base_url: Origin and version of the API; default: CLOUD_API_BASE_URL, else the public one.
        env_file: A file with CLOUD_API_KEY or CLOUD_ACCESS_TOKEN, for what the environment lacks.
        timeout: Seconds that one call may take, its retries and waits included.
        debug: Show each attempt on stderr, without secrets.
        dry_run: Print the request as a curl command, without secrets, and send nothing.
    """

    sandbox: bool = False
    profile: str | None = None
    base_url: str | None = None
    env_file: Path | None = None
    timeout: Annotated[float | None, Parameter(validator=validators.Number(gt=0))] = None
    debug: bool = False
    dry_run: bool = False


CONFIGURED = Connection()


def whole(kind: object, tokens: Sequence[Token]) -> int:
    """Read a whole number as it is written; cyclopts would round any other.

    Raises:
        ValueError: It is none.
    """
    del kind
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is no whole number.") from None


def _from_one(kind: object, number: int) -> None:
    del kind
    if number < 1:
        raise ValueError("Must be a whole number from 1 up.")


WHOLE = Parameter(converter=whole)
Limit = Annotated[
    int | None, WHOLE, Parameter(name=["--limit", "--max-items"], validator=validators.Number(gte=0))
]
PageSize = Annotated[int, WHOLE, Parameter(validator=_from_one)]
"""How many rows to stop after, and how many to ask for at a time."""

# A model as the client takes it; a type checker has no name for the type of one that takes everything.
ANY_JSON = cast("type[Any]", Any)
