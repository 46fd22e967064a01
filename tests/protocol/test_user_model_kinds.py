"""Models that are no attrs classes, numbers that keep their digits, and classes that are no models."""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, TypedDict, TypeVar

import msgspec
import pytest
from attrs import field, frozen
from msgspec import Meta
from pydantic import BaseModel

from cloudplatform_async import Project, ResponseDecodeError
from cloudplatform_async._protocol.decoding.conversion import page_decoder, payload_decoder
from cloudplatform_async._protocol.responses import Answer, status_error
from tests.resources.listing import client_of
from tests.resources.wire import always

AWARE = datetime(2026, 3, 17, 10, 22, 14, tzinfo=UTC)
Moment = NewType("Moment", datetime)
T = TypeVar("T")


@dataclasses.dataclass
class ByDataclass:
    """A dataclass with a plain datetime."""

    at: datetime
    labels: dict[str, str] = dataclasses.field(default_factory=dict)


class ByStruct(msgspec.Struct, rename="camel"):
    """A Struct, with names of its own on the wire."""

    at: datetime
    labels: dict[str, str] = {}
    last_seen: datetime | None = None


class ByTypedDict(TypedDict):
    """A TypedDict."""

    at: datetime
    labels: NotRequired[dict[str, str]]


@frozen
class ByAttrs:
    """An attrs class."""

    at: datetime
    labels: dict[str, str] = field(factory=dict)


@frozen
class ByConverter:
    """An attrs class that needs the converter."""

    at: datetime = field(metadata={"wire": "at"}, converter=lambda moment: moment)
    labels: dict[str, str] = field(factory=dict)


@frozen
class Outer:
    """Classes of other kinds within one."""

    one: ByDataclass
    many: list[ByStruct] = field(factory=list)
    named: dict[str, ByTypedDict] = field(factory=dict)
    moment: Moment | None = None


class Pair(NamedTuple):
    """An array with names."""

    at: datetime
    name: str


KINDS = [ByDataclass, ByStruct, ByTypedDict, ByAttrs, ByConverter]


def read(body: bytes, model: Any) -> Any:
    """The model in a bare answer, the same in an envelope and in a page."""
    bare = payload_decoder(model)(Answer(200, {}, body))[0]
    assert payload_decoder(model)(Answer(200, {}, b'{"data":%b}' % body))[0] == bare
    rows = page_decoder(model)(Answer(200, {}, b'{"data":[%b]}' % body))[0]
    assert (rows.items, rows.fault) == ([bare], None)
    return bare


def fault(body: bytes, model: Any) -> ResponseDecodeError:
    """What is wrong with an answer, the same in an envelope and in a page."""
    with pytest.raises(ResponseDecodeError) as caught:
        payload_decoder(model)(Answer(200, {}, body))
    rows = page_decoder(model)(Answer(200, {}, b'{"data":[%b]}' % body))[0]
    assert rows.fault is not None
    assert rows.fault.path == f"$.data[0]{caught.value.path[1:]}"
    return caught.value


def get(value: Any, name: str) -> Any:
    """A field, however a class has it."""
    return value[name] if isinstance(value, Mapping) else getattr(value, name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_naive_datetime_is_refused_in_every_kind_of_class(kind: Any) -> None:
    """An aware one is taken."""
    assert get(read(b'{"at":"2026-03-17T10:22:14Z"}', kind), "at") == AWARE
    error = fault(b'{"at":"2026-03-17T10:22:14"}', kind)
    assert error.path == "$.at"
    assert "timezone" in error.message


@pytest.mark.parametrize(
    ("body", "model", "path"),
    [
        (b'{"at":"2026-03-17T10:22:14Z","lastSeen":"2026-03-17T10:22:14"}', ByStruct, "$.lastSeen"),
        (b'["2026-03-17T10:22:14","n"]', Pair, "$[0]"),
        (b'{"one":{"at":"2026-03-17T10:22:14"}}', Outer, "$.one.at"),
        (
            b'{"one":{"at":"2026-03-17T10:22:14Z"},"many":[{"at":"2026-03-17T10:22:14"}]}',
            Outer,
            "$.many[0].at",
        ),
        (
            b'{"one":{"at":"2026-03-17T10:22:14Z"},"named":{"a":{"at":"2026-03-17T10:22:14"}}}',
            Outer,
            "$.named.a.at",
        ),
        (b'{"one":{"at":"2026-03-17T10:22:14Z"},"moment":"2026-03-17T10:22:14"}', Outer, "$.moment"),
        (b'[["2026-03-17T10:22:14Z"],["2026-03-17T10:22:14"]]', list[list[datetime]], "$[1][0]"),
        (b'{"a":"2026-03-17T10:22:14"}', dict[str, Annotated[datetime, Meta(description="when")]], "$.a"),
    ],
)
def test_a_naive_datetime_is_found_wherever_it_is(body: bytes, model: Any, path: str) -> None:
    """Renamed, in arrays, in classes within classes, behind names for types."""
    assert fault(body, model).path == path
    assert read(body.replace(b'14"', b'14Z"'), model)


@pytest.mark.parametrize("kind", KINDS)
def test_null_for_an_optional_map_is_an_empty_one(kind: Any) -> None:
    """In every kind of class; a required one, and what is no map, stay strict."""
    found = read(b'{"at":"2026-03-17T10:22:14Z","labels":null}', kind)
    assert (found.get("labels", {}) if isinstance(found, dict) else found.labels) == {}
    assert fault(b'{"at":null,"labels":null}', kind).path == "$.at"
    assert fault(b'{"at":"2026-03-17T10:22:14Z","labels":{"a":null}}', kind).path.startswith("$.labels")


@frozen
class Many:
    """Optional and required collections."""

    must: list[str]
    tags: list[str] = field(factory=list)
    unique: set[str] = field(factory=set)
    fixed: tuple[int, ...] = ()
    text: str = ""
    maybe: dict[str, int] | None = field(factory=dict)
    inner: list["Many"] = field(factory=list)


def test_null_is_empty_for_lists_within_lists_and_never_for_texts() -> None:
    """What may be ``None`` stays ``None``."""
    body = b'{"must":[],"tags":null,"unique":null,"fixed":null,"maybe":null,"inner":[%b]}'
    body %= b'{"must":["a"],"tags":null}'
    assert read(body, Many) == Many(must=[], maybe=None, inner=[Many(must=["a"])])
    assert fault(b'{"must":null,"tags":null}', Many).path == "$.must"
    assert fault(b'{"must":[],"text":null,"tags":null}', Many).path == "$.text"
    assert fault(b'{"must":[],"inner":[{"must":[],"tags":[null]}]}', Many).path == "$.inner[0].tags[0]"


@frozen
class Priced:
    """A price in a class that is read natively."""

    price: Decimal
    extra: Any = None
    tags: list[str] = field(factory=list)


@frozen
class RenamedPrice:
    """And in one that goes through the converter."""

    price: Decimal = field(metadata={"wire": "cost"})
    prices: list[Decimal] = field(factory=list)
    inner: Priced | None = None
    extra: Any = None
    real: float = 0.0
    plain: dict[str, Any] = field(factory=dict)


DIGITS = ["1.10", "0.1", "12345678901234567890.123456789", "1e400", "-0.0", "100", "3.0000000000000000001"]


@pytest.mark.parametrize("digits", DIGITS)
def test_a_number_keeps_its_digits(digits: str) -> None:
    """Until its type is known, in every way that an answer is read."""
    number, text = Decimal(digits), digits.encode()
    assert read(b'{"price":%b}' % text, Priced).price.as_tuple() == number.as_tuple()
    assert read(b'{"price":%b,"tags":null}' % text, Priced).price.as_tuple() == number.as_tuple()
    found = read(
        b'{"cost":%b,"prices":[%b],"inner":{"price":%b,"tags":null}}' % (text, text, text), RenamedPrice
    )
    assert [each.as_tuple() for each in (found.price, *found.prices, found.inner.price)] == [
        number.as_tuple()
    ] * 3


def test_a_number_without_a_type_is_a_plain_one() -> None:
    """Not a ``Decimal``, wherever it stands."""
    found = read(
        b'{"cost":1,"extra":[1.5,{"a":2}],"real":1.5,"plain":{"a":0.1},"inner":{"price":1,"extra":0.5}}',
        RenamedPrice,
    )
    assert (found.extra, found.real, found.plain, found.inner.extra) == (
        [1.5, {"a": 2}],
        1.5,
        {"a": 0.1},
        0.5,
    )
    assert [type(each) for each in (found.extra[0], found.real, found.plain["a"], found.inner.extra)] == [
        float
    ] * 4


class Plain:
    """A class that says nothing of its fields."""


class Pydantic(BaseModel):
    """A pydantic model."""

    id: str


@frozen
class HasPlain:
    """An attrs class with a field of a plain class."""

    thing: Plain


@dataclasses.dataclass
class HasPydantic:
    """A dataclass with a list of pydantic models."""

    things: list[Pydantic]


class Renamer(msgspec.Struct):
    """A Struct round a class that only the converter can read."""

    inner: RenamedPrice


class Mixed(Enum):
    """Texts and numbers."""

    A = "a"
    ONE = 1


@frozen
class Price:
    """A class that msgspec reads by itself."""

    amount: Decimal


@frozen
class MaybePlain:
    """A field of a plain class, or nothing."""

    thing: Plain | None = None


@frozen
class Renaming(Generic[T]):
    """A class that only the converter can read, round whatever it is."""

    value: T = field(metadata={"wire": "value_of"})


NO_MODELS = [
    Plain,
    Pydantic,
    HasPlain,
    HasPydantic,
    Renamer,
    list[Plain],
    dict[str, Pydantic],
    object,
    complex,
    Project | Plain,
    Plain | None,
    MaybePlain,
    Renaming[Mixed],
    Renaming[dict[str, Mixed]],
    Renaming[Decimal | str],
    Renaming[Price | Project],
    Renaming[list[Price | Project]],
    Renaming[list[int] | list[str]],
    Renaming[Price | dict[str, int]],
    Renaming[Literal[b"x"]],
    Renaming[Annotated[str, msgspec.Meta(ge=0)]],
]


@pytest.mark.anyio
@pytest.mark.parametrize("model", NO_MODELS, ids=str)
async def test_what_nothing_can_decode_is_refused_before_a_write_is_sent(model: Any) -> None:
    """It is the programmer's mistake, and the server's data stays as it was."""
    wire = always({"id": "a"})
    async with client_of(wire) as client:
        with pytest.raises(TypeError):
            await client.request("POST", "/projects", json={}, model=model)
        with pytest.raises(TypeError):
            client.projects.iter_all(model=model)
    assert wire.requests == []


@pytest.mark.anyio
@pytest.mark.parametrize("body", [[{"id": "a"}], {"data": [{"id": "a"}], "meta": {"page": 1}}, []])
@pytest.mark.parametrize(
    ("model", "name"), [(dict, "dict"), (Project, "Project"), (ByDataclass, "ByDataclass")]
)
async def test_a_list_without_a_list_model_says_what_to_pass(model: Any, name: str, body: Any) -> None:
    """With the method and the path of the call."""
    async with client_of(always(body, x_request_id="req_1")) as client:
        with pytest.raises(ResponseDecodeError, match=rf"^GET /projects: .*model=list\[{name}\]") as caught:
            await client.request("GET", "/projects", params={"limit": 2}, model=model)
    assert caught.value.request_id == "req_1"


def test_an_error_with_half_an_emoji_keeps_its_code() -> None:
    """Errors of the platform are read as its answers are."""
    body = b'{"error":{"code":"slug_taken","message":"taken: \\ud83d"}}'
    error = status_error(Answer(409, {}, body), now=0, secrets=())
    assert (error.code, error.message) == ("slug_taken", "taken: \N{REPLACEMENT CHARACTER}")
