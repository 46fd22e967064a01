"""Bytes of an answer to models: a value of the right types, or ``ResponseDecodeError`` with its path."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloudplatform_async._protocol.decoding.conversion import Rows, nothing, page_decoder, payload_decoder
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async.errors import ResponseDecodeError
from cloudplatform_async.models import Project, Usage

FULL = (
    b'{"id":"prj_1","name":"n","slug":"s","status":"active","labels":{"a":"b"},'
    b'"created_at":"2026-03-17T10:22:14Z","updated_at":"2026-03-17T10:22:14.5+02:00"}'
)
SMALL = b'{"id":"prj_1","name":"n"}'
USAGE = b'{"from":"2026-03-01","to":"2026-03-17","requests":5,"error_rate":0.5}'


def payload(body: bytes, model: type[Any] = Project, status: int = 200) -> Any:
    """The model in a single answer."""
    return payload_decoder(model)(Answer(status, {}, body))[0]


def rows(body: bytes, model: Any = Project) -> Rows[Any]:
    """The rows of a list answer."""
    return page_decoder(model)(Answer(200, {}, body))[0]


def page(body: bytes, model: type[Any] = Project) -> list[Any]:
    """All the items of a list answer."""
    found = rows(body, model)
    if found.fault is not None:
        raise found.fault
    return found.items


def fault(
    body: bytes, model: type[Any] = Project, read: Callable[..., object] = payload
) -> ResponseDecodeError:
    """What is wrong with an answer."""
    with pytest.raises(ResponseDecodeError) as caught:
        read(body, model)
    return caught.value


def test_every_field_of_a_project_is_decoded() -> None:
    """Moments become aware datetimes."""
    assert payload(FULL) == Project(
        id="prj_1",
        name="n",
        slug="s",
        status="active",
        labels={"a": "b"},
        created_at=datetime(2026, 3, 17, 10, 22, 14, tzinfo=UTC),
        updated_at=datetime(2026, 3, 17, 8, 22, 14, 500_000, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("template", "meta"),
    [
        (b"%s", {}),
        (
            b'{"data":%s,"pagination":{"page":1},"links":{"next":"/x"}}',
            {"pagination": {"page": 1}, "links": {"next": "/x"}},
        ),
        (b'{"data":%s,"meta":{"x":1},"pagination":{"total":5}}', {"x": 1, "pagination": {"total": 5}}),
        (b'{"data":%s,"meta":{"pagination":1},"pagination":2}', {"pagination": 1}),
        (b'{"data":%s,"meta":null,"links":[]}', {"links": []}),
        (b'{"data":%s,"pagination":null,"links":null}', {}),
        (b'{"data":%s}', {}),
        (b'{"data":%s,"meta":{"x":1}}', {"x": 1}),
        (b'{"data":%s,"meta":null}', {}),
        (
            b'{"meta":{"x":1},"pagination":{"page":1},"links":{},"request_id":"r","data":%s}',
            {"x": 1, "pagination": {"page": 1}, "links": {}},
        ),
        (b'{"d\\u0061ta":%s}', {}),
        (b' \r\n\t{"data":%s}\n', {}),
    ],
)
@pytest.mark.parametrize(("model", "inner"), [(Project, SMALL), (Usage, USAGE), (dict, b'{"a":1}')])
def test_enveloped_and_bare_answers_decode_alike(
    model: type[Any], inner: bytes, template: bytes, meta: dict[str, Any]
) -> None:
    """The three forms of API contract §3; what an envelope says beside its data is kept."""
    answer = payload_decoder(model)(Answer(200, {}, template % inner))
    assert answer == (payload(inner, model), meta)


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":"e","name":"n","data":{"id":"inner","name":"n"}}',
        b'{"data":5,"id":"e","name":"n"}',
        b'{"data":{"id":"inner","name":"n"},"id":"e","name":"n","meta":{}}',
        b'{"id":"e","name":"n","labels":{"data":"x"}}',
        b'{"id":"e","name":"\\"data\\""}',
    ],
)
def test_an_object_with_data_among_other_names_is_no_envelope(body: bytes) -> None:
    """A resource may have a field called ``data``."""
    assert payload(body).id == "e"


@pytest.mark.parametrize("model", [Project, dict], ids=["Project", "dict"])
def test_unknown_fields_pass(model: type[Any]) -> None:
    """New fields may appear at any time (API contract §1), of any type."""
    body = SMALL[:-1] + b',"newer":[{"a":[null]}],"type":{"x":1e300}}'
    decoded = payload(body, model)
    assert (
        decoded == Project(id="prj_1", name="n") if model is Project else decoded["newer"] == [{"a": [None]}]
    )


def test_unknown_statuses_pass() -> None:
    """An enum value that is newer than this package is a text."""
    assert payload(SMALL[:-1] + b',"status":"hibernating"}').status == "hibernating"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"{}", "$"),
        (b'{"id":"a"}', "$"),
        (b'{"id":5,"name":"n"}', "$.id"),
        (b'{"id":null,"name":"n"}', "$.id"),
        (b'{"id":["a"],"name":"n"}', "$.id"),
        (b'{"id":"a","name":"n","slug":5}', "$.slug"),
        (b'{"id":"a","name":"n","status":5}', "$.status"),
        (b'{"id":"a","name":"n","labels":{"x":5}}', "$.labels[...]"),
        (b'{"id":"a","name":"n","created_at":"2026-03-17T10:22:14"}', "$.created_at"),
        (b'{"id":"a","name":"n","created_at":"yesterday"}', "$.created_at"),
        (b'{"id":"a","name":"n","created_at":1700000000}', "$.created_at"),
        (b'{"id":"a","name":"n","created_at":"2026-02-30T10:22:14Z"}', "$.created_at"),
        (b'{"data":{"id":5,"name":"n"}}', "$.data.id"),
        (b'{"data":null}', "$.data"),
        (b'{"data":[]}', "$.data"),
        (b'{"data":{"id":"a","name":"n"},"meta":[]}', "$.meta"),
        (b'[{"id":"a","name":"n"}]', "$"),
        (b'"text"', "$"),
        (b"null", "$"),
        (b"5", "$"),
    ],
)
def test_a_wrong_value_is_named_by_its_path(body: bytes, path: str) -> None:
    """Nothing is coerced, and the message shows where it is."""
    error = fault(body)
    assert error.path == path
    assert f"`{path}`" in str(error)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"{}", "$"),
        (USAGE.replace(b'"from"', b'"start"'), "$"),
        (USAGE.replace(b'"2026-03-01"', b"5"), "$.from"),
        (USAGE.replace(b'"2026-03-01"', b'"2026-03-01T00:00:00Z"'), "$.from"),
        (USAGE.replace(b":5", b":-5"), "$.requests"),
        (USAGE.replace(b":5", b':"5"'), "$.requests"),
        (USAGE.replace(b":5", b":true"), "$.requests"),
        (USAGE.replace(b":5", b":1.5"), "$.requests"),
        (USAGE.replace(b"0.5", b"1.5"), "$.error_rate"),
        (USAGE.replace(b"0.5", b"-0.5"), "$.error_rate"),
        (USAGE.replace(b"0.5", b'"0.5"'), "$.error_rate"),
        (b'{"data":' + USAGE.replace(b":5", b":null") + b"}", "$.data.requests"),
        (b"[]", "$"),
        (b"[[1]]", "$"),
        (b'"text"', "$"),
    ],
)
def test_a_wrong_value_of_a_renamed_field_is_named_as_on_the_wire(body: bytes, path: str) -> None:
    """``Usage`` goes another way than the other models, and is as strict."""
    assert fault(body, Usage).path == path


def test_usage_is_decoded() -> None:
    """``from`` and ``to`` are ``start`` and ``end``; a whole number is a valid rate."""
    expected = Usage(start=date(2026, 3, 1), end=date(2026, 3, 17), requests=5, error_rate=0.5)
    assert payload(USAGE, Usage) == expected
    whole = payload(USAGE.replace(b"0.5", b"1"), Usage).error_rate
    assert (type(whole), whole) == (float, 1.0)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"data":[{"id":"a","name":"n"},{"id":5,"name":"n"}]}', "$.data[1].id"),
        (b'{"data":[{"id":"a"}]}', "$.data[0]"),
        (b'{"data":[null]}', "$.data[0]"),
        (b'{"data":null}', "$.data"),
        (b'{"data":{}}', "$.data"),
        (b'{"data":"abc"}', "$.data"),
        (b"{}", "$"),
        (b"[]", "$"),
        (b'{"error":{"message":"m"}}', "$"),
        (b'{"data":[],"meta":[]}', "$.meta"),
        (b'{"data":[],"meta":{"next_cursor":5}}', "$.meta.next_cursor"),
        (b'{"data":[],"pagination":{"page":"1"}}', "$.pagination.page"),
        (b'{"data":[],"pagination":{"page":0}}', "$.pagination.page"),
        (b'{"data":[],"pagination":{"page":1.5}}', "$.pagination.page"),
        (b'{"data":[],"pagination":{"limit":-1}}', "$.pagination.limit"),
        (b'{"data":[],"pagination":{"total":-1}}', "$.pagination.total"),
        (b'{"data":[],"pagination":{"total":true}}', "$.pagination.total"),
        (b'{"data":[],"pagination":{"has_more":"false"}}', "$.pagination.has_more"),
        (b'{"data":[],"links":{"next":{}}}', "$.links.next"),
    ],
)
@pytest.mark.parametrize("model", [Project, dict, Usage])
def test_a_wrong_value_of_a_list_is_named_by_its_path(model: type[Any], body: bytes, path: str) -> None:
    """In a row, and in what steers the paging."""
    if model is dict and path.endswith((".id", "data[0]")) and b"null" not in body:
        assert page(body, model)
    elif model is Usage and path == "$.data[1].id":
        assert fault(body, model, page).path == "$.data[0]"
    else:
        assert fault(body, model, page).path == path


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"\xef\xbb\xbf" + SMALL,
        SMALL[:-1],
        SMALL + b"x",
        SMALL + SMALL,
        b"<html><body>Bad gateway</body></html>",
        b"{'id':'a'}",
        b'{"id":"a","name":NaN}',
        b'{"id":"a","name":"n","x":NaN}',
        b'{"id":"a","name":"n","x":Infinity}',
        b'{"id":"a","name":"n",}',
        b'{"id":"a","name":"\xff"}',
        b'{"id":"a","name":"\\x41"}',
        b'{"id":"a","name":"a\x00b"}',
        b'{"id":"a","name":"n","x":01}',
        b'{"id":"a","name":"n","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"id":"a","name":"n","x":' + b'{"x":' * 100_000,
        b"[" * 100_000,
        b"\x1f\x8b\x08",
        "{}".encode("utf-16"),
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_no_json_is_a_decode_error(body: bytes) -> None:
    """A BOM, cut or broken JSON, HTML, NaN, invalid UTF-8, deep nesting: one typed error, never another."""
    in_list = b'{"data":[' + body + b"]}" if body[:1] == b"{" else body
    for model in (Project, Usage, dict):
        for error in (fault(body, model, payload), fault(in_list, model, page)):
            assert error.path.startswith("$")
            assert error.outcome == "not_sent"  # until the sender signs it


@pytest.mark.parametrize("field", [b'"x":1e999', b'"x":"\xc3\x28"', b'"\xff":1'])
@pytest.mark.parametrize("read", [payload, page])
def test_what_an_unknown_field_holds_counts_only_where_it_is_read(
    read: Callable[..., object], field: bytes
) -> None:
    """A model passes over a field that it does not have; ``dict`` has them all."""
    body = (b"%s" if read is payload else b'{"data":[%s]}') % (SMALL[:-1] + b"," + field + b"}")
    assert read(body, Project)
    assert fault(body, dict, read).path.startswith("$")


def test_of_duplicate_keys_the_last_counts() -> None:
    """One documented rule, for every model."""
    body = b'{"id":"a","name":"n","id":"b"}'
    assert payload(body).id == payload(body, dict)["id"] == "b"
    assert fault(b'{"id":"a","name":"n","id":5}').path == "$.id"


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"message":"m"}}',
        b'{"error":null}',
        b'{"\\u0065rror":5}',
        b' {"error":{}} ',
        b'{"error":{"message":"cut \\ud83d"}}',
    ],
)
@pytest.mark.parametrize("model", [dict, Project, Usage])
def test_an_error_alone_under_a_success_is_no_success(model: type[Any], body: bytes) -> None:
    """Also where the model would take it, and where its name is escaped (API contract §3)."""
    assert fault(body, model).path == "$.error"
    with pytest.raises(ResponseDecodeError, match="body says error"):
        nothing(Answer(200, {}, body))


@pytest.mark.parametrize("body", [b'{"error":null,"id":"a"}', b'{"x":{"error":5}}', b'{"x":"\\"error\\""}'])
def test_an_error_among_other_fields_is_a_field(body: bytes) -> None:
    """A run of a workflow has one."""
    assert payload(body, dict) == json.loads(body)
    assert nothing(Answer(200, {}, body)) == (None, {})


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b"\xff", b"[" * 100_000])
def test_where_no_body_is_expected_any_other_body_is_let_be(body: bytes) -> None:
    """A delete was done, whatever a proxy has put under it."""
    assert nothing(Answer(200, {}, body)) == (None, {})


@pytest.mark.parametrize("body", [b"", SMALL])
def test_a_204_where_a_body_was_asked_for_is_an_error(body: bytes) -> None:
    """It has no body, even where some bytes follow (RFC 9110 §15.3.5)."""
    with pytest.raises(ResponseDecodeError, match="204 and no body"):
        payload(body, status=204)


@pytest.mark.parametrize("number", [2**63, -(2**70), 10**4000])
def test_large_whole_numbers_are_kept_or_refused(number: int) -> None:
    """They are never rounded to a float."""
    body = b'{"n":%d}' % number
    try:
        assert payload(body, dict) == {"n": number}
    except ResponseDecodeError as error:
        assert "out of range" in error.message


def is_exactly(value: object, kind: str) -> bool:
    """Tell whether a field of a project holds what its type says."""
    match kind:
        case "labels":
            return type(value) is dict and all(type(text) is str for pair in value.items() for text in pair)
        case "created_at" | "updated_at":
            return value is None or (type(value) is datetime and isinstance(value.utcoffset(), timedelta))
        case "id" | "name":
            return type(value) is str
        case _:
            return value is None or type(value) is str


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.datetimes(timezones=st.none() | st.just(UTC)).map(datetime.isoformat)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner),
    max_leaves=8,
)
names = ("id", "name", "slug", "status", "labels", "created_at", "error")
projects = st.fixed_dictionaries({}, optional=dict.fromkeys(names, scalars | anything))
bodies = (projects | anything).map(lambda value: json.dumps(value).encode())


@given(bodies | bodies.map(lambda body: b'{"data":' + body + b"}") | st.binary())
@example(b'{"id":"","name":"","labels":{"":""}}')
def test_any_answer_is_a_project_of_the_right_types_or_a_decode_error(body: bytes) -> None:
    """Random JSON and random bytes: no other exception, and no field with a value of another type."""
    try:
        project = payload(body)
    except ResponseDecodeError as error:
        assert error.path.startswith("$")
    else:
        for name in Project.__slots__:
            assert name == "__weakref__" or is_exactly(getattr(project, name), name), (name, project)


@given(st.lists(projects | anything, max_size=3), anything, st.binary(max_size=3))
def test_any_list_answer_is_a_page_or_a_decode_error(rows: list[object], meta: object, cut: bytes) -> None:
    """The rows, what stands beside them, and bytes after them."""
    body = json.dumps({"data": rows, "meta": meta}).encode() + cut
    try:
        answer = page(body)
    except ResponseDecodeError as error:
        assert error.path.startswith("$")
    else:
        assert all(type(row) is Project and is_exactly(row.id, "id") for row in answer)


@given(
    st.fixed_dictionaries(
        {
            "from": scalars | st.dates().map(str),
            "to": st.dates().map(str),
            "requests": scalars,
            "error_rate": scalars,
        }
    )
)
def test_any_usage_is_of_the_right_types_or_a_decode_error(fields: dict[str, object]) -> None:
    """The converter's way is as strict as the native one."""
    try:
        usage = payload(json.dumps(fields).encode(), Usage)
    except ResponseDecodeError as error:
        assert error.path.startswith("$")
    else:
        kinds = (type(usage.start), type(usage.end), type(usage.requests), type(usage.error_rate))
        assert kinds == (date, date, int, float)
        assert usage.requests == fields["requests"]
