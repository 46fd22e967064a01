"""The OAuth 2.0 token endpoint, outside the versioned API: form in, JSON out, errors after RFC 6749 §5.2."""

from base64 import b64decode
from binascii import Error as Base64Error
from hmac import compare_digest
from urllib.parse import parse_qsl, unquote_plus

from cloudplatform_async.sandbox.api.answers import Answer, json_answer
from cloudplatform_async.sandbox.api.authorization_server import GrantError
from cloudplatform_async.sandbox.api.calls import Call
from cloudplatform_async.sandbox.api.operations import Operation
from cloudplatform_async.sandbox.api.parameters import Schema
from cloudplatform_async.sandbox.platform.state import Platform

# RFC 6749 §5.1
_NOT_STORED = {"cache-control": "no-store", "pragma": "no-cache"}


def grant_token(platform: Platform, call: Call) -> Answer:
    """Answer a token request."""
    server = platform.authorization_server
    parameters = dict(parse_qsl(call.body.decode("latin-1"), keep_blank_values=True))
    known = f"{server.client_id}:{server.client_secret}"
    if not compare_digest(_client(call, parameters).encode(), known.encode()):
        challenge = {"www-authenticate": 'Basic realm="cloudplatform"'}
        return _refusal(401, "invalid_client", "The client id or secret is wrong.").with_headers(challenge)
    try:
        return json_answer(server.grant(parameters, call.now), headers=_NOT_STORED)
    except GrantError as error:
        return _refusal(400, error.code, str(error))


def _client(call: Call, parameters: dict[str, str]) -> str:
    # RFC 6749 §2.3.1: HTTP Basic, its two halves form-encoded, or both in the body.
    scheme, _, basic = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return f"{parameters.get('client_id')}:{parameters.get('client_secret')}"
    try:
        name, _, secret = b64decode(basic).decode().partition(":")
    except (Base64Error, UnicodeDecodeError):
        return ""
    return f"{unquote_plus(name)}:{unquote_plus(secret)}"


def _refusal(status: int, code: str, description: str) -> Answer:
    body = {"error": code, "error_description": description}
    return json_answer(body, status=status, headers=_NOT_STORED)


_TEXT: Schema = {"type": "string"}

SCHEMAS: dict[str, Schema] = {
    "TokenRequest": {
        "type": "object",
        "required": ["grant_type"],
        "properties": {
            "grant_type": {"type": "string", "enum": ["client_credentials", "refresh_token"]},
            "refresh_token": _TEXT,
            "scope": _TEXT,
            "client_id": _TEXT,
            "client_secret": _TEXT,
        },
    },
    "Token": {
        "type": "object",
        "required": ["access_token", "token_type", "expires_in", "scope"],
        "properties": {
            "access_token": _TEXT,
            "token_type": {"const": "Bearer"},
            "expires_in": {"type": "integer"},
            "scope": _TEXT,
            "refresh_token": _TEXT,
        },
    },
    "TokenError": {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {**_TEXT, "examples": ["invalid_client"]}, "error_description": _TEXT},
    },
}

OPERATIONS = (
    Operation(
        name="grantToken",
        method="POST",
        path="/oauth/token",
        summary="Grant an access token to a client, for its credentials or for a refresh token",
        handle=grant_token,
        scope=None,
        body="TokenRequest",
        body_type="application/x-www-form-urlencoded",
        answers={200: "Token", 400: "TokenError", 401: "TokenError"},
    ),
)
