"""The platform's whole state, shared by everything that serves it."""

import time
from collections.abc import Callable

from attrs import define, field

from cloudplatform_async.sandbox.authorization_server import AuthorizationServer
from cloudplatform_async.sandbox.credentials import Credentials
from cloudplatform_async.sandbox.database import Database
from cloudplatform_async.sandbox.faults import Faults
from cloudplatform_async.sandbox.idempotency import IdempotencyMemory
from cloudplatform_async.sandbox.paging import Paging
from cloudplatform_async.sandbox.rate_limits import RateLimits
from cloudplatform_async.sandbox.records import Records


@define(kw_only=True)
class Platform:
    """What the platform knows and remembers, and how it is set.

    Attributes:
        latency: Seconds that the work of each request takes.
        clock: Gives the time in seconds since the epoch.
    """

    database: Database
    paging: Paging
    limits: RateLimits
    latency: float
    clock: Callable[[], float] = time.time
    credentials: Credentials = field(factory=Credentials)
    memory: IdempotencyMemory = field(factory=IdempotencyMemory)
    faults: Faults = field(factory=Faults)
    records: Records = field(factory=Records)
    authorization_server: AuthorizationServer = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.authorization_server = AuthorizationServer(credentials=self.credentials)
