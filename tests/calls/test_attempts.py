"""The loop round one exchange: tenacity's, driven by decisions."""

import pytest

import cloudplatform_async._calls.attempts as module
from cloudplatform_async import ServerError
from cloudplatform_async._calls.attempts import until_settled
from cloudplatform_async._protocol.responses import Answer
from cloudplatform_async._protocol.retries import Failure
from tests.calls.scripted import Scripted, answer, client_over

pytestmark = pytest.mark.anyio

DONE = Answer(200, {}, b"")


class Play:
    """Plays outcomes, and remembers how long was waited between them."""

    def __init__(self, *outcomes: Answer | Failure | Exception) -> None:
        self.outcomes = list(outcomes)
        self.slept: list[float] = []

    async def attempt(self) -> Answer | Failure:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def run(self) -> Answer | Failure:
        first = await self.attempt()
        assert isinstance(first, Failure)
        return await until_settled(first, self.attempt, self.sleep)


def failed(wait: float | None) -> Failure:
    return Failure(ServerError("no", status_code=503), transient=True, wait=wait)


async def test_a_call_that_succeeds_at_once_never_meets_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """It pays nothing for retries."""
    monkeypatch.delattr(module, "AsyncRetrying")
    async with client_over(Scripted(answer())) as client:
        assert await client.projects.get("prj_1")


async def test_each_failure_is_waited_for_as_it_says() -> None:
    """The decision was taken once, and stands on the failure."""
    play = Play(failed(1.5), failed(2.5), DONE)
    assert await play.run() is DONE
    assert play.slept == [1.5, 2.5]


async def test_the_last_failure_comes_back_when_nothing_more_is_worth_it() -> None:
    """The sender raises its error."""
    last = failed(None)
    assert await Play(failed(0.0), last).run() is last


async def test_what_is_sent_again_at_once_does_not_wait() -> None:
    """Not even for a turn of the clock."""
    play = Play(failed(0.0), DONE)
    assert await play.run() is DONE
    assert play.slept == []


async def test_an_exception_passes_through_as_the_same_object() -> None:
    """Nothing is wrapped, nothing is tried again."""
    bug = LookupError("a bug")
    with pytest.raises(LookupError) as caught:
        await Play(failed(0.0), bug).run()
    assert caught.value is bug
