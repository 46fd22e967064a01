"""Any endpoint and any list, also those that this package has no resource for."""

from collections.abc import Mapping
from typing import Any, TypeVar, Unpack, overload

from cloudplatform_async._calls.sender import Sender
from cloudplatform_async._protocol.encoding import Query
from cloudplatform_async._protocol.idempotency import AUTO, IdempotencyKey
from cloudplatform_async.pagination import Paginator
from cloudplatform_async.resources.operations import any_operation, any_source
from cloudplatform_async.responses import APIResponse
from cloudplatform_async.settings import CallOptions, Timeouts

T = TypeVar("T")


class AnyEndpoint:
    """What a client can do with a path alone."""

    _sender: Sender

    @overload
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Query | None = None,
        json: object = None,
        model: type[dict[str, Any]] = dict,
        headers: Mapping[str, str] | None = None,
        idempotency_key: IdempotencyKey = AUTO,
        timeout: Timeouts | float | None = None,
    ) -> APIResponse[dict[str, Any]]: ...

    @overload
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Query | None = None,
        json: object = None,
        model: type[T],
        headers: Mapping[str, str] | None = None,
        idempotency_key: IdempotencyKey = AUTO,
        timeout: Timeouts | float | None = None,
    ) -> APIResponse[T]: ...

    @overload
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Query | None = None,
        json: object = None,
        model: None,
        headers: Mapping[str, str] | None = None,
        idempotency_key: IdempotencyKey = AUTO,
        timeout: Timeouts | float | None = None,
    ) -> APIResponse[None]: ...

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Query | None = None,
        json: object = None,
        model: type[Any] | None = dict,
        headers: Mapping[str, str] | None = None,
        idempotency_key: IdempotencyKey = AUTO,
        timeout: Timeouts | float | None = None,
    ) -> APIResponse[Any]:
        """Call any endpoint, with every promise of this client kept.

        Args:
            method: Such as ``"GET"``.
            path: Below the base URL, such as ``"/projects/prj_01"``; percent-encode ids of your own.
            params: Query parameters; ``None`` values are left out, lists repeat their name.
            json: Body; ``None`` sends none.
            model: What the answer holds: an attrs class, ``dict``, or ``None`` where no body is expected.
            headers: Of this call.
            idempotency_key: Of a write; ``None`` sends none and gives up safe retries.
            timeout: Bounds of this call; a number bounds the whole of it, in seconds.

        Raises:
            InvalidRequestError: For arguments that must not or cannot be sent; nothing is sent.
            CloudPlatformError: Any other of the package.

        Example:
            >>> answer = await client.request("GET", "/projects/prj_01")  # doctest: +SKIP
            >>> answer.data["name"], answer.request_id  # doctest: +SKIP
        """
        call = any_operation(
            method,
            path,
            params=params,
            json=json,
            model=model,
            headers=headers,
            idempotency_key=idempotency_key,
            timeouts=None if timeout is None else Timeouts.of(timeout),
        )
        return await self._sender.send(call)

    @overload
    def iter_all(
        self,
        path: str,
        *,
        model: type[dict[str, Any]] = dict,
        params: Query | None = None,
        page_size: int | None = 100,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Paginator[dict[str, Any]]: ...

    @overload
    def iter_all(
        self,
        path: str,
        *,
        model: type[T],
        params: Query | None = None,
        page_size: int | None = 100,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Paginator[T]: ...

    def iter_all(
        self,
        path: str,
        *,
        model: type[Any] = dict,
        params: Query | None = None,
        page_size: int | None = 100,
        max_items: int | None = None,
        ahead: int = 1,
        resume_from: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Paginator[Any]:
        """Walk any list of the platform lazily; nothing is sent before the first item is asked for.

        Args:
            path: Of the list, below the base URL, such as ``"/projects"``.
            model: Of an item: an attrs class, or ``dict``.
            params: Filters; ``None`` values are left out, lists repeat their name.
            page_size: Items to ask for at a time, from 1; a checkpoint fixes it.
            max_items: Stop after so many, from 0.
            ahead: Pages to fetch ahead, from 0 (strictly on demand).
            resume_from: A ``checkpoint`` of the same walk.
            **options: See ``CallOptions``.

        Raises:
            InvalidRequestError: At once, for arguments that the platform could never accept.

        Example:
            >>> rows = client.iter_all("/projects", params={"status": "active"})  # doctest: +SKIP
        """
        source = any_source(self._sender, path, model, params, options)
        return Paginator(
            source, page_size=page_size, max_items=max_items, ahead=ahead, resume_from=resume_from
        )
