"""The Celery task of the documentation: done once, by a client of its process."""

from collections.abc import Iterator
from types import ModuleType

import pytest

from cloudplatform_async.sandbox import Sandbox
from tests.examples.programs import program

pytest.importorskip("celery", reason="Celery is not installed")
pytestmark = pytest.mark.slow  # for what Celery itself takes to be loaded


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """An empty platform that the environment names."""
    with Sandbox() as sandbox:
        monkeypatch.setenv("CLOUD_API_BASE_URL", sandbox.base_url)
        monkeypatch.setenv("CLOUD_API_KEY", sandbox.api_key)
        yield sandbox


@pytest.fixture
def tasks(sandbox: Sandbox) -> Iterator[ModuleType]:
    """The tasks, as in a worker process after the fork."""
    tasks = program("celery_tasks")
    tasks.open_client()
    yield tasks
    tasks.close_client()


def test_a_task_that_is_delivered_twice_creates_once(tasks: ModuleType, sandbox: Sandbox) -> None:
    """The task's id is the idempotency key."""
    ids = [tasks.create_project.apply(("Search", "search"), task_id="task-1").get() for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(list(tasks.clients[-1].projects.iter_all())) == 1


def test_the_client_of_a_process_is_closed_with_it(sandbox: Sandbox) -> None:
    """What Celery's signals call opens it, and closes it."""
    from celery.signals import worker_process_init, worker_process_shutdown

    tasks = program("celery_tasks")
    worker_process_init.send(sender=None)
    assert len(tasks.clients) == 1
    worker_process_shutdown.send(sender=None)
    assert tasks.clients == []
