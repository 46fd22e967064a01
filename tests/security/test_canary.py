"""A canary for a key: a run at DEBUG, over real sockets, shows it to the server and to nobody else."""

import copy
import gc
import logging
import pickle
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from cloudplatform_async import (
    AsyncClient,
    CloudPlatformError,
    ConfigurationError,
    PooledTransport,
    RetryPolicy,
    Timeouts,
)
from cloudplatform_async.sandbox import Sandbox
from tests.connections.servers import HttpxTransport
from tests.tiers import slow

CANARY = "cp_canary_5f2b91c7"
TRANSPORTS = {"native": PooledTransport, "httpx": HttpxTransport}


@pytest.fixture
def shown(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Everything that the run shows, the log of every library at DEBUG included."""
    texts: list[str] = []
    with caplog.at_level(logging.DEBUG):
        yield texts
    records = [each for each in caplog.get_records("call") if each.name != "cloudplatform_sandbox"]
    assert records
    texts += [record.getMessage() + repr(record.args) for record in records]
    assert [text[max(0, text.find(CANARY) - 150) :][:300] for text in texts if CANARY in text] == []


def told_by(error: BaseException) -> list[str]:
    """An error as a log, a crash reporter and a pickle would show it."""
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    copied = pickle.loads(pickle.dumps(error))
    return [
        "".join(trace.format()),
        repr(error),
        str(error),
        repr(vars(error)),
        pickle.dumps(error).decode("latin-1"),
        repr(vars(copied)),
        repr(vars(copy.copy(error))),
    ]


def is_ours(thing: object) -> bool:
    """Whether an object belongs to the client; the sandbox is the server, which may know."""
    module = str(type(thing).__module__)
    return module.startswith("cloudplatform_async") and ".sandbox" not in module


@pytest.mark.asyncio
@pytest.mark.parametrize("transport", TRANSPORTS.values(), ids=TRANSPORTS)
@pytest.mark.parametrize(
    "fault", ["status", "reset", "cut", "hang", "unauthorized", *slow("lost_answer", "refused")]
)
async def test_a_failing_call_shows_no_secret(transport: Any, fault: str, shown: list[str]) -> None:
    """Neither in a log, nor in the error, its causes, its tracebacks with locals, or its pickle."""
    async with Sandbox(rate_limit=None) as sandbox:
        if fault == "status":
            sandbox.faults.add(status=503)
        elif fault not in ("unauthorized", "refused"):
            sandbox.faults.add(kind=fault)
        base_url = "http://127.0.0.1:9/v1" if fault == "refused" else sandbox.base_url
        client = AsyncClient(
            base_url=base_url,
            api_key=CANARY,
            access_token=lambda: CANARY + "x",
            transport=transport(),
            retries=RetryPolicy(max_retries=1, base=0),
            timeout=Timeouts(total=0.1 if fault == "hang" else 10),
        )
        async with client.with_options(headers={"x-tenant": CANARY}) as view, client:
            with pytest.raises(CloudPlatformError) as caught:
                await view.projects.create(name="n", slug="s")
            shown += told_by(caught.value)
            shown += [repr(client), repr(view), repr(vars(client)), repr(client.statistics())]
            shown += [repr(thing) for thing in gc.get_objects() if is_ours(thing)]


@pytest.mark.parametrize(
    "options",
    [
        {"api_key": CANARY + "\n"},
        {"access_token": f"{CANARY} x"},
        {"api_key": CANARY, "base_url": f"https://user:{CANARY}@api.cloudplatform.dev/v1"},
        {"api_key": CANARY, "base_url": f"http://{CANARY}.example/v1", "max_response_bytes": 0},
    ],
    ids=["key", "token", "userinfo", "host"],
)
def test_a_refused_setting_shows_no_secret(options: dict[str, Any]) -> None:
    """The message names the setting; the value stays where it was."""
    with pytest.raises(ConfigurationError) as caught:
        AsyncClient(**options)
    if "host" not in options.get("base_url", ""):
        assert CANARY not in str(caught.value) or "example" in str(caught.value)


def test_a_client_is_not_pickled() -> None:
    """What holds secrets and sockets cannot travel by accident."""
    client = AsyncClient(api_key=CANARY)
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="make a new one"):
            take(client)
    with pytest.warns(ResourceWarning) as caught:
        del client
        gc.collect()
    assert CANARY not in str(caught[0].message)
