"""Workflows: what there is, its runs, and waiting for one to end (API contract §4)."""

from collections.abc import Mapping
from math import inf
from typing import Any, Final, Unpack

from attrs import define, evolve

from cloudplatform_async._calls.sender import Sender
from cloudplatform_async._paging.source import Page, PageSource
from cloudplatform_async._protocol.decoding.conversion import payload_decoder
from cloudplatform_async._protocol.encoding import json_body, path_of
from cloudplatform_async._protocol.idempotency import AUTO, IdempotencyKey
from cloudplatform_async._runtime.clock import CLOCK
from cloudplatform_async._runtime.raised import is_of_user
from cloudplatform_async.errors import APITimeoutError, InvalidRequestError, Outcome, WorkflowFailedError
from cloudplatform_async.models.workflows import RunStatus, Workflow, WorkflowRun
from cloudplatform_async.pagination import PAGE_SIZE, Paginator
from cloudplatform_async.resources.operations import one_page, operation, page_source, with_call_options
from cloudplatform_async.settings import CallOptions, Timeouts

_READ: Final = "workflows:read"
_WRITE: Final = "workflows:write"

_FIRST_PAUSE: Final = 0.5  # seconds between two looks at a run, growing
_LONGEST_PAUSE: Final = 10.0
_GROWTH: Final = 1.5
_LEAST_LEFT: Final = 0.05  # seconds in which another look is worth its request


@define(eq=False, repr=False, slots=False)
class Workflows:
    """The workflows of the workspace, and their runs; reached as ``client.workflows``."""

    _sender: Sender

    async def list(
        self,
        *,
        limit: int | None = None,
        page: int | None = None,
        cursor: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Page[Workflow]:
        """Fetch one page of workflows.

        Args:
            limit: Most items of the page, from 1; the platform takes 20 by default and caps it at 100.
            page: Number of the page, from 1.
            cursor: ``next_cursor`` of the page before.

        Raises:
            InvalidRequestError: For arguments that the platform could never accept; nothing is sent.

        Example:
            >>> page = await client.workflows.list()  # doctest: +SKIP
        """
        return await one_page(self._workflows(limit, options), page=page, cursor=cursor)

    def iter_all(
        self,
        *,
        page_size: int | None = PAGE_SIZE,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Paginator[Workflow]:
        """Walk all workflows lazily; nothing is sent before the first is asked for.

        Args:
            page_size: Items to ask for at a time, from 1; the platform caps it at 100. A checkpoint fixes it.
            max_items: Stop after so many, from 0.
            ahead: Pages to fetch ahead, from 0 (strictly on demand).
            resume_from: A ``checkpoint`` of the same walk.

        Raises:
            InvalidRequestError: At once, for arguments that the platform could never accept.
        """
        source = self._workflows(None, options)
        return Paginator(
            source, page_size=page_size, ahead=ahead, max_items=max_items, resume_from=resume_from
        )

    async def get(
        self,
        id: str,  # noqa: A002 - the platform's own word
        **options: Unpack[CallOptions],
    ) -> Workflow:
        """Fetch one workflow.

        Raises:
            NotFoundError: There is none with this id.
        """
        call = operation("GET", path_of("workflows", id), _READ, payload_decoder(Workflow), **options)
        return (await self._sender.send(call)).data

    async def trigger(
        self,
        id: str,  # noqa: A002 - the platform's own word
        *,
        inputs: Mapping[str, Any] | None = None,
        idempotency_key: IdempotencyKey = AUTO,
        **options: Unpack[CallOptions],
    ) -> WorkflowRun:
        """Have a workflow run, exactly once however the network fails.

        Args:
            id: Of the workflow.
            inputs: What it takes, as plain JSON values.
            idempotency_key: 1 to 255 visible ASCII characters to make the same trigger the same one
                across processes; ``AUTO`` makes a key, ``None`` sends none and gives up safe retries.

        Returns:
            The run, queued; ``wait`` waits for its end.

        Raises:
            NotFoundError: There is no workflow with this id.

        Example:
            >>> run = await client.workflows.trigger("wfl_build", inputs={"ref": "main"})  # doctest: +SKIP
            >>> run = await client.workflows.wait(run)  # doctest: +SKIP
        """
        call = operation(
            "POST",
            path_of("workflows", id, "runs"),
            _WRITE,
            payload_decoder(WorkflowRun),
            body=json_body({"inputs": {} if inputs is None else inputs}),
            idempotency_key=idempotency_key,
            **options,
        )
        return (await self._sender.send(call)).data

    async def list_runs(
        self,
        id: str,  # noqa: A002 - the platform's own word
        *,
        status: RunStatus | str | None = None,
        limit: int | None = None,
        page: int | None = None,
        cursor: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Page[WorkflowRun]:
        """Fetch one page of a workflow's runs.

        Args:
            id: Of the workflow.
            status: Of the runs; ``None`` means any.
            limit: As of ``list``.
            page: As of ``list``.
            cursor: As of ``list``.

        Raises:
            InvalidRequestError: For arguments that the platform could never accept; nothing is sent.
            NotFoundError: There is no workflow with this id.
        """
        return await one_page(self._runs(id, status, limit, options), page=page, cursor=cursor)

    def iter_runs(
        self,
        id: str,  # noqa: A002 - the platform's own word
        *,
        status: RunStatus | str | None = None,
        page_size: int | None = PAGE_SIZE,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Paginator[WorkflowRun]:
        """Walk a workflow's runs lazily; nothing is sent before the first is asked for.

        Args:
            id: Of the workflow.
            status: Of the runs; ``None`` means any.
            page_size: As of ``iter_all``.
            max_items: As of ``iter_all``.
            ahead: As of ``iter_all``.
            resume_from: As of ``iter_all``.

        Raises:
            InvalidRequestError: At once, for arguments that the platform could never accept.
        """
        source = self._runs(id, status, None, options)
        return Paginator(
            source, page_size=page_size, ahead=ahead, max_items=max_items, resume_from=resume_from
        )

    async def get_run(self, workflow_id: str, run_id: str, **options: Unpack[CallOptions]) -> WorkflowRun:
        """Fetch one run.

        Raises:
            NotFoundError: The workflow has none with this id.
        """
        path = path_of("workflows", workflow_id, "runs", run_id)
        call = operation("GET", path, _READ, payload_decoder(WorkflowRun), **options)
        return (await self._sender.send(call)).data

    async def cancel_run(
        self,
        workflow_id: str,
        run_id: str,
        *,
        idempotency_key: IdempotencyKey = AUTO,
        **options: Unpack[CallOptions],
    ) -> WorkflowRun:
        """Cancel a run that has not ended.

        Raises:
            NotFoundError: The workflow has none with this id.
            ConflictError: ``run_finished``.
        """
        path = path_of("workflows", workflow_id, "runs", run_id, "cancel")
        decode = payload_decoder(WorkflowRun)
        call = operation("POST", path, _WRITE, decode, idempotency_key=idempotency_key, **options)
        return (await self._sender.send(call)).data

    async def wait(
        self,
        run: WorkflowRun,
        *,
        timeout: Timeouts | float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> WorkflowRun:
        """Wait until a run has ended, looking at it now and then.

        The pauses between two looks grow, and are drawn at random so that many who wait do not look at
        the same moment. A status that this package does not know is not an end.

        Args:
            run: As ``trigger``, ``get_run`` or an event gives it.
            timeout: Bounds of the whole wait; a number is seconds. By default the client's, as of any
                call; ``Timeouts(total=None)`` waits as long as it takes.
            headers: Of each look.

        Returns:
            The run, succeeded.

        Raises:
            WorkflowFailedError: The run failed or was cancelled; its ``run`` is the run as it ended.
            APITimeoutError: It had not ended in time; wait for it again.

        Example:
            >>> run = await client.workflows.wait(run, timeout=600)  # doctest: +SKIP
            >>> print(run.outputs)  # doctest: +SKIP
        """
        _check_run(run)
        clock = CLOCK.process
        bounds = self._sender.timeouts if timeout is None else Timeouts.of(timeout)
        ends = inf if bounds.total is None else clock.monotonic() + bounds.total
        pause = _FIRST_PAUSE
        while not run.is_finished:
            left = ends - clock.monotonic()
            if left < _LEAST_LEFT:
                raise _not_ended(run, bounds)
            # Some of the time that is left is for the look itself.
            await clock.sleep(min(pause * clock.uniform(0.5, 1.0), left * 0.75))
            pause = min(_LONGEST_PAUSE, pause * _GROWTH)
            look = _bounded(bounds, ends - clock.monotonic())
            try:
                run = await self.get_run(run.workflow_id, run.id, timeout=look, headers=headers)
            except APITimeoutError as error:
                if ends - clock.monotonic() < _LEAST_LEFT and not is_of_user(error):
                    raise _not_ended(run, bounds, error.outcome) from error
                raise
        if run.status != "succeeded":
            raise WorkflowFailedError(_failed(run), run=run)
        return run

    def _workflows(self, limit: int | None, options: CallOptions) -> PageSource[Workflow]:
        sender = with_call_options(self._sender, options)
        return page_source(sender, "/workflows", _READ, Workflow, limit=limit, filters={})

    def _runs(
        self, workflow_id: str, status: str | None, limit: int | None, options: CallOptions
    ) -> PageSource[WorkflowRun]:
        path, filters = path_of("workflows", workflow_id, "runs"), {"status": status}
        sender = with_call_options(self._sender, options)
        return page_source(sender, path, _READ, WorkflowRun, limit=limit, filters=filters)


def _check_run(run: object) -> None:
    if not isinstance(run, WorkflowRun):
        raise InvalidRequestError(f"`run` must be a WorkflowRun, as trigger gives it, not {run!r}.")


def _bounded(bounds: Timeouts, left: float) -> Timeouts:
    return bounds if bounds.total is None else evolve(bounds, total=max(left, _LEAST_LEFT))


def _not_ended(run: WorkflowRun, bounds: Timeouts, outcome: Outcome = "not_sent") -> APITimeoutError:
    told = f"had not ended after {bounds.total:g} s: it is {run.status}."
    return APITimeoutError(f"The run {run.id} of {run.workflow_id} {told}", outcome=outcome)


def _failed(run: WorkflowRun) -> str:
    what = f"The run {run.id} of {run.workflow_id} ended as {run.status}"
    if run.error is None:
        return f"{what}."
    return f"{what}: {': '.join(filter(None, (run.error.code, run.error.message)))}"
