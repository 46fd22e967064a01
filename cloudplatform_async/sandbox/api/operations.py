"""An operation of the API as a value: where it is, what it needs and answers, and the code that does it."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from attrs import field, frozen

from cloudplatform_async.sandbox.api.answers import Answer
from cloudplatform_async.sandbox.api.calls import Call
from cloudplatform_async.sandbox.api.parameters import Parameter
from cloudplatform_async.sandbox.platform.state import Platform

Handler: TypeAlias = Callable[[Platform, Call], Answer]


@frozen(kw_only=True)
class Operation:
    """One method on one path.

    Attributes:
        scope: What a token must allow; None: no credential is asked for.
        body: Name of the body's schema.
        answers: The name of the schema of each status (None: no body).
        errors: Further statuses with the error envelope, beyond those that every operation has.
    """

    name: str
    method: str
    path: str
    summary: str
    handle: Handler
    scope: str | None
    parameters: tuple[Parameter, ...] = ()
    body: str | None = None
    body_type: str = "application/json"
    answers: Mapping[int, str | None] = field(factory=dict[int, "str | None"])
    errors: tuple[int, ...] = ()

    @property
    def group(self) -> str:
        """The group of its rate limit: the first path segment after the version (API contract §7)."""
        return self.path.split("/")[2]

    @property
    def writes(self) -> bool:
        """Whether the operation changes something, so that an `Idempotency-Key` is honoured."""
        return self.method in {"POST", "PUT", "PATCH", "DELETE"} and self.scope is not None
