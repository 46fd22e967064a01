"""The platform's whole state, shared by everything that serves it."""

import secrets
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
from cloudplatform_async.sandbox.storage.settings import Settings


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
    credentials: Credentials = field(init=False)
    memory: IdempotencyMemory = field(init=False)
    faults: Faults = field(factory=Faults)
    records: Records = field(init=False)
    webhook_retries: int
    webhook_secret: str = field(repr=False)
    sender: Sender = field(init=False)
    authorization_server: AuthorizationServer = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.credentials = Credentials(self.database)
        self.memory = IdempotencyMemory(self.database)
        self.records = Records(self.database)
        settings = Settings(self.database)
        self.authorization_server = AuthorizationServer(
            credentials=self.credentials,
            database=self.database,
            client_id=settings.get_or_set("client_id", f"client_{secrets.token_hex(6)}"),
            client_secret=settings.get_or_set("client_secret", secrets.token_urlsafe(24)),
        )
        self.schedule = Schedule(self.database, self.clock)
        self.sender = Sender(self.database, self.clock, self.schedule, self.webhook_retries)
        self.clock.when_changed(self.sender.refresh)
        # The collector runs in the middle of anything, of another sandbox's transaction on the same file too:
        # what it calls must not write.
        weakref.finalize(self, self.sender.stop)

    def end(self) -> None:
        """End what goes on by itself, and write down what is not yet."""
        self.sender.stop()
        self.records.save()
        self.limits.save()
