"""Async views of Django over one client a process; a sync view reaches it through ``async_to_sync``."""

import json
from functools import cache

from asgiref.sync import async_to_sync
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse

from cloudplatform_async import AsyncClient, NotFoundError


@cache
def client() -> AsyncClient:
    """The client of this process, made when it is first used: after the server has forked its workers."""
    return AsyncClient()


async def project(request: HttpRequest, id: str) -> JsonResponse:
    """Show one project."""
    try:
        return JsonResponse((await client().projects.get(id)).to_dict())
    except NotFoundError as error:
        return JsonResponse({"error": error.code}, status=404)


async def projects(request: HttpRequest) -> StreamingHttpResponse:
    """Stream all projects; the first row is there before the status is sent."""
    walk = client().projects.iter_all()
    await walk.peek()
    rows = (json.dumps(each.to_dict()) + "\n" async for each in walk)
    return StreamingHttpResponse(rows, content_type="application/x-ndjson")


def slug(request: HttpRequest, id: str) -> JsonResponse:
    """Show a slug from a view that is not async."""
    return JsonResponse({"slug": async_to_sync(client().projects.get)(id).slug})
