"""The platform's whole state, shared by everything that serves it."""

import weakref

from attrs import define, field

from cloudplatform_async.sandbox.api.authorization_server import AuthorizationServer
from cloudplatform_async.sandbox.api.credentials import Credentials
from cloudplatform_async.sandbox.platform.clock import Clock
from cloudplatform_async.sandbox.platform.idempotency import IdempotencyMemory
from cloudplatform_async.sandbox.platform.paging import Paging
from cloudplatform_async.sandbox.platform.rate_limits import RateLimits
from cloudplatform_async.sandbox.platform.schedule import Schedule
from cloudplatform_async.sandbox.serving.faults import Faults
from cloudplatform_async.sandbox.serving.records import Records
from cloudplatform_async.sandbox.serving.sender import Sender
from cloudplatform_async.sandbox.storage.database import Database


@define(kw_only=True)
class Platform:
    """What the platform knows and remembers, and how it is set.

    Attributes:
        latency: Seconds that the work of each request takes.
        api_key: The key that the sandbox tells its users.
        clock: Gives the time in seconds since the epoch.
        schedule: What happens by itself; it is asked before the database is.
        webhook_retries: How often a delivery is tried again.
        webhook_secret: The secret with which every subscription begins.
        sender: Sends deliveries; it is woken after each write.
    """

    database: Database
    paging: Paging
    limits: RateLimits
    latency: float
    clock: Clock
    schedule: Schedule = field(init=False)
    api_key: str = field(default="", repr=False)
    credentials: Credentials = field(factory=Credentials)
    memory: IdempotencyMemory = field(factory=IdempotencyMemory)
    faults: Faults = field(factory=Faults)
    records: Records = field(factory=Records)
    webhook_retries: int
    webhook_secret: str = field(repr=False)
    sender: Sender = field(init=False)
    authorization_server: AuthorizationServer = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.authorization_server = AuthorizationServer(credentials=self.credentials)
        self.schedule = Schedule(self.database, self.clock)
        self.sender = Sender(self.database, self.clock, self.schedule, self.webhook_retries)
        self.clock.when_changed(self.sender.refresh)
        weakref.finalize(self, self.sender.stop)
