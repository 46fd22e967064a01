"""What msgspec refuses, and where: the JSON path and the words of a fault."""

import re

import msgspec

from cloudplatform_async.errors import ResponseDecodeError

UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""Whatever msgspec raises for bytes or values that it refuses."""

_PATH = r"(?s)(.*) - at `\$(.*)`"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def mended(body: bytes) -> bytes:
    """Replace halves of surrogate pairs, which JSON may have and text may not (API contract §3)."""
    if not _SURROGATE.search(body):
        return body
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], body)


def fault_of(error: BaseException, path: str) -> tuple[str, str]:
    """Find the JSON path and the message of what msgspec refused below ``path``."""
    native = re.fullmatch(_PATH, str(error))
    return (path + native[2], native[1]) if native else (path, str(error))


def refused(error: BaseException, path: str) -> msgspec.ValidationError:
    """Make of what was refused below ``path`` a fault as msgspec tells one."""
    place, fault = fault_of(error, path)
    return msgspec.ValidationError(f"{fault} - at `{place}`")


def decode_error(error: BaseException, path: str = "$") -> ResponseDecodeError:
    """Make the error of a value that was refused below a JSON path."""
    place, fault = fault_of(error, path)
    made = ResponseDecodeError(f"{fault} - at `{place}`", path=place)
    made.__cause__ = error
    return made
