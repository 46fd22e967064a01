"""``cloudplatform auth`` and ``whoami``: profiles, their secrets, and as whom commands speak."""

from typing import Any, Literal

from cyclopts import App

from cloudplatform_async import AuthenticationError, ConfigurationError, PermissionDeniedError
from cloudplatform_async.cli.output.show import AS_USUAL, Output, View
from cloudplatform_async.cli.output.streams import say
from cloudplatform_async.cli.session.options import CONFIGURED, Connection

Kind = Literal["api-key", "access-token", "client-credentials", "refresh-token"]

app: App = App(name="auth", help="Log in, and see as whom.")

_SECRETS = {
    "api-key": ["API key"],
    "access-token": ["access token"],
    "client-credentials": ["client secret"],
    "refresh-token": ["client secret", "refresh token"],
}
_STATUS = ("profile", "default", "kind", "base_url", "stored_in")


@app.command
async def login(
    *,
    profile: str = "default",
    base_url: str | None = None,
    kind: Kind = "api-key",
    token_url: str | None = None,
    client_id: str | None = None,
    scope: tuple[str, ...] = (),
) -> None:
    """Store a secret under the name of a profile: in the system's keyring, else in a file of yours alone.

    The secret is prompted for, or read from stdin: one line each for the client secret and the refresh token.

    Args:
        profile: Its name; the first one becomes the default.
        base_url: Origin and version of its API; default: the public one.
        kind: What the secret is.
        token_url: Of an OAuth grant.
        client_id: Of an OAuth grant.
        scope: To ask for; may be given more than once.
    """
    from cloudplatform_async.cli.session.asking import ask_secrets
    from cloudplatform_async.cli.session.profiles import Profile, check_name, read_settings, set_profile
    from cloudplatform_async.cli.session.secrets import save
    from cloudplatform_async.cli.session.tokens import check_grant

    check_name(profile)
    settings = read_settings()
    place = Profile(base_url=base_url, kind=kind, token_url=token_url, client_id=client_id, scopes=scope)
    if kind in ("client-credentials", "refresh-token"):
        check_grant(place, {"client_secret": "checked-later", "refresh_token": "checked-later"})
    elif token_url or client_id or scope:
        raise ConfigurationError(
            f"--token-url, --client-id and --scope are for OAuth, not for --kind {kind}."
        )
    await _check_address(base_url)
    given = ask_secrets(_SECRETS[kind])
    secrets = given if "client_secret" in given else {"secret": next(iter(given.values()))}
    store = save(profile, secrets)
    fields = {name: getattr(place, name) for name in ("base_url", "kind", "token_url", "client_id", "scopes")}
    set_profile(profile, Profile(store=store, **fields), as_default=not settings.profiles)
    if store == "file":
        say(
            "warning: there is no keyring, so the secret is in a file that only you can read; "
            "pip install 'cloudplatform-async[keyring]' and log in again to move it."
        )
    say(f"Logged in: profile {profile}.")


@app.command
def status(*, output: Output = AS_USUAL) -> None:
    """Show the profiles, and where their secrets are; nothing is sent.

    Args:
        output: How.
    """
    from cloudplatform_async.cli.session.profiles import read_settings

    settings = read_settings()
    rows = [
        {
            "profile": name,
            "default": name == settings.profile,
            "kind": profile.kind,
            "base_url": profile.base_url,
            "stored_in": profile.store,
        }
        for name, profile in settings.profiles.items()
    ]
    View(output, _STATUS).rows(rows)


@app.command
def logout(*, profile: str | None = None) -> None:
    """Forget a profile and its secret.

    Args:
        profile: Its name; default: the default profile.
    """
    from cloudplatform_async.cli.session.profiles import read_settings, set_profile
    from cloudplatform_async.cli.session.secrets import forget

    settings = read_settings()
    name = profile or settings.profile
    if name is None or name not in settings.profiles:
        known = ", ".join(settings.profiles) or "none"
        raise ConfigurationError(f"There is no profile {name or ''!r} to log out (there are: {known}).")
    forget(settings.profiles[name].store, name)
    set_profile(name, None)
    say(f"Logged out: profile {name}.")


async def whoami(
    *,
    output: Output = AS_USUAL,
    connection: Connection = CONFIGURED,
) -> None:
    """Show as whom commands speak, as far as that can be known: the platform has no question for it.

    Args:
        output: How.
        connection: Where.
    """
    from cloudplatform_async.cli.session.connect import connect
    from cloudplatform_async.cli.session.identity import identity_of

    fields: dict[str, Any] = {} if connection.sandbox else identity_of(connection)
    async with connect(connection) as client:
        try:
            answer = await client.request("GET", "/projects", params={"limit": 1}, model=list[dict[str, Any]])
            known = {"accepted": True, "request_id": answer.request_id}
        except PermissionDeniedError as error:
            known = {"accepted": True, "request_id": error.request_id}
        except AuthenticationError as error:
            View(output).one({**fields, "accepted": False, "request_id": error.request_id})
            raise
    View(output).one({**fields, **known})


async def _check_address(base_url: str | None) -> None:
    """Have the client check a base URL before a secret is asked for."""
    from cloudplatform_async import AsyncClient
    from cloudplatform_async.cli.session.watching import Nowhere

    async with AsyncClient(base_url=base_url, api_key="unused", transport=Nowhere()):
        pass
