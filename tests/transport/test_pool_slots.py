"""The idle slots behave like a plain list that is searched, only faster."""

import httpx
from hypothesis import given
from hypothesis import strategies as st

from cloudplatform_async._connections.slots import IdleSlots, Origin, Slot

ORIGINS: list[Origin] = [("https", b"a.example"), ("https", b"b.example"), ("http", b"a.example")]


class StillSlot(Slot):
    """A slot without a network."""

    async def send(self, request: httpx.Request) -> httpx.Response:
        raise NotImplementedError

    def translate(self, error: Exception) -> httpx.TransportError:
        raise NotImplementedError

    def is_usable(self) -> bool:
        return True

    async def aclose(self) -> None:
        raise NotImplementedError


class SearchedSlots:
    """The same promises by searching a list, oldest first."""

    def __init__(self) -> None:
        self.slots: list[Slot] = []

    def take(self, origin: Origin) -> Slot | None:
        return self.remove([slot for slot in self.slots if slot.origin == origin][-1:])

    def take_oldest(self) -> Slot | None:
        return self.remove(self.slots[:1])

    def take_expired(self, idle_before: float) -> Slot | None:
        return self.remove([slot for slot in self.slots[:1] if slot.idle_since <= idle_before])

    def remove(self, found: list[Slot]) -> Slot | None:
        for slot in found:
            self.slots.remove(slot)
        return found[0] if found else None


steps = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(ORIGINS)),
    st.tuples(st.just("take"), st.sampled_from(ORIGINS)),
    st.tuples(st.just("take_oldest"), st.none()),
    st.tuples(st.just("take_expired"), st.integers(0, 20)),
)


@given(st.lists(steps, max_size=40))
def test_any_order_of_steps_finds_what_a_search_would_find(order: list[tuple[str, object]]) -> None:
    """Last used first for an origin, oldest first for room and for expiry, whatever came before."""
    idle, searched = IdleSlots(), SearchedSlots()
    for now, (step, argument) in enumerate(order):
        if step == "put":
            slot = StillSlot(argument)  # type: ignore[arg-type]  # an origin, by the strategy
            idle.put(slot, float(now))
            searched.slots.append(slot)
            continue
        arguments = () if argument is None else (argument,)
        assert getattr(idle, step)(*arguments) is getattr(searched, step)(*arguments)
        assert len(idle) == len(searched.slots)
