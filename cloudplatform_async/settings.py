"""Groups of options that a client is built from, and the base URL."""

import re
import sys
from collections.abc import Callable, Mapping
from enum import Enum
from ipaddress import ip_address
from math import nan
from typing import Any, Final, TypedDict, cast
from urllib.parse import SplitResult, urlsplit

from attrs import Attribute, field, frozen

from cloudplatform_async.errors import ConfigurationError

DEFAULT_BASE_URL = "https://api.cloudplatform.dev/v1"

_HOST = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_VERSIONED = r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/v[0-9]+"
_REFUSED_IN_URL = r"[^\x21-\x7e]|\\"


Check = Callable[[Any, "Attribute[Any]", Any], None]


def _seconds(least: str, passes: Callable[[float], bool], *, optional: bool = False) -> Check:
    def check(instance: object, attribute: "Attribute[Any]", value: Any) -> None:
        if value is None and optional:
            return
        known = isinstance(value, (int, float)) and not isinstance(value, bool)
        number = cast("float", value) if known else nan
        if not is_finite(number) or not passes(number):
            name = f"{type(instance).__name__}.{attribute.name}"
            raise ConfigurationError(f"{name} must be a number of seconds {least}, not {shown(value)}.")

    return check


def _count(least: int) -> Check:
    def check(instance: object, attribute: "Attribute[Any]", value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            name = f"{type(instance).__name__}.{attribute.name}"
            raise ConfigurationError(f"{name} must be a whole number from {least} up, not {shown(value)}.")

    return check


def is_finite(number: float) -> bool:
    """Tell whether a number is finite as a float: some ints are too large to be one."""
    return abs(number) <= sys.float_info.max


def shown(value: object) -> str:
    """Show a value in a message, also an int of more digits than Python writes out."""
    try:
        return repr(value)
    except ValueError:
        return f"a {type(value).__name__} of more than {sys.get_int_max_str_digits()} digits"


_positive = _seconds("above 0", lambda value: value > 0, optional=True)
_not_negative_or_none = _seconds("from 0 up", lambda value: value >= 0, optional=True)
_not_negative = _seconds("from 0 up", lambda value: value >= 0)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


@frozen(kw_only=True)
class Timeouts:
    """Bounds of a call, in seconds; ``None`` means no bound.

    Attributes:
        total: The whole call: queueing, token refresh, every attempt, every wait, the body.
        connect: Opening one connection, TLS included.
        read: The longest silence while reading an answer.
        write: The longest silence while sending a request.
        pool: Waiting for a free connection.
    """

    total: float | None = field(default=120.0, validator=_positive)
    connect: float | None = field(default=5.0, validator=_positive)
    read: float | None = field(default=30.0, validator=_positive)
    write: float | None = field(default=30.0, validator=_positive)
    pool: float | None = field(default=30.0, validator=_positive)

    @classmethod
    def of(cls, value: "Timeouts | float") -> "Timeouts":
        """Read a plain number as a bound of the whole call."""
        if isinstance(value, Timeouts):
            return value
        if not _is_number(value) or not is_finite(value) or value <= 0:
            raise ConfigurationError(
                f"timeout must be Timeouts, or a number of seconds above 0 in total, not {shown(value)}."
            )
        return cls(total=value)


@frozen(kw_only=True)
class RetryPolicy:
    """How failed attempts are tried again (API contract §7).

    Waits are drawn from ``uniform(0, min(cap, base * 2**n))`` seconds, unless the server names a time.

    Attributes:
        max_retries: Retries of one call, beyond its first attempt (0 or more).
        base: Longest wait before the first retry, in seconds.
        cap: Longest wait before any retry, in seconds.
        max_retry_after: Longest wait that the server may ask for, in seconds; above it the error is
            raised at once.
        budget: Spend retries from the client's shared budget, so that an outage is not made worse.

    Example:
        >>> RetryPolicy(max_retries=2, max_retry_after=10).cap
        8.0
    """

    max_retries: int = field(default=4, validator=_count(0))
    base: float = field(default=0.5, validator=_not_negative)
    cap: float = field(default=8.0, validator=_not_negative)
    max_retry_after: float = field(default=60.0, validator=_not_negative)
    budget: bool = True

    @classmethod
    def of(cls, value: "RetryPolicy | int") -> "RetryPolicy":
        """Read a plain number as the most retries of one call.

        Raises:
            ConfigurationError: For anything but a policy, or a whole number from 0 up.
        """
        if isinstance(value, RetryPolicy):
            return value
        if not _is_count(value):
            raise ConfigurationError(
                f"retries must be a RetryPolicy, or a whole number from 0 up, not {shown(value)}."
            )
        return cls(max_retries=value)


@frozen(kw_only=True)
class PoolLimits:
    """How many connections a transport may hold, and for how long.

    Attributes:
        max_connections: Most sockets open at one time, over all origins (at least 1).
        keepalive_expiry: Seconds that an idle connection is kept; ``None`` keeps it until closed.
    """

    max_connections: int = field(default=100, validator=_count(1))
    keepalive_expiry: float | None = field(default=30.0, validator=_not_negative_or_none)


class Omit(Enum):
    """The type of ``OMIT``."""

    OMIT = "OMIT"


OMIT: Final = Omit.OMIT
"""Speak without this credential, which the client has: a value of ``with_options``."""


class CallOptions(TypedDict, total=False):
    """What every method of a resource takes beside its own arguments; ``None`` means not given.

    Attributes:
        timeout: Bounds of this call; a number bounds the whole of it, in seconds. Of a walk: of each page.
        headers: Sent beside those of the client; one with the same name replaces it.
    """

    timeout: Timeouts | float | None
    headers: Mapping[str, str] | None


@frozen
class BaseURL:
    """A checked base URL, taken apart once.

    Attributes:
        scheme: ``"https"``, or ``"http"`` to a loopback host.
        authority: Host, with a port where one was given.
        prefix: The path up to the version, such as ``"/v1"``.
    """

    scheme: str
    authority: str
    prefix: str

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.authority}"

    def __str__(self) -> str:
        return self.origin + self.prefix


def checked_bytes(name: str, value: object) -> int:
    """Check a number of bytes.

    Raises:
        ConfigurationError: For anything but a whole number from 1 up.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"{name} must be a whole number of bytes from 1 up, not {shown(value)}.")
    return value


def secure_url(text: object, name: str) -> SplitResult:
    """Check that a URL may carry credentials: HTTPS, or HTTP to a loopback host (API contract §1).

    Args:
        text: The URL.
        name: The option it came from, for the message; the URL itself may hold a secret.

    Raises:
        ConfigurationError: With a message that names the option and the fix.
    """
    if not isinstance(text, str) or re.search(_REFUSED_IN_URL, text):
        raise ConfigurationError(f"{name} must be a URL in plain ASCII, without spaces or backslashes.")
    if "@" in text:  # wherever it is: a password may have any character, and messages show what follows
        raise ConfigurationError(
            f"{name} must not contain a user name or password; pass credentials by their options."
        )
    parts = _split(text, name)
    host = parts.netloc.rpartition(":")[0] if parts.port is not None else parts.netloc.removesuffix(":")
    if parts.scheme not in {"http", "https"} or not _is_host(host):
        raise ConfigurationError(
            f"{name} must begin with https:// and a host name, such as {DEFAULT_BASE_URL}."
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ConfigurationError(
            f"{name} must use https://: http:// would send credentials in the clear. "
            f"Use https://{parts.netloc}{parts.path}; http:// is for loopback hosts only."
        )
    return parts


def _split(text: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        if parts.port == 0:
            raise ConfigurationError(f"{name} has port 0; name the port that the server listens on.")
    except ValueError:
        raise ConfigurationError(f"{name} is not a valid URL; check its host and port.") from None
    return parts


def _is_host(host: str) -> bool:
    if re.fullmatch(r"\[.*\]|[0-9.]+", host):
        return _is_address(host.strip("[]"))
    return re.fullmatch(_HOST, host) is not None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine by its very name: ``127.0.0.0/8``, ``::1`` or ``localhost``."""
    if _is_address(host):
        return ip_address(host).is_loopback
    return host.lower().rstrip(".") == "localhost"


def parse_base_url(text: object, name: str = "base_url") -> BaseURL:
    """Check a base URL and take it apart.

    Args:
        text: The URL.
        name: The option it came from, for the message.

    Raises:
        ConfigurationError: For a URL that is not secure, or whose path does not end in a version
            segment; the message shows the corrected one.
    """
    parts = secure_url(text, name)
    path = parts.path.rstrip("/")
    if parts.query or parts.fragment or "?" in str(text) or "#" in str(text):
        raise ConfigurationError(f"{name} must not contain a query or a fragment; pass queries as `params=`.")
    if not re.fullmatch(_VERSIONED, path):
        fixed = f"{parts.scheme}://{parts.netloc}{_corrected(path)}"
        raise ConfigurationError(f"{name} must end in a version such as /v1: use {fixed}")
    return BaseURL(parts.scheme, parts.netloc.lower().removesuffix(":"), path)


def _corrected(path: str) -> str:
    """End a path in the version that it has, or in one that it lacks."""
    if versioned := re.match(_VERSIONED + "(?=/)", path):
        return versioned[0]
    return path + "/v1" if re.fullmatch(_VERSIONED, path + "/v1") else "/v1"
