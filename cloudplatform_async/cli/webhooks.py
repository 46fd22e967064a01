"""``cloudplatform webhooks``: receive deliveries on this machine, and check one by hand."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter, validators

from cloudplatform_async import ConfigurationError
from cloudplatform_async.cli.events import COLUMNS, FIELDS
from cloudplatform_async.cli.output.show import AS_USUAL, Output, View
from cloudplatform_async.cli.session.options import CONFIGURED, WHOLE, Connection

app: App = App(name="webhooks", help="Receive and check webhook deliveries.")

SECRET = "CLOUD_WEBHOOK_SECRET"  # noqa: S105 - a name, not a secret
Port = Annotated[int, WHOLE, Parameter(validator=validators.Number(gte=0, lte=65535))]
Headers = Annotated[tuple[str, ...], Parameter(name=["--header", "-H"])]


@app.command
async def listen(
    *,
    forward_to: str | None = None,
    type: Annotated[tuple[str, ...], Parameter(name="--type")] = (),  # noqa: A002 - the platform's own word
    port: Port = 0,
    secret_file: Path | None = None,
    output: Output = AS_USUAL,
    connection: Connection = CONFIGURED,
) -> None:
    """Receive deliveries until Ctrl-C: verify each, print its event, and forward it as it came.

    Subscribes where the platform has subscriptions, and removes the subscription at the end. Elsewhere it
    receives what is delivered to its address, with the secret of CLOUD_WEBHOOK_SECRET, or of stdin.

    Args:
        forward_to: Send each genuine delivery on to this URL; its answer is the platform's.
        type: Only events of this type, or of a family such as project.*; may be given more than once.
        port: Port on 127.0.0.1; 0 takes a free one.
        secret_file: Write the subscription's secret to this file, for the endpoint that verifies as well.
        output: How to show the events.
        connection: Where.
    """
    from cloudplatform_async.cli.session.connect import connect
    from cloudplatform_async.cli.session.listening import Listening, check_target

    writer = View(output, FIELDS, COLUMNS).stream()
    check_target(forward_to)
    async with connect(connection) as client:
        listening = Listening(client=client, writer=writer, forward_to=forward_to, types=type)
        await listening.run(port=port, secret_file=secret_file, fallback=_secret)


@app.command
def verify(
    file: Path,
    /,
    *,
    header: Headers = (),
    tolerance: Annotated[float, Parameter(validator=validators.Number(gte=0))] = 300.0,
    output: Output = AS_USUAL,
) -> None:
    """Check one delivery, and show its event; exit code 11 where it is not genuine.

    The secret is CLOUD_WEBHOOK_SECRET, else it is asked for, or read from stdin.

    Args:
        file: Its body, byte for byte.
        header: Its headers webhook-id, webhook-timestamp and webhook-signature, as name:value.
        tolerance: Seconds that it may be old, or ahead of this machine's clock.
        output: How to show the event.
    """
    from cloudplatform_async import WebhookVerifier

    view = View(output, FIELDS, COLUMNS)
    pairs = [text.partition(":") for text in header]
    if wrong := [name for name, colon, _ in pairs if not colon]:
        raise ConfigurationError(f"--header takes name:value, not {wrong[0]!r}.")
    try:
        body = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from None
    verifier = WebhookVerifier(_secret(), tolerance=timedelta(seconds=tolerance))
    view.one(verifier.verify(body, {name.strip(): value.strip() for name, _, value in pairs}))


def _secret() -> str:
    """Give the secret of the environment, else ask for it."""
    from cloudplatform_async.cli.session.asking import ask_secrets

    given = os.environ.get(SECRET, "").strip()
    return given or ask_secrets(["webhook secret"])["webhook_secret"]
