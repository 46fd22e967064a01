"""``cloudplatform workflows``: triggered once, waited for, cancelled."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudplatform_async.sandbox import Sandbox
from tests.tiers import slow

Run = Callable[..., tuple[int, str, str]]


def inputs(**steered: object) -> str:
    """How the sandbox is told what becomes of a run."""
    return json.dumps({"ref": "main", "sandbox": steered})


def test_workflows_are_listed(run: Run, sandbox: Sandbox) -> None:
    """Those that the platform has."""
    code, out, err = run("workflows", "list", "--columns", "id", "--no-header")
    assert (code, err, out.split()) == (0, "", ["wfl_build", "wfl_deploy", "wfl_report"])


def test_a_triggered_run_is_shown_and_there(run: Run, sandbox: Sandbox) -> None:
    """With its inputs; it is in the list of runs, and can be asked for."""
    code, out, err = run("workflows", "trigger", "wfl_build", "--inputs", '{"ref": "main"}', "-o", "json")
    made = json.loads(out)
    assert (code, err, made["inputs"], made["workflow_id"]) == (0, "", {"ref": "main"}, "wfl_build")
    assert run("workflows", "runs", "wfl_build", "--query", "[].id")[1] == f"{made['id']}\n"
    assert json.loads(run("workflows", "run", "wfl_build", made["id"], "-o", "json")[1])["id"] == made["id"]


def test_waiting_shows_the_run_at_its_end(run: Run, sandbox: Sandbox, no_waiting: None) -> None:
    """With what it has made."""
    given = inputs(seconds=0, result="succeeded", outputs={"artifact": "a.tar"})
    code, out, _ = run("workflows", "trigger", "wfl_build", "--inputs", given, "--wait", "-o", "json")
    ended = json.loads(out)
    assert (code, ended["status"], ended["outputs"]) == (0, "succeeded", {"artifact": "a.tar"})


def test_a_run_that_fails_is_shown_and_is_exit_10(run: Run, sandbox: Sandbox, no_waiting: None) -> None:
    """The line says why."""
    given = inputs(seconds=0, result="failed", error={"code": "tests_failed", "message": "2 of 9"})
    code, out, err = run("workflows", "trigger", "wfl_build", "--inputs", given, "--wait", "-o", "json")
    assert (code, json.loads(out)["status"], "tests_failed" in err) == (10, "failed", True)


def test_a_wait_has_a_deadline_where_one_is_given(run: Run, sandbox: Sandbox) -> None:
    """Exit 8; the run goes on."""
    made = json.loads(
        run("workflows", "trigger", "wfl_build", "--inputs", inputs(seconds=60), "-o", "json")[1]
    )
    code, out, err = run("workflows", "wait", "wfl_build", made["id"], "--timeout", "0.2")
    assert (code, out, err.count("error:"), made["id"] in err) == (8, "", 1, True)


def test_a_cancelled_run_is_shown_and_cannot_be_cancelled_again(run: Run, sandbox: Sandbox) -> None:
    """The platform says that it has ended."""
    made = json.loads(
        run("workflows", "trigger", "wfl_build", "--inputs", inputs(seconds=60), "-o", "json")[1]
    )
    code, out, _ = run("workflows", "cancel", "wfl_build", made["id"], "-o", "json")
    assert (code, json.loads(out)["status"]) == (0, "cancelled")
    assert run("workflows", "cancel", "wfl_build", made["id"])[0] == 1
    assert run("workflows", "wait", "wfl_build", made["id"])[0] == 10


def test_inputs_come_from_a_file(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    """Where they are long."""
    (tmp_path / "inputs.json").write_text('{"ref": "main"}')
    words = ["--inputs", f"@{tmp_path / 'inputs.json'}", "--query", "inputs.ref"]
    assert run("workflows", "trigger", "wfl_build", *words)[1] == "main\n"


@pytest.mark.parametrize("given", ["{", "[]", *slow("3", "@/nowhere", "ref=main")])
def test_inputs_that_are_no_object_are_refused(run: Run, sandbox: Sandbox, given: str) -> None:
    """Nothing is triggered."""
    code, _, err = run("workflows", "trigger", "wfl_build", "--inputs", given)
    assert (code, err.count("\n"), sandbox.served) == (2, 1, 0)


def test_the_same_key_triggers_once(run: Run, sandbox: Sandbox) -> None:
    """Typed twice, done once."""
    words = ["workflows", "trigger", "wfl_build", "--idempotency-key", "deploy-42", "--query", "id"]
    assert run(*words)[1] == run(*words)[1]
    assert len(run("workflows", "runs", "wfl_build", "--no-header")[1].splitlines()) == 1
