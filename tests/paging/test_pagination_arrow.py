"""A walk hands out Arrow columns, with the checkpoint after them, and loses nothing on the way."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import httpx
import pytest
from attrs import asdict, field, frozen

from cloudplatform_async import (
    ArrowTable,
    AsyncClient,
    ConfigurationError,
    InvalidRequestError,
    Paginator,
    Project,
    RetryPolicy,
    ServerError,
)
from cloudplatform_async.sandbox import Sandbox
from tests.tiers import quick_on_asyncio

pa = pytest.importorskip("pyarrow")

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


@frozen(kw_only=True)
class Everything:
    """An attribute of each kind."""

    id: str
    kind: Literal["a", "b"] | str | None
    count: int
    share: float | None
    flag: bool
    day: date
    at: datetime
    labels: dict[str, str] = field(factory=dict)
    parts: list[int] | None = None


def client_of(sandbox: Sandbox) -> AsyncClient:
    """A client over the sandbox in this process."""
    return AsyncClient(
        api_key=sandbox.api_key,
        base_url=sandbox.base_url,
        transport=sandbox.transport(),
        retries=RetryPolicy(max_retries=0),
    )


def checkpoint_of(batch: Any) -> str:
    """What a batch's schema says."""
    (key,) = (key for key in batch.schema.metadata if b"checkpoint" in key)
    return str(batch.schema.metadata[key].decode())


async def test_each_batch_has_so_many_rows_and_the_checkpoint_after_them() -> None:
    """A walk that is resumed with it brings exactly the rows behind the batch."""
    async with client_of(Sandbox(projects=130)) as client:
        walk = client.projects.iter_all(page_size=30)
        batches = [batch async for batch in walk.record_batches(batch_size=50)]
        assert [batch.num_rows for batch in batches] == [50, 50, 30]
        for number, batch in enumerate(batches, start=1):
            rest = client.projects.iter_all(resume_from=checkpoint_of(batch))
            assert len(await rest.collect()) == max(0, 130 - 50 * number)


async def test_usage_comes_as_columns_too() -> None:
    """Its days are days."""
    async with client_of(Sandbox()) as client:
        table = pa.table(await client.usage.iter_windows(date(2026, 1, 1), date(2026, 1, 9)).arrow())
    assert table["start"].to_pylist() == [date(2026, 1, day) for day in range(1, 10)]
    assert table.schema.field("requests").type == pa.int64()


async def test_values_are_what_the_items_had() -> None:
    """Moments with their zone and all their digits, maps as maps, and the rest as JSON text."""
    item = Everything(
        id="1",
        kind=None,
        count=2**40,
        share=0.5,
        flag=True,
        day=date(2026, 3, 1),
        at=NOW,
        labels={"a": "b"},
        parts=[1, 2],
    )
    table = pa.table(
        await Paginator.of(
            [item, Everything(id="2", kind="a", count=0, share=None, flag=False, day=date.min, at=NOW)]
        ).arrow()
    )
    first, second = table.to_pylist()
    assert first["at"] == NOW
    assert table.schema.field("at").type == pa.timestamp("us", "UTC")
    assert table.schema.field("labels").type == pa.map_(pa.string(), pa.string())
    assert first["labels"] == [("a", "b")]
    assert (first["parts"], second["parts"]) == ("[1,2]", None)
    assert (first["count"], first["share"], first["flag"], first["day"]) == (
        2**40,
        0.5,
        True,
        date(2026, 3, 1),
    )
    assert (first["kind"], second["share"]) == (None, None)
    assert [table.schema.field(name).nullable for name in ("id", "kind", "share")] == [False, True, True]


@quick_on_asyncio
async def test_a_batch_of_many_rows_has_each_value_at_its_place() -> None:
    """Rows become columns some thousands at a time; nothing of that is to be seen."""
    items = [
        Project(
            id=f"prj_{number}",
            name="api",
            status=None if number % 7 else "active",
            labels={f"k{part}": f"{number}" for part in range(number % 3)},
            created_at=None if number % 5 else NOW + timedelta(microseconds=number),
        )
        for number in range(9_000)
    ]
    (batch,) = [batch async for batch in Paginator.of(items).record_batches(batch_size=10_000)]
    assert [{**row, "labels": dict(row["labels"])} for row in batch.to_pylist()] == [
        asdict(item) for item in items
    ]


async def test_every_reader_of_arrow_takes_what_comes() -> None:
    """Polars and duckdb, by the same protocol."""
    polars, duckdb = pytest.importorskip("polars"), pytest.importorskip("duckdb")
    async with client_of(Sandbox(projects=30)) as client:
        table = columns = await client.projects.iter_all().arrow()
    assert len(columns) == 30
    assert table.checkpoint.startswith("cp1.")
    assert polars.DataFrame(table)["created_at"].dtype == polars.Datetime("us", "UTC")
    assert duckdb.sql("SELECT count(*) FROM columns").fetchall() == [(30,)]
    assert pa.schema(table).names[0] == "id"


async def test_an_error_comes_after_the_rows_before_it() -> None:
    """They are a batch of their own, and its checkpoint is where to go on."""
    sandbox = Sandbox(projects=100)
    async with client_of(sandbox) as client:
        walk = client.projects.iter_all(page_size=30, ahead=0)
        batches = walk.record_batches(batch_size=1000)
        await walk.peek()
        sandbox.faults.add(status=500, times=1)
        first = await anext(batches)
        assert first.num_rows == 30
        with pytest.raises(ServerError):
            await anext(batches)
        assert (await anext(batches)).num_rows == 70
        with pytest.raises(StopAsyncIteration):
            await anext(batches)


async def test_columns_of_all_rows_come_whole_or_not_at_all() -> None:
    """After an error the walk stands where it stood, and so does the error's checkpoint."""
    sandbox = Sandbox(projects=100)
    async with client_of(sandbox) as client:
        walk = client.projects.iter_all(page_size=30, ahead=0)
        await walk.first()
        sandbox.faults.add(status=500, path="/v1/projects", times=1)
        with pytest.raises(ServerError) as caught:
            await walk.arrow()
        assert caught.value.checkpoint == walk.checkpoint
        assert len(await walk.arrow()) == 99


async def test_an_empty_list_has_columns_too() -> None:
    """And no rows."""
    async with client_of(Sandbox()) as client:
        table = await client.projects.iter_all().arrow()
    assert (len(table), pa.table(table).num_columns) == (0, 7)


async def test_items_of_no_class_are_refused() -> None:
    """Their columns could not be known before the last one."""
    async with client_of(Sandbox(projects=1)) as client:
        with pytest.raises(TypeError, match="attrs class"):
            await client.projects.iter_all(model=dict).arrow()
        with pytest.raises(InvalidRequestError):
            client.projects.iter_all().record_batches(batch_size=0)
    with pytest.raises(TypeError, match="attrs class"):  # of no items at all
        await Paginator.of([]).arrow()


async def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)

    class Unasked(httpx.AsyncBaseTransport):
        pass

    async with AsyncClient(api_key="k", transport=Unasked()) as client:
        with pytest.raises(ConfigurationError, match=r"cloudplatform-async\[parquet\]"):
            await client.projects.iter_all().arrow()


def test_rows_at_hand_become_columns() -> None:
    """Without a walk there is no checkpoint."""
    table = ArrowTable.of(Project, [Project(id="prj_1", name="api")])
    assert (len(table), table.checkpoint) == (1, "")
    assert pa.table(table).to_pylist()[0]["id"] == "prj_1"
