"""Deliveries that no platform sent: ``python -m tests.webhooks.hostile 200000`` tries so many."""

import base64
import random
import sys
from collections.abc import Iterator
from typing import Any

from cloudplatform_async import WebhookVerificationError, WebhookVerifier
from tests.webhooks.deliveries import NOW, OTHER, PUBLIC, SECRET, event_body, signed, signed_v1a


def hostile(dice: random.Random) -> Iterator[tuple[Any, Any]]:
    """Deliveries that no platform sent, each close to one that it may have sent."""
    texts = [
        "",
        "v1",
        "v1,",
        "=",
        "é",
        "\ud83d",
        "\x00",
        "9" * 400,
        "-1",
        "1e9",
        "nan",
        "١",
        "v1a,",
        " ",
        "\r\n",
    ]
    while True:
        at = NOW + dice.choice([0, 0, 0, 301, -301, 10**7, -(10**9)])
        body = event_body(dice.choice(["project.created", "x.y"]), {"id": str(dice.random())})
        headers: Any = dice.choice([signed, signed_v1a])(body, at=at)
        change = dice.randrange(8 if at == NOW else 9)  # one that is too old or too new needs no change
        name = dice.choice(list(headers))
        value = headers[name]
        match change:
            case 0:
                body = bytes(
                    [
                        *body[: (cut := dice.randrange(len(body)))],
                        body[cut] ^ dice.randrange(1, 256),
                        *body[cut + 1 :],
                    ]
                )
            case 1:
                body = body[: dice.randrange(len(body))]
            case 2:
                del headers[name]
            case 3:
                headers[name] = dice.choice([*texts, None, 5, b"\xff", ["a", "b"], value.encode() + b"\xff"])
            case 4:
                cut = dice.randrange(len(value))
                headers[name] = value[:cut] + dice.choice(texts[1:]) + value[cut:]
                if name == "webhook-signature":  # what is added may end one token and leave it whole
                    headers[name] = headers[name].replace(value, "")
            case 5:
                headers |= {"webhook-signature": f"v1,{base64.b64encode(dice.randbytes(32)).decode()}"}
            case 6:
                headers = signed(body, secret=OTHER, at=at)
            case 7:
                body, headers = (
                    dice.randbytes(dice.randrange(60)),
                    dice.choice([headers, list(headers), None]),
                )
        yield dice.choice([body, body, memoryview(body)]), headers


def count_leaks(number: int, seed: int) -> tuple[int, int]:
    """How many of so many hostile deliveries are accepted, and how many raise anything but the one error."""
    verifier = WebhookVerifier([SECRET, PUBLIC], clock=lambda: NOW)
    accepted = leaked = 0
    for (body, headers), _ in zip(hostile(random.Random(seed)), range(number), strict=False):
        try:
            verifier.verify(body, headers)
            accepted += 1
        except WebhookVerificationError:
            continue
        except Exception as error:  # noqa: BLE001 - any other is what is counted
            leaked += 1
            print(repr(error), bytes(body), headers)  # noqa: T201 - to be looked at
    return accepted, leaked


if __name__ == "__main__":
    print("accepted, leaked:", count_leaks(int(sys.argv[1]), seed=3))  # noqa: T201 - its result
