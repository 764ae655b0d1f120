"""The cases that Rust and Node run as well."""

from __future__ import annotations

import pytest

import nexus
from nexus import SignatureError, is_well_formed, webhooks
from nexus_server import golden

CREDENTIALS = golden("credentials.json")
WEBHOOKS = golden("webhooks.json")


def test_there_are_cases() -> None:
    assert len(CREDENTIALS["well_formed"]) >= 10
    assert len(CREDENTIALS["ill_formed"]) >= 20
    assert len(WEBHOOKS["signed"]) >= 3
    assert len(WEBHOOKS["accepted"]) >= 10
    assert len(WEBHOOKS["refused"]) >= 20


@pytest.mark.parametrize("case", CREDENTIALS["well_formed"], ids=lambda case: case["name"])
def test_a_secret_is_well_formed(case: dict[str, str]) -> None:
    assert is_well_formed(case["text"], case["prefix"])


@pytest.mark.parametrize("case", CREDENTIALS["ill_formed"], ids=lambda case: case["name"])
def test_a_typing_error_is_seen(case: dict[str, str]) -> None:
    assert not is_well_formed(case["text"], case["prefix"])


def test_a_token_with_a_typing_error_is_not_sent() -> None:
    token = next(case["text"] for case in CREDENTIALS["well_formed"] if case["prefix"] == "nxm_")
    mistyped = token[:-1] + ("1" if token.endswith("0") else "0")
    with nexus.Client(mistyped, base_url="http://127.0.0.1:9") as client, pytest.raises(ValueError, match="typing error"):
        client.verify("nx_live_x")


@pytest.mark.parametrize("case", WEBHOOKS["signed"], ids=lambda case: case["name"])
def test_a_webhook_is_signed(case: dict[str, str]) -> None:
    header = webhooks.sign(case["payload"], case["secrets"], timestamp=int(case["timestamp"]))
    assert header == case["header"]


@pytest.mark.parametrize("case", WEBHOOKS["accepted"], ids=lambda case: case["name"])
def test_a_webhook_is_accepted(case: dict[str, str]) -> None:
    for payload in (case["payload"], case["payload"].encode()):
        webhooks.verify(payload, case["header"], case["secret"], now=float(case["now"]))


@pytest.mark.parametrize("case", WEBHOOKS["refused"], ids=lambda case: case["name"])
def test_a_webhook_is_refused(case: dict[str, str]) -> None:
    with pytest.raises(SignatureError) as refused:
        webhooks.verify(case["payload"], case["header"], case["secret"], now=float(case["now"]))
    assert refused.value.fault == case["fault"]


def test_a_webhook_is_judged_by_the_present_time_and_within_the_tolerance_that_is_asked_for() -> None:
    webhooks.verify(b"{}", webhooks.sign(b"{}", "secret"), "secret")
    old = webhooks.sign(b"{}", "secret", timestamp=1000)
    with pytest.raises(SignatureError, match="ago"):
        webhooks.verify(b"{}", old, "secret")
    webhooks.verify(b"{}", old, "secret", now=1060, tolerance=60)
    with pytest.raises(SignatureError, match="61 s ago"):
        webhooks.verify(b"{}", old, "secret", now=1061, tolerance=60)
    with pytest.raises(SignatureError, match="no signature"):
        webhooks.verify(b"{}", None, "secret")
    with pytest.raises(ValueError, match="secret is empty"):
        webhooks.verify(b"{}", old, "")
