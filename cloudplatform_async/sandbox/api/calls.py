"""One request, read completely, as the platform's handlers see it."""

from collections.abc import Mapping
from typing import cast

import msgspec
from attrs import frozen
from starlette.datastructures import Headers, QueryParams

from cloudplatform_async.sandbox.api.answers import RefusedError


@frozen(kw_only=True)
class Call:
    """A request as a value. `now` is when it came in, in seconds since the epoch."""

    method: str
    path: str
    ids: Mapping[str, str]
    query: QueryParams
    headers: Headers
    body: bytes
    now: float

    def document(self) -> dict[str, object]:
        """The JSON object in the body.

        Raises:
            RefusedError: 415 for another content type, 400 for broken JSON, 422 for JSON that is no object.
        """
        document: object = json_of(self.headers, self.body)
        if not isinstance(document, dict):
            raise RefusedError(422, "validation_failed", "The body must be a JSON object.")
        return cast("dict[str, object]", document)


def json_of(headers: Headers, body: bytes) -> object:
    """What a JSON body says.

    Raises:
        RefusedError: 415 for another content type, 400 for broken JSON.
    """
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise RefusedError(415, "unsupported_media_type", "Send the body as application/json.")
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(400, "invalid_json", f"The body is not valid JSON: {error}.") from error
