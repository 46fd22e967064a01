"""Makes the TLS settings that all connections of a transport share, when the first of them needs them."""

import os
import ssl
from functools import cached_property
from pathlib import Path

import httpx

from cloudplatform_async.errors import ConfigurationError


class TLSSettings:
    """One ``SSLContext`` for many connections: loading the authorities takes 10 to 20 ms.

    Args:
        verify: ``True`` (the usual authorities), ``False`` (no check), a PEM file or a folder of
            them, or a ready context.
        trust_env: Whether SSL_CERT_FILE and SSL_CERT_DIR name the usual authorities.

    Raises:
        cloudplatform_async.ConfigurationError: The path cannot be loaded.
    """

    def __init__(self, verify: bool | str | Path | ssl.SSLContext, *, trust_env: bool) -> None:
        self._verify = _load(verify) if isinstance(verify, str | Path) else verify
        self._trust_env = trust_env

    @cached_property
    def context(self) -> ssl.SSLContext:
        """The context that checks the peer.

        Raises:
            httpx.ConnectError: The authorities named by the environment cannot be loaded.
        """
        try:
            if self._verify is True and self._trust_env:
                # As httpx 0.28 does; 0.27 passes over a path that is not there, and trusts the usual ones.
                if path := os.environ.get("SSL_CERT_FILE"):
                    return ssl.create_default_context(cafile=path)
                if path := os.environ.get("SSL_CERT_DIR"):
                    return ssl.create_default_context(capath=path)
            return httpx.create_ssl_context(verify=self._verify, trust_env=self._trust_env)
        except OSError as error:
            raise httpx.ConnectError("The trusted certificates cannot be loaded.") from error

    @cached_property
    def unused(self) -> ssl.SSLContext:
        """A context that trusts nobody: httpx wants one for plain connections too."""
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _load(path: str | Path) -> ssl.SSLContext:
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise ConfigurationError(f"verify: no certificates can be loaded from {str(path)!r}.") from error
