"""Signatures of webhooks, and what follows from an answer."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.webhooks import State as WebhookState
from gateway.domain.webhooks import new_secret, signature
from gateway.domain.webhooks_deliveries import (
    BACK_OFF,
    GIVEN_UP_AFTER,
    JITTER,
    Answer,
    State,
    Streak,
    judged,
    sequence_of,
)

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
FAILED = Answer(500, "it answered 500")


def test_a_signature_is_the_published_one() -> None:
    """The vector of the reference libraries of Standard Webhooks."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    made = signature([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_two_secrets_make_two_signatures() -> None:
    one, two = new_secret(), new_secret()
    both = signature([one, two], "id", 1, b"{}").split(" ")
    assert both == [signature([each], "id", 1, b"{}") for each in (one, two)]


def test_a_secret_has_32_random_bytes() -> None:
    secret = new_secret()
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert secret != new_secret()


@pytest.mark.parametrize(("attempts", "wait"), list(enumerate(BACK_OFF, start=1)))
def test_each_repetition_waits_longer_within_its_jitter(attempts: int, wait: timedelta) -> None:
    soonest, latest = (judged(FAILED, attempts, Streak(), NOW, each) for each in (0.0, 1.0))
    assert soonest.due_at == NOW + wait
    assert latest.due_at == NOW + wait * (1 + JITTER)
    assert soonest.state is State.PENDING


def test_the_last_failure_is_a_dead_letter_and_not_the_end_of_the_webhook() -> None:
    verdict = judged(FAILED, len(BACK_OFF) + 1, Streak(), NOW, 0)
    assert (verdict.state, verdict.due_at, verdict.ends) == (State.DEAD, None, None)


def test_a_success_forgets_the_failures_before_it() -> None:
    verdict = judged(Answer(204, None), 3, Streak(9, NOW - timedelta(days=9)), NOW, 0)
    assert (verdict.state, verdict.streak, verdict.free_at) == (State.DELIVERED, Streak(), NOW)
    assert verdict.ends is None


@pytest.mark.parametrize(
    ("failures", "pause"), [(0, 5), (1, 10), (2, 20), (5, 160), (6, 300), (10_000, 300)]
)
def test_a_webhook_that_goes_on_failing_is_left_alone_for_longer(failures: int, pause: int) -> None:
    verdict = judged(FAILED, 1, Streak(failures, NOW), NOW, 0)
    assert verdict.free_at == NOW + timedelta(seconds=pause)
    assert verdict.streak == Streak(failures + 1, NOW)


@pytest.mark.parametrize(("asked", "given"), [(60, 60), (1, 5), (10**9, 24 * 3600)])
def test_retry_after_is_obeyed_up_to_a_day(asked: int, given: int) -> None:
    answer = Answer(429, "it answered 429", timedelta(seconds=asked))
    verdict = judged(answer, 1, Streak(), NOW, 0)
    assert verdict.due_at == verdict.free_at == NOW + timedelta(seconds=given)


def test_an_address_that_is_gone_ends_the_webhook_at_once() -> None:
    verdict = judged(Answer(410, "it answered 410"), 1, Streak(), NOW, 0)
    assert (verdict.state, verdict.ends) == (State.DEAD, WebhookState.GONE)


def test_nothing_but_failures_for_five_days_end_a_webhook() -> None:
    almost = Streak(7, NOW - GIVEN_UP_AFTER + timedelta(seconds=1))
    assert judged(FAILED, 1, almost, NOW, 0).ends is None
    verdict = judged(FAILED, 1, Streak(7, NOW - GIVEN_UP_AFTER), NOW, 0)
    assert (verdict.state, verdict.ends) == (State.PENDING, WebhookState.FAILING)


def test_sequences_sort_as_text_as_they_do_as_numbers() -> None:
    assert sorted(map(sequence_of, (1000, 9, 10))) == [sequence_of(n) for n in (9, 10, 1000)]
