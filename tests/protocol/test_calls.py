"""A call as a value shows where it goes, and nothing that may be a secret."""

from cloudplatform_async._protocol.calls import Call


def test_a_call_shows_neither_headers_nor_body() -> None:
    """A traceback with locals holds calls; what their makers put on them is theirs."""
    call = Call(
        method="POST",
        target="/projects",
        group="projects",
        decode=bytes,
        headers=(("x-tenant", "canary-1"),),
        body=b"canary-2",
        idempotency_key="canary-3",
    )
    assert repr(call) == "Call(POST /projects)"
