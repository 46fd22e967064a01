"""The loop round one exchange: tenacity's, driven by decisions."""

import pytest

import cloudplatform_async._calls.attempts as module
from cloudplatform_async import ServerError
from cloudplatform_async._calls.attempts import until_settled
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._protocol.retries import Failure, Stop, Wait
from tests.transport.scripted import Scripted, answer, client_over

pytestmark = pytest.mark.anyio

DONE = Answer(200, {}, b"")


class Play:
    """Plays outcomes and decisions, and remembers what was asked of it."""

    def __init__(self, outcomes: list[Answer | Failure | Exception], decisions: list[Wait | Stop]) -> None:
        self.outcomes, self.decisions = outcomes, decisions
        self.judged: list[Failure] = []
        self.slept: list[float] = []

    async def attempt(self) -> Answer | Failure:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def decide(self, failure: Failure) -> Wait | Stop:
        self.judged.append(failure)
        return self.decisions.pop(0)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def run(self) -> Answer | Failure:
        first = await self.attempt()
        assert isinstance(first, Failure)
        return await until_settled(first, self.attempt, self.decide, self.sleep)


def failed(*, immediate: bool = False) -> Failure:
    return Failure(ServerError("no", status_code=503), transient=True, immediate=immediate)


async def test_a_call_that_succeeds_at_once_never_meets_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """It pays nothing for retries."""
    monkeypatch.delattr(module, "AsyncRetrying")
    async with client_over(Scripted(answer())) as client:
        assert await client.projects.get("prj_1")


async def test_each_failure_is_judged_once_and_waited_for_as_decided() -> None:
    """The first one too, though it happened before the loop."""
    failures = [failed(), failed()]
    play = Play([*failures, DONE], [Wait(1.5), Wait(2.5)])
    assert await play.run() is DONE
    assert (play.judged, play.slept) == (failures, [1.5, 2.5])


async def test_the_last_failure_comes_back_when_nothing_more_is_worth_it() -> None:
    """The sender raises its error."""
    last = failed()
    play = Play([failed(), last], [Wait(0.0), Stop()])
    assert await play.run() is last


async def test_an_immediate_failure_is_neither_judged_nor_waited_for() -> None:
    """Whether it comes first or later."""
    later = failed()
    play = Play([failed(immediate=True), later, failed(immediate=True), DONE], [Wait(1.0)])
    assert await play.run() is DONE
    assert (play.judged, play.slept) == ([later], [1.0])


async def test_an_exception_passes_through_as_the_same_object() -> None:
    """Nothing is wrapped, nothing is tried again."""
    bug = LookupError("a bug")
    play = Play([failed(), bug], [Wait(0.0)])
    with pytest.raises(LookupError) as caught:
        await play.run()
    assert caught.value is bug
