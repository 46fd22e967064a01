"""Verifies a delivery as bytes, and only then reads it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import floor
from typing import Final, cast

from attrs import Attribute, field, frozen

from cloudplatform_async._protocol.decoding.conversion import value_decoder
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._runtime.clock import CLOCK
from cloudplatform_async.errors import (
    ConfigurationError,
    InvalidRequestError,
    ResponseDecodeError,
    WebhookVerificationError,
)
from cloudplatform_async.models.events import Event
from cloudplatform_async.webhooks.signatures import HmacKey, Key, key_of, signed_content, tokens

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"

_FORM = {
    ID: r"[\x21-\x7e]{1,255}",
    TIMESTAMP: r"[0-9]{1,12}",  # whole seconds since the epoch
    SIGNATURE: r"[\x20-\x7e]{1,4096}",  # room for 40 signatures: none of them is worth more work
}


Headers = Mapping[str, str] | Mapping[str, Sequence[str]] | Iterable[tuple[bytes, bytes]]
"""What frameworks give as the headers of a request."""


def _wall() -> float:
    return CLOCK.process.wall()


def _not_negative(_: object, attribute: "Attribute[timedelta]", value: object) -> None:
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise ConfigurationError(f"{attribute.alias} must be a timedelta from 0 up, not {value!r}.")


def _keys(secrets: str | Iterable[str]) -> tuple[Key, ...]:
    keys = tuple(key_of(secret) for secret in _each(secrets))
    if not keys:
        raise ConfigurationError("There is no webhook secret in the list: pass at least one.")
    return keys


def _each(secrets: object) -> Iterable[object]:
    """Give one secret or several; where it is read from an environment there may be none at all."""
    if isinstance(secrets, str) or not isinstance(secrets, Iterable):
        return (secrets,)
    return cast("Iterable[object]", secrets)


def _reader() -> Callable[[Answer], Event]:
    return value_decoder(Event)


@frozen(eq=False)
class WebhookVerifier:
    """Tells genuine deliveries of the platform from all else, and reads their events.

    Args:
        secrets: The endpoint's secret, or several while one is rotated: ``whsec_…`` (shared), or
            ``whpk_…`` (a public key; it needs the extra ``webhooks``).
        tolerance: How old a delivery may be, and how far ahead of this machine's clock.
        clock: Seconds since the epoch, for tests; by default this machine's.

    Raises:
        ConfigurationError: For a secret that is none, and a tolerance below zero.

    Example:
        >>> verifier = WebhookVerifier("whsec_bmV2ZXIgdGVsbCB0aGlzIHNlY3JldA==", clock=lambda: 1_789_000_000)
        >>> body = b'{"id": "evt_1", "type": "quota.raised", "created_at": "2026-09-10T00:26:40Z"}'
        >>> verifier.verify(body, verifier.sign(body, id="msg_1", timestamp=1_789_000_000)).type
        'quota.raised'
    """

    _keys: tuple[Key, ...] = field(converter=_keys, alias="secrets", repr=False)
    _tolerance: timedelta = field(
        default=timedelta(minutes=5),
        validator=_not_negative,
        alias="tolerance",
        kw_only=True,
        repr=False,
    )
    _clock: Callable[[], float] = field(default=_wall, alias="clock", kw_only=True, repr=False)
    _read: Callable[[Answer], Event] = field(factory=_reader, init=False, repr=False)

    def verify(self, body: bytes, headers: Headers) -> Event:
        """Give the event of a genuine delivery.

        Args:
            body: As it came, undecoded.
            headers: As any framework gives them: a mapping, or pairs; names in any case, text or bytes,
                also as WSGI writes them (``HTTP_WEBHOOK_ID``).

        Raises:
            WebhookVerificationError: For anything else, whatever it is.
        """
        self._authenticate(body, headers)
        try:
            return self._read(Answer(200, {}, bytes(body)))
        except ResponseDecodeError as error:
            raise WebhookVerificationError(f"The delivery is signed, and no event: {error}") from error

    def _authenticate(self, body: bytes, headers: Headers) -> None:
        """Check that a signature is of one of the secrets, and neither too old nor too new."""
        if not isinstance(body, (bytes, bytearray, memoryview)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise WebhookVerificationError("The body must be bytes as they came: what was signed are bytes.")
        found = _found(headers)
        self._check_age(int(found[TIMESTAMP]))
        content = signed_content(found[ID], found[TIMESTAMP], bytes(body))
        given = list(tokens(found[SIGNATURE]))
        for key in self._keys:
            for version, token in given:
                if version == key.version and key.verifies(token, content):
                    return
        raise WebhookVerificationError("No signature of the delivery is of this endpoint's secret.")

    def _check_age(self, timestamp: int) -> None:
        age, most = self._clock() - timestamp, self._tolerance.total_seconds()
        if age > most:
            raise WebhookVerificationError(f"The delivery is too old: it was signed {age:.0f} s ago.")
        if -age > most:
            raise WebhookVerificationError(f"The delivery is too new: it was signed {-age:.0f} s from now.")

    def sign(
        self,
        body: bytes,
        *,
        id: str,  # noqa: A002 - the standard's own word
        timestamp: datetime | float | None = None,
    ) -> dict[str, str]:
        """Sign a body as the platform does: for tests of an endpoint.

        Args:
            body: To be sent byte for byte.
            id: Of the delivery, such as ``"msg_1"``.
            timestamp: When it is signed: an aware datetime, or seconds since the epoch; by default now.

        Returns:
            The three headers, with a signature of each shared secret.

        Raises:
            ConfigurationError: Where all secrets are public keys, which cannot sign.
            InvalidRequestError: For an id or timestamp that no delivery can have.
        """
        seconds = str(floor(_seconds(self._clock() if timestamp is None else timestamp)))
        for name, value in ((ID, id), (TIMESTAMP, seconds)):
            if not re.fullmatch(_FORM[name], value):
                raise InvalidRequestError(f"{value!r} cannot be a {name}.")
        content = signed_content(id, seconds, body)
        signatures = [key.sign(content) for key in self._keys if isinstance(key, HmacKey)]
        if not signatures:
            raise ConfigurationError("A public key (whpk_) verifies and cannot sign; pass a whsec_ secret.")
        return {ID: id, TIMESTAMP: seconds, SIGNATURE: " ".join(signatures)}


def delivery_id(headers: Headers) -> str:
    """Give the ``webhook-id`` of a delivery that was verified: the same for each attempt to deliver it."""
    return _found(headers)[ID]


def _seconds(moment: datetime | float) -> float:
    if not isinstance(moment, datetime):
        return moment
    if moment.utcoffset() is None:
        raise InvalidRequestError(
            "`timestamp` is a datetime without a time zone; add one, such as tzinfo=timezone.utc."
        )
    return moment.timestamp()


def _found(headers: object) -> dict[str, str]:
    """Find the three headers of a delivery.

    Raises:
        WebhookVerificationError: Unless each is there once, in a form that it may have.
    """
    found: dict[str, str] = {}
    for name, value in _pairs(headers):
        if name in _FORM and found.setdefault(name, value) != value:
            raise WebhookVerificationError(f"The delivery has two different {name} headers.")
    for name, form in _FORM.items():
        if name not in found:
            raise WebhookVerificationError(f"The delivery has no {name} header.")
        if not re.fullmatch(form, found[name]):
            raise WebhookVerificationError(f"The delivery's {name} header is malformed.")
    return found


def _pairs(headers: object) -> Iterator[tuple[str, str]]:
    """Give each header by its lower-case name, whatever a framework makes of headers."""
    if isinstance(headers, Mapping):
        headers = cast("Mapping[object, object]", headers).items()
    if not isinstance(headers, Iterable):
        raise WebhookVerificationError("The headers must be a mapping of names to values, or pairs of them.")
    for pair in cast("Iterable[object]", headers):
        if isinstance(pair, (tuple, list)) and len(parts := cast("Sequence[object]", pair)) == 2:
            name = _text(parts[0])
            if name.startswith("HTTP_"):  # PEP 3333, and so Django's `request.META`
                name = name.removeprefix("HTTP_").replace("_", "-")
            yield name.lower(), _text(parts[1])


def _text(value: object) -> str:
    """Read a name or value as ASCII; what is none is nothing that a delivery has."""
    if isinstance(value, (list, tuple)):  # as of gateways that give every value of a name
        each = cast("Sequence[object]", value)
        value = each[0] if len(each) == 1 else None
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    return value if isinstance(value, str) else ""
