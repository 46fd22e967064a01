"""Which settings a command would use and where each comes from, without showing a secret."""

import base64
import io
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import field, frozen

from cloudplatform_async.cli.session.connect import PUBLIC
from cloudplatform_async.cli.session.options import Connection
from cloudplatform_async.cli.session.profiles import chosen_profile, settings_file
from cloudplatform_async.cli.session.secrets import load

BASE_URL = "CLOUD_API_BASE_URL"
CREDENTIALS = {"api_key": "CLOUD_API_KEY", "access_token": "CLOUD_ACCESS_TOKEN"}


@frozen(kw_only=True)
class Found:
    """One setting.

    Attributes:
        name: Such as ``base_url``.
        value: Shown nowhere where it is a secret.
        source: Where it comes from, in words.
    """

    name: str
    value: str = field(repr=False)
    source: str


def found_settings(connection: Connection) -> list[Found]:
    """Find the base URL and the credentials, by the precedence of the client (API contract §2).

    Raises:
        ConfigurationError: The profile or its secret is not there.
    """
    chosen = chosen_profile(connection.profile) if connection.profile or not connection.env_file else None
    if chosen is not None:
        return _of_profile(connection, *chosen)
    environment = {name: text for name, text in os.environ.items() if text.strip()}
    file = (names_in_file(connection.env_file) if connection.env_file else None) or {}
    found = [_address(connection, environment, file)]
    if BASE_URL in file and BASE_URL not in environment and not connection.base_url:
        environment = {}  # a credential of it does not go where only a file points
    for name, variable in CREDENTIALS.items():
        if variable in environment:
            found.append(
                Found(name=name, value=environment[variable], source=f"{variable} of the environment")
            )
        elif variable in file:
            found.append(
                Found(name=name, value=file[variable], source=f"{variable} of {connection.env_file}")
            )
    return found


def identity_of(connection: Connection) -> dict[str, Any]:
    """Describe as whom a command speaks: address, sources of credentials, what a token says of itself."""
    found = found_settings(connection)
    fields: dict[str, Any] = {"base_url": found[0].value}
    for credential in found[1:]:
        fields[credential.name] = f"from {credential.source}"
        fields.update(claims_of(credential.value))
    return fields


def claims_of(token: str) -> dict[str, Any]:
    """Read what a JWT says of itself, unverified (API contract §2); anything else says nothing."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        fields = {name: str(claims[name]) for name in ("iss", "sub", "client_id") if name in claims}
        scopes = claims.get("scope", claims.get("scp"))
        if scopes:
            fields["scopes"] = scopes if isinstance(scopes, str) else " ".join(map(str, scopes))
        if "exp" in claims:
            fields["expires_at"] = datetime.fromtimestamp(float(claims["exp"]), UTC).isoformat()
    except (ValueError, TypeError, OverflowError, AttributeError, OSError):
        return {}
    return fields


def _of_profile(connection: Connection, name: str, profile: Any) -> list[Found]:
    source = f"profile {name} of {settings_file()}"
    if connection.base_url:
        address = Found(name="base_url", value=connection.base_url, source="--base-url")
    else:
        address = Found(name="base_url", value=profile.base_url or PUBLIC, source=source)
    secrets = load(profile.store, name)
    if profile.kind in ("api-key", "access-token"):
        kind = profile.kind.replace("-", "_")
        return [
            address,
            Found(name=kind, value=secrets.get("secret", ""), source=f"{source}, in its {profile.store}"),
        ]
    token = secrets.get("access_token", "")
    return [address, Found(name="access_token", value=token, source=f"{source}, by OAuth ({profile.kind})")]


def _address(connection: Connection, environment: Mapping[str, str], file: Mapping[str, str]) -> Found:
    if connection.base_url:
        return Found(name="base_url", value=connection.base_url, source="--base-url")
    if BASE_URL in environment:
        return Found(name="base_url", value=environment[BASE_URL], source=f"{BASE_URL} of the environment")
    if BASE_URL in file:
        return Found(name="base_url", value=file[BASE_URL], source=f"{BASE_URL} of {connection.env_file}")
    return Found(name="base_url", value=PUBLIC, source="default")


def names_in_file(path: Path) -> Mapping[str, str] | None:
    """Read an env file, as Windows PowerShell writes it too; ``None`` where it cannot be read."""
    from dotenv import dotenv_values

    try:
        data = path.read_bytes()
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except (OSError, ValueError):
        return None
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in values.items() if value and value.strip()}
