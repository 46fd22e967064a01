"""Where a walk stood, as one opaque line of text that outlives the process."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Annotated

import msgspec
from msgspec import Meta

from cloudplatform_async._protocol.lists.page_walk import Position
from cloudplatform_async.errors import InvalidRequestError

_PREFIX = "cp1."  # the version of the format


class _Form(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    list: str
    offset: Annotated[int, Meta(ge=0)]
    cursor: str | None = None
    page: Annotated[int, Meta(ge=1)] | None = None
    link: str | None = None
    limit: Annotated[int, Meta(ge=1)] | None = None


_decode_form = msgspec.json.Decoder(_Form).decode


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """After the last item that was handed out.

    Attributes:
        position: Of the page that holds it.
        offset: Items of that page that were handed out.
        limit: Page size of the walk.
    """

    position: Position
    offset: int
    limit: int | None

    def encode(self, identity: str) -> str:
        """Write the checkpoint of the list that ``identity`` names."""
        form = _Form(
            list=identity,
            offset=self.offset,
            cursor=self.position.cursor,
            page=self.position.page,
            link=self.position.link,
            limit=self.limit,
        )
        return _PREFIX + urlsafe_b64encode(msgspec.json.encode(form)).decode().rstrip("=")


def list_identity(path: str, query: str) -> str:
    """Name a list by its path and filters, without showing them."""
    return blake2b(f"{path}?{query}".encode(), digest_size=9).hexdigest()


def decode_checkpoint(text: str, identity: str, limit: int | None) -> Checkpoint:
    """Read a checkpoint of the list that ``identity`` names.

    Raises:
        InvalidRequestError: For text that is no checkpoint, and for one of another list, other filters
            or another page size.
    """
    form = _read(text)
    if form.list != identity:
        raise InvalidRequestError(
            "`resume_from` belongs to another list, or to other filters; pass the same ones."
        )
    if limit is not None and limit != form.limit:
        raise InvalidRequestError(f"`resume_from` fixes page_size={form.limit}; leave `page_size` out.")
    position = Position(cursor=form.cursor, page=form.page, link=form.link)
    return Checkpoint(position=position, offset=form.offset, limit=form.limit)


def _read(text: object) -> _Form:
    try:
        if not isinstance(text, str) or not text.startswith(_PREFIX):
            raise ValueError("no checkpoint of this version")
        payload = text.removeprefix(_PREFIX)
        return _decode_form(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError as error:  # of base64 and msgspec alike
        raise InvalidRequestError(
            "`resume_from` is not a checkpoint; pass a paginator's `.checkpoint`."
        ) from error
