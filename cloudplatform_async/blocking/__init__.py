"""The same client for code without an event loop: scripts, Django, notebooks, Celery."""

from cloudplatform_async.blocking.client import Client
from cloudplatform_async.blocking.walks import Pages, RecordBatches, Stream, Tail, Walk

__all__ = ["Client", "Pages", "RecordBatches", "Stream", "Tail", "Walk"]
