"""Checks of the way to the platform: proxy, name, port, certificate; each explains the ones after it."""

import socket
import ssl
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

import anyio
import anyio.to_thread
import httpx
from attrs import frozen

from cloudplatform_async.cli.doctor.findings import Findings

UNREACHABLE = 7
_SECONDS = 5.0
_DAYS_LEFT = 14
_LOOPBACK = ("localhost", "127.", "::1")


@frozen
class Place:
    """A host and a port.

    Attributes:
        host: Name or address.
        port: Number.
    """

    host: str
    port: int


async def check_way(findings: Findings, base_url: str) -> None:
    """Go the way that a request would go, and name the first step that fails."""
    parts = urlsplit(base_url)
    place = Place(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    try:
        proxy = _proxy_for(parts)
        port = 0 if proxy is None else proxy.port
    except ValueError:  # whose text may be a piece of the password
        advice = "write it as http://name:password@host:port, the password percent-encoded"
        findings.problem("proxy", "the address of the environment's proxy is none", advice, code=UNREACHABLE)
        return
    if proxy is None:
        findings.ok("proxy", "none is used")
        if await _reached(findings, place, "host"):
            await _check_tls(findings, parts, place)
        return
    there = Place(proxy.hostname or "", port or (1080 if proxy.scheme.startswith("socks") else 80))
    findings.ok(
        "proxy", f"{proxy.scheme}://{there.host}:{there.port} is used for {parts.scheme}://{place.host}"
    )
    await _reached(findings, there, "proxy")


def _proxy_for(parts: SplitResult) -> SplitResult | None:
    """Give the proxy of the environment that a request would go through; loopback never does."""
    host = parts.hostname or ""
    if host.startswith(_LOOPBACK) or proxy_bypass(host):
        return None
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    return urlsplit(found if "://" in found else f"http://{found}") if found else None


async def _reached(findings: Findings, place: Place, what: str) -> bool:
    """Look a name up, and open a connection."""
    name = "proxy DNS" if what == "proxy" else "DNS"
    try:
        with anyio.fail_after(_SECONDS):
            found = await anyio.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError) as error:
        advice = f"check the {what}'s name in the settings, and this machine's DNS (nslookup {place.host})"
        findings.problem(name, f"{place.host} has no address ({_words(error)})", advice, code=UNREACHABLE)
        return False
    findings.ok(name, f"{place.host} is {', '.join(sorted({str(row[4][0]) for row in found}))}")
    begun = time.perf_counter()
    try:
        with anyio.fail_after(_SECONDS):
            stream = await anyio.connect_tcp(place.host, place.port)
        await stream.aclose()
    except (OSError, TimeoutError) as error:
        found_text = f"{place.host}:{place.port} cannot be reached ({_words(error)})"
        advice = f"check the port and that the {what} runs; look for a firewall, or a proxy that must be set"
        findings.problem("proxy TCP" if what == "proxy" else "TCP", found_text, advice, code=UNREACHABLE)
        return False
    spent = (time.perf_counter() - begun) * 1000
    findings.ok(
        "proxy TCP" if what == "proxy" else "TCP", f"{place.host}:{place.port} answers in {spent:.0f} ms"
    )
    return True


async def _check_tls(findings: Findings, parts: SplitResult, place: Place) -> None:
    if parts.scheme != "https":
        findings.ok("TLS", "none: this is a loopback address")
        return
    try:
        certificate = await anyio.to_thread.run_sync(partial(_handshake, place), abandon_on_cancel=True)
    except ssl.SSLCertVerificationError as error:
        advice = (
            "check this machine's clock; where a company's proxy signs, or the certificate is your own, "
            "name its CA: SSL_CERT_FILE=ca.pem"
        )
        text = f"the certificate of {place.host} is not trusted: {error.verify_message}"
        findings.problem("TLS", text, advice, code=UNREACHABLE)
    except (OSError, TimeoutError) as error:
        advice = "check that this port speaks TLS, and that nothing on the way breaks it"
        findings.problem("TLS", f"no TLS with {place.host} ({_words(error)})", advice, code=UNREACHABLE)
    else:
        _judge(findings, certificate)


def _judge(findings: Findings, certificate: dict[str, Any]) -> None:
    issuer = {key: value for row in certificate.get("issuer", ()) for key, value in row}
    name = issuer.get("organizationName") or issuer.get("commonName") or "nobody"
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    days = (ends - datetime.now(UTC)).days
    text = f"certificate issued by {name}, valid until {ends:%Y-%m-%d}"
    if days < _DAYS_LEFT:
        findings.warning("TLS", text, "whoever runs the host has to renew it soon")
    else:
        findings.ok("TLS", text)


def _handshake(place: Place) -> dict[str, Any]:
    """Shake hands as the client does, with the same trusted authorities."""
    context = httpx.create_ssl_context()
    with (
        socket.create_connection((place.host, place.port), timeout=_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=place.host) as secure,
    ):
        return dict(secure.getpeercert() or {})


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer in {_SECONDS:.0f} s"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
