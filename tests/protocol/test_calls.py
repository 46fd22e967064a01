"""A call as a value shows where it goes, and nothing that may be a secret."""

import pytest

from cloudplatform_async._protocol.calls import Call, path_template


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


@pytest.mark.parametrize(
    ("target", "template"),
    [
        ("/projects", "/projects"),
        ("/projects?name=secret", "/projects"),
        ("/projects/prj_01", "/projects/{id}"),
        ("/workflows/wfl_build/runs/run_1/cancel?x=1", "/workflows/{id}/runs/{id}/cancel"),
        ("/things/runs/9", "/things/runs/{id}"),
    ],
)
def test_a_path_template_shows_no_id(target: str, template: str) -> None:
    """It names the endpoint, and has few values."""
    assert path_template(target) == template
