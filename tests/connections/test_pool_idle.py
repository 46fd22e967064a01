"""The idle connections behave like a plain list that is searched, only faster."""

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from cloudplatform_async._connections.connection import Connection, Route
from cloudplatform_async._connections.messages import Origin
from cloudplatform_async._connections.pool import IdleConnections

ROUTES = [
    Route(Origin("https", name, 443), kind) for name in ("a.example", "b.example") for kind in ("x", "y")
]


class Still:
    """A connection without a network."""

    idle_since = 0.0

    def __init__(self, route: Route) -> None:
        self.route = route


class Searched:
    """The same promises by searching a list, oldest first."""

    def __init__(self) -> None:
        self.held: list[tuple[Route, Connection]] = []

    def take(self, route: Route) -> Connection | None:
        return self.remove([each for each in self.held if each[0] == route][-1:])

    def take_oldest(self, route: Route | None, before: float | None) -> Connection | None:
        found = [each for each in self.held if route in (None, each[0])][:1]
        return self.remove([each for each in found if before is None or each[1].idle_since <= before])

    def remove(self, found: list[tuple[Route, Connection]]) -> Connection | None:
        for each in found:
            self.held.remove(each)
        return found[0][1] if found else None


steps = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(ROUTES), st.none()),
    st.tuples(st.just("take"), st.sampled_from(ROUTES), st.none()),
    st.tuples(st.just("oldest"), st.sampled_from([None, *ROUTES]), st.sampled_from([None, 0, 5, 10, 20])),
)


@given(st.lists(steps, max_size=40))
def test_any_order_of_steps_finds_what_a_search_would_find(order: list[tuple[str, Any, Any]]) -> None:
    """Last used first for a route, oldest first for room, for expiry and for suspicion."""
    idle, searched = IdleConnections(), Searched()
    for now, (step, route, before) in enumerate(order):
        if step == "put":
            connection = cast("Connection", Still(route))
            idle.put(connection, float(now))
            searched.held.append((route, connection))
        elif step == "take":
            assert idle.take(route) is searched.take(route)
        else:
            assert idle.take_oldest(route, idle_before=before) is searched.take_oldest(route, before)
        assert len(idle) == len(searched.held)
