"""Tells whether what came out of a hostile answer may come out of it."""

from datetime import date, datetime
from random import Random
from typing import Any

from cloudplatform_async import AsyncClient, CloudPlatformError, Page, Project, Usage
from cloudplatform_async.testing import no_waiting
from tests.security.chaos import random_answer
from tests.security.transports import Hostile, client_of


async def one_round(dice: Random) -> str:
    """Make one call that meets a random answer; name what came out.

    Raises:
        AssertionError: For a value of a wrong type.
        Exception: Anything else is the fault that is looked for.
    """
    answer = random_answer(dice)
    async with client_of(Hostile(answer)) as client:
        try:
            with no_waiting():
                value = await _call(client, dice)
        except CloudPlatformError as error:
            assert error.outcome in ("not_sent", "rejected", "unknown")
            return type(error).__name__
    assert is_right(value), (answer, value)
    return type(value).__name__


async def _call(client: AsyncClient, dice: Random) -> Any:
    kind = dice.randrange(5)
    if kind == 0:
        return await client.projects.get("prj_01")
    if kind == 1:
        return await client.projects.list()
    if kind == 2:
        return await client.projects.iter_all(max_items=30).collect()
    if kind == 3:
        return await client.usage.get(date(2026, 3, 1), date(2026, 3, 17))
    return (await client.request("POST", "/projects", json={"name": "n"})).data


def is_right(value: Any) -> bool:
    """Tell whether a value is of exactly the types that its annotations promise."""
    if isinstance(value, list):
        return all(isinstance(item, Project) and is_right(item) for item in value)
    if isinstance(value, Page):
        return is_right(value.items) and isinstance(value.total, int | None)
    if isinstance(value, Project):
        return _is_right_project(value)
    if isinstance(value, Usage):
        return type(value.start) is type(value.end) is date and type(value.requests) is int
    return isinstance(value, dict)


def _is_right_project(project: Project) -> bool:
    moments = [moment for moment in (project.created_at, project.updated_at) if moment is not None]
    return (
        isinstance(project.id, str)
        and isinstance(project.name, str)
        and isinstance(project.slug, str | None)
        and isinstance(project.status, str | None)
        and all(isinstance(moment, datetime) and moment.tzinfo is not None for moment in moments)
        and all(isinstance(name, str) and isinstance(text, str) for name, text in project.labels.items())
    )
