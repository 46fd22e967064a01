"""Tasks of Celery: one client a worker process, made after the fork, and writes that are done once."""

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown

from cloudplatform_async.blocking import Client

app = Celery("projects", broker="memory://", backend="cache+memory://")
clients: list[Client] = []


@worker_process_init.connect
def open_client(**_: object) -> None:
    """Make the client of this process: threads and sockets do not outlive a fork."""
    clients.append(Client())


@worker_process_shutdown.connect
def close_client(**_: object) -> None:
    """Close it with the process."""
    clients.pop().close()


@app.task(bind=True, acks_late=True, max_retries=3)
def create_project(self: object, name: str, slug: str) -> str:
    """Create a project; the task's own id is the key, so that a task delivered twice creates once."""
    key = self.request.id  # type: ignore[attr-defined]  # of Celery's task
    return clients[-1].projects.create(name=name, slug=slug, idempotency_key=key).id
