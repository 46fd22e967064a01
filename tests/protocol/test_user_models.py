"""Models of users: every kind of attrs class is decoded as strictly as our own."""

from datetime import UTC, date, datetime
from enum import Enum
from typing import Annotated, Any, Generic, Literal, TypeVar

import attrs
import pytest
from attrs import define, field, frozen
from msgspec import Meta

from cloudplatform_async._protocol.decoding.conversion import page_decoder, payload_decoder
from cloudplatform_async._protocol.decoding.kinds import is_native
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async.errors import ResponseDecodeError
from cloudplatform_async.models import Project

T = TypeVar("T")
MOMENT = b'"2026-03-17T10:22:14Z"'
AWARE = datetime(2026, 3, 17, 10, 22, 14, tzinfo=UTC)


class Colour(Enum):
    """An enum of a user."""

    RED = "red"


@frozen(kw_only=True)
class Billed(Project):
    """A project with a field that is newer than the package."""

    cost_centre: str | None = None


@frozen
class Stamped:
    """A plain datetime beside every primitive type."""

    at: datetime
    text: str = ""
    whole: int = 0
    real: float = 0.0
    flag: bool = False
    raw: bytes = b""
    colour: Colour = Colour.RED
    maybe: int | None = None
    numbers: list[int] = field(factory=list)
    named: dict[str, int] = field(factory=dict)


@frozen
class Moments:
    """Plain datetimes in every container."""

    rows: list[datetime] = field(factory=list)
    named: dict[str, datetime] = field(factory=dict)
    fixed: tuple[datetime, ...] = ()
    unique: set[datetime] = field(factory=set)
    frozen: frozenset[datetime] = frozenset()
    maybe: datetime | None = None
    deep: dict[str, list[datetime | None]] = field(factory=dict)
    described: Annotated[datetime, Meta(description="when")] | None = None


@frozen
class Renamed:
    """A field with another name on the wire, and a private one."""

    kind: Literal["a", "b"] = field(metadata={"wire": "type"})
    _secret: str = field(default="", metadata={"wire": "_secret"})
    _hidden: int = 0


@frozen
class Holder:
    """Classes within lists, dicts and each other."""

    one: Renamed
    many: list[list[Renamed]] = field(factory=list)
    named: dict[str, Renamed] = field(factory=dict)
    maybe: Renamed | None = None


@define
class Converted:
    """Converters of attrs run on values of the annotated type."""

    name: str = field(converter=str.strip)
    tags: tuple[str, ...] = field(factory=tuple, converter=tuple)


@frozen
class Checked:
    """A validator that attrs runs."""

    size: int = field(validator=attrs.validators.gt(3))


@frozen
class CheckedStamp:
    """A validator in a class that needs the converter."""

    size: int = field(validator=attrs.validators.gt(3))
    at: datetime | None = None


@frozen
class Node:
    """A tree."""

    name: str
    children: "list[Node]" = field(factory=list)


@frozen
class StampedNode:
    """A tree that needs the converter."""

    at: datetime
    children: "list[StampedNode]" = field(factory=list)


@frozen
class Box(Generic[T]):
    """A generic class."""

    value: T
    at: datetime | None = None


@frozen
class Derived:
    """A field that no answer has."""

    a: int
    double: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "double", 2 * self.a)


def read(body: bytes, model: Any) -> Any:
    """The model in a bare answer."""
    return payload_decoder(model)(Answer(200, {}, body))[0]


def fault(body: bytes, model: Any) -> ResponseDecodeError:
    """What is wrong with an answer."""
    with pytest.raises(ResponseDecodeError) as caught:
        read(body, model)
    return caught.value


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Project, True),
        (Billed, True),
        (dict, True),
        (Node, True),
        (Checked, True),
        (Box[int], True),
        (Stamped, True),
        (Moments, True),
        (Renamed, False),
        (Holder, False),
        (Converted, False),
        (StampedNode, True),
        (Derived, False),
    ],
)
def test_only_classes_that_msgspec_reads_strictly_are_read_by_it_alone(model: Any, expected: bool) -> None:
    """The others go through the converter, wherever in the class the reason stands."""
    assert is_native(model) is expected


def test_a_subclass_reads_a_newer_field() -> None:
    """In a page and alone, enveloped and bare."""
    row = b'{"id":"a","name":"n","cost_centre":"c1"}'
    expected = Billed(id="a", name="n", cost_centre="c1")
    assert read(row, Billed) == read(b'{"data":' + row + b"}", Billed) == expected
    assert page_decoder(Billed)(Answer(200, {}, b'{"data":[' + row + b"]}"))[0].items == [expected]
    assert fault(row.replace(b'"c1"', b"5"), Billed).path == "$.cost_centre"


@pytest.mark.parametrize(
    ("name", "good", "value"),
    [
        ("text", b'"x"', "x"),
        ("whole", b"5", 5),
        ("real", b"1", 1.0),
        ("flag", b"true", True),
        ("raw", b'"eA=="', b"x"),
        ("colour", b'"red"', Colour.RED),
        ("maybe", b"null", None),
        ("numbers", b"[1]", [1]),
        ("named", b'{"a":1}', {"a": 1}),
        ("at", MOMENT, AWARE),
    ],
)
def test_a_right_value_beside_a_plain_datetime_is_taken(name: str, good: bytes, value: object) -> None:
    """With exactly its type."""
    body = b'{"at":%s,"%s":%s}' % (MOMENT, name.encode(), good)
    taken = getattr(read(body, Stamped), name)
    assert (type(taken), taken) == (type(value), value)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("text", b"5"),
        ("text", b"null"),
        ("text", b"true"),
        ("text", b'["a"]'),
        ("whole", b'"5"'),
        ("whole", b"true"),
        ("whole", b"1.5"),
        ("whole", b"null"),
        ("real", b'"1"'),
        ("real", b"true"),
        ("flag", b"1"),
        ("flag", b'"false"'),
        ("flag", b"null"),
        ("raw", b"5"),
        ("colour", b'"green"'),
        ("colour", b"5"),
        ("maybe", b'"5"'),
        ("numbers", b'"12"'),
        ("numbers", b'{"1":2}'),
        ("named", b"[]"),
        ("at", b"1700000000"),
        ("at", b'"2026-03-17"'),
        ("at", b'"2026-03-17T10:22:14"'),
        ("at", b"null"),
    ],
)
def test_a_wrong_value_beside_a_plain_datetime_is_never_coerced(name: str, bad: bytes) -> None:
    """A class that needs the converter is as strict as one that does not."""
    fields = {b"at": MOMENT, name.encode(): bad}
    body = b"{" + b",".join(b'"%s":%s' % pair for pair in fields.items()) + b"}"
    assert fault(body, Stamped).path == f"$.{name}"
    assert fault(b'{"data":' + body + b"}", Stamped).path == f"$.data.{name}"


@pytest.mark.parametrize(
    ("body", "name", "value"),
    [
        (b"[%s]", "rows", [AWARE]),
        (b'{"a":%s}', "named", {"a": AWARE}),
        (b"[%s]", "fixed", (AWARE,)),
        (b"[%s]", "unique", {AWARE}),
        (b"[%s]", "frozen", frozenset({AWARE})),
        (b"%s", "maybe", AWARE),
        (b'{"a":[%s,null]}', "deep", {"a": [AWARE, None]}),
        (b"%s", "described", AWARE),
    ],
)
def test_plain_datetimes_are_aware_wherever_they_are(body: bytes, name: str, value: object) -> None:
    """An aware one is taken, a naive one refused, in every container."""
    wire = b'{"%s":%s}' % (name.encode(), body)
    assert getattr(read(wire % MOMENT, Moments), name) == value
    error = fault(wire % b'"2026-03-17T10:22:14"', Moments)
    assert error.path.startswith(f"$.{name}")
    assert "timezone" in error.message


@pytest.mark.parametrize("bad", [b"5", b'"text"', b"[[]]", b'{"a":5}', b"[null]"])
@pytest.mark.parametrize("name", ["rows", "named", "fixed", "unique", "frozen", "deep"])
def test_a_container_of_another_shape_is_refused(name: str, bad: bytes) -> None:
    """A text is no list, an object no array, and the other way round."""
    error = fault(b'{"%s":%s}' % (name.encode(), bad), Moments)
    assert error.path.startswith(f"$.{name}")


def test_a_field_is_renamed_on_the_wire() -> None:
    """``metadata={"wire": …}``; a private field is called by its alias unless it says otherwise."""
    assert read(b'{"type":"a","hidden":3,"_secret":"s"}', Renamed) == Renamed("a", "s", 3)
    assert fault(b'{"kind":"a"}', Renamed).path == "$"
    assert "missing required field `type`" in fault(b'{"kind":"a"}', Renamed).message
    assert fault(b'{"type":"c"}', Renamed).path == "$.type"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"{}", "$"),
        (b'{"one":{}}', "$.one"),
        (b'{"one":[]}', "$.one"),
        (b'{"one":{"type":"a"},"many":[[],[{"type":"a"},{"type":5}]]}', "$.many[1][1].type"),
        (b'{"one":{"type":"a"},"many":[[{}]]}', "$.many[0][0]"),
        (b'{"one":{"type":"a"},"many":["a"]}', "$.many[0]"),
        (b'{"one":{"type":"a"},"named":{"x":{"type":5}}}', "$.named.x.type"),
        (b'{"one":{"type":"a"},"maybe":{"type":5}}', "$.maybe.type"),
        (b'{"one":{"type":"a"},"maybe":"a"}', "$.maybe"),
    ],
)
def test_a_wrong_value_within_classes_is_named_by_its_path(body: bytes, path: str) -> None:
    """However deep it stands."""
    assert fault(body, Holder).path == path


def test_classes_within_classes_are_decoded() -> None:
    """In lists of lists, dicts, and where there may be none."""
    body = b'{"one":{"type":"a"},"many":[[{"type":"b"}]],"named":{"x":{"type":"a"}},"maybe":null}'
    assert read(body, Holder) == Holder(Renamed("a"), [[Renamed("b")]], {"x": Renamed("a")}, None)


def test_converters_run_on_checked_values() -> None:
    """What reaches a converter has the annotated type."""
    assert read(b'{"name":" n ","tags":["a"]}', Converted) == Converted("n", ("a",))
    assert fault(b'{"name":5}', Converted).path == "$.name"
    assert fault(b'{"name":"n","tags":[5]}', Converted).path.startswith("$.tags")


@pytest.mark.parametrize("model", [Checked, CheckedStamp])
def test_a_value_that_a_validator_refuses_is_a_decode_error(model: Any) -> None:
    """The answer is not what was asked for; the validator's words and error are kept."""
    assert read(b'{"size":4}', model).size == 4
    error = fault(b'{"size":1}', model)
    assert "'size' must be > 3" in error.message
    assert error.__cause__ is not None


def test_a_failing_converter_is_a_decode_error_that_keeps_its_cause() -> None:
    """A missing key within a user's converter is not a missing field."""

    @frozen
    class Tier:
        rank: str = field(converter=lambda text: {"gold": 1}[text])

    error = fault(b'{"rank":"tin"}', Tier)
    assert error.message == "'tin' - at `$`"
    assert error.__cause__ is not None


@pytest.mark.parametrize("model", [Node, StampedNode])
def test_a_class_may_contain_itself(model: Any) -> None:
    """Trees are decoded, strictly in every node."""
    own = b'"name":"n"' if model is Node else b'"at":' + MOMENT
    tree = read(b'{%s,"children":[{%s,"children":[{%s}]}]}' % (own, own, own), model)
    assert tree.children[0].children[0].children == []
    wrong = b'{%s,"children":[{%s,"children":[{%s,"children":5}]}]}' % (own, own, own)
    assert fault(wrong, model).path == "$.children[0].children[0].children"


def test_a_generic_class_is_read_with_its_parameter() -> None:
    """Both the parameter and the class's own fields are checked."""
    assert read(b'{"value":1,"at":%s}' % MOMENT, Box[int]) == Box(1, AWARE)
    assert fault(b'{"value":"1"}', Box[int]).path == "$.value"
    assert fault(b'{"value":1,"at":"2026-03-17T10:22:14"}', Box[int]).path == "$.at"


def test_a_field_that_no_answer_has_is_left_to_the_class() -> None:
    """``init=False`` is the class's own."""
    assert read(b'{"a":2,"double":9}', Derived).double == 4


def test_a_list_of_models_may_be_asked_for_in_one_answer() -> None:
    """``model=list[…]`` reads a bare array, and one under ``data``."""
    assert read(b'[{"type":"a"}]', list[Renamed]) == [Renamed("a")]
    assert read(b'{"data":[{"type":"a"}]}', list[Renamed]) == [Renamed("a")]
    assert fault(b'{"data":[{"type":5}]}', list[Renamed]).path == "$.data[0].type"


def test_a_class_that_cannot_be_decoded_is_named_before_anything_is_sent() -> None:
    """It is the programmer's mistake: a ``TypeError`` when the call is prepared."""

    @frozen
    class Ambiguous:
        at: datetime | date

    with pytest.raises(TypeError, match="Ambiguous"):
        payload_decoder(Ambiguous)
    with pytest.raises(TypeError, match="Ambiguous"):
        page_decoder(Ambiguous)
