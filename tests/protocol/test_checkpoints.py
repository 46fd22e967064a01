"""Checkpoints: opaque lines that name one place in one list, and refuse everything else."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloudplatform_async._protocol.lists.checkpoints import Checkpoint, decode_checkpoint, list_identity
from cloudplatform_async._protocol.lists.page_walk import Position
from cloudplatform_async.errors import InvalidRequestError

IDENTITY = list_identity("/projects", "status=active")
START = Position()

plain = st.text(st.characters(exclude_categories=["Cs"]))
positions = (
    st.just(Position())
    | st.builds(Position, cursor=plain)
    | st.builds(Position, page=st.integers(1, 10**12))
    | st.builds(Position, link=plain)
)
checkpoints = st.builds(
    Checkpoint, position=positions, offset=st.integers(0, 10**12), limit=st.none() | st.integers(1, 10**6)
)


def line(form: bytes) -> str:
    """A checkpoint with this form inside."""
    return "cp1." + urlsafe_b64encode(form).decode().rstrip("=")


@given(checkpoints)
def test_a_checkpoint_is_read_as_it_was_written(checkpoint: Checkpoint) -> None:
    """One printable ASCII word, which gives the same place again."""
    text = checkpoint.encode(IDENTITY)
    assert text.isascii()
    assert text.isprintable()
    assert " " not in text
    assert decode_checkpoint(text, IDENTITY, None) == checkpoint
    assert decode_checkpoint(text, IDENTITY, checkpoint.limit) == checkpoint


def test_the_format_stays() -> None:
    """A checkpoint that an earlier release wrote is read by this one."""
    text = "cp1.eyJsaXN0IjoiYWEiLCJvZmZzZXQiOjcsImN1cnNvciI6ImMxIiwibGltaXQiOjUwfQ"
    expected = Checkpoint(position=Position(cursor="c1"), offset=7, limit=50)
    assert decode_checkpoint(text, "aa", None) == expected
    assert expected.encode("aa") == text


@pytest.mark.parametrize(
    ("path", "query"), [("/projects", ""), ("/projects", "status=archived"), ("/usage", "status=active")]
)
def test_a_checkpoint_of_another_list_is_refused(path: str, query: str) -> None:
    """Other filters or another resource would mean other items."""
    text = Checkpoint(position=START, offset=0, limit=None).encode(IDENTITY)
    with pytest.raises(InvalidRequestError, match="another list, or to other filters"):
        decode_checkpoint(text, list_identity(path, query), None)


@pytest.mark.parametrize("limit", [None, 50])
def test_another_page_size_is_refused(limit: int | None) -> None:
    """The offset counts items of a page of that size."""
    text = Checkpoint(position=START, offset=3, limit=limit).encode(IDENTITY)
    with pytest.raises(InvalidRequestError, match=f"page_size={limit}"):
        decode_checkpoint(text, IDENTITY, 20)


def test_an_identity_does_not_show_its_filters() -> None:
    """A checkpoint is kept in files and logs; what a list is filtered by may be private."""
    assert "alice" not in list_identity("/projects", "name=alice")
    assert list_identity("/a", "b") != list_identity("/a", "c")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cp1.",
        "cp1.!!!!",
        "cp1.a",
        "cp1.é",
        "cp1.\ud800",
        "cp2.eyJsaXN0IjoiYWEifQ",
        "c1",
        "5",
        None,
        5,
        b"cp1.",
        [],
        line(b"{}"),
        line(b"[]"),
        line(b"null"),
        line(b"\xff"),
        line(b"[" * 100_000),
        line(b'{"list":' + b"[" * 100_000),
        line(b'{"x":' * 100_000),
        line(b'{"list":"a","offset":-1}'),
        line(b'{"list":"a","offset":1.5}'),
        line(b'{"list":"a","offset":"1"}'),
        line(b'{"list":"a","offset":true}'),
        line(b'{"list":"a","offset":0,"page":0}'),
        line(b'{"list":"a","offset":0,"limit":0}'),
        line(b'{"list":"a","offset":0,"limit":-5}'),
        line(b'{"list":"a","offset":0,"cursor":5}'),
        line(b'{"list":"a","offset":0,"new":1}'),
        line(b'{"list":"a","offset":' + b"9" * 10_000 + b"}"),
        line(b'{"list":"a","offset":0,"cursor":"\\ud800"}'),
    ],
    ids=lambda text: repr(text)[:20],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """Old versions, cut lines, other types and crafted values give one clear error."""
    with pytest.raises(InvalidRequestError, match="is not a checkpoint"):
        decode_checkpoint(text, "a", None)


@given(st.text() | st.text().map("cp1.".__add__) | st.binary().map(line))
@example(line(b'{"list":"a","offset":0}'))
def test_garbage_gives_a_checkpoint_or_one_error(text: str) -> None:
    """Nothing else gets out, whatever a file held."""
    try:
        checkpoint = decode_checkpoint(text, "a", None)
    except InvalidRequestError as error:
        assert "`resume_from`" in error.message
    else:
        assert checkpoint.offset >= 0


@given(checkpoints, st.integers(0, 200), st.characters(max_codepoint=126, min_codepoint=33))
def test_a_damaged_checkpoint_gives_a_checkpoint_or_one_error(
    checkpoint: Checkpoint, place: int, replacement: str
) -> None:
    """One wrong character cannot do more than name another valid place."""
    text = checkpoint.encode(IDENTITY)
    place %= len(text)
    try:
        read = decode_checkpoint(text[:place] + replacement + text[place + 1 :], IDENTITY, None)
    except InvalidRequestError as error:
        assert "`resume_from`" in error.message
    else:
        assert read.offset >= 0
        assert (read.position.page or 1) >= 1
        assert (read.limit or 1) >= 1
