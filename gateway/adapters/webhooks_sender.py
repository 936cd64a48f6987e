"""HTTP to the addresses of webhooks: within the egress policy, at creation as at every delivery."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from gateway.domain.webhooks_deliveries import Answer
from shared.clock import Clock
from shared.egress import (
    Egress,
    EgressError,
    EgressPolicy,
    EgressRefused,
    Resolver,
)
from shared.version import VERSION

_LONGEST_FAILURE = 300


class WebhookSender:
    """`gateway.application.webhooks_courier.Sender` and
    `gateway.application.webhooks.Addresses`."""

    def __init__(
        self, policy: EgressPolicy, resolve: Resolver, clock: Clock, *, plain_http: bool
    ) -> None:
        self._egress = Egress(policy, resolve)
        self._plain_http = plain_http
        self._clock = clock

    async def refusal(self, url: str) -> tuple[str, str] | None:
        refused = self._unspoken(url) or await self._egress.refusal(url)
        return (str(refused), refused.zh) if refused else None

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        if unspoken := self._unspoken(url):
            return Answer(None, _failure(str(unspoken), unspoken.zh))
        headers = {**headers, "user-agent": f"Shuyuan-Webhooks/{VERSION}"}
        try:
            answer = await self._egress.request(
                "POST", url, headers=headers, content=body, read=False
            )
        except EgressError as error:
            return Answer(None, _failure(str(error), error.zh))
        if 200 <= answer.status < 300:
            return Answer(answer.status, None)
        wish = _retry_after(answer.headers.get("retry-after"), self._clock())
        failure = _failure(f"it answered {answer.status}", f"对方应答 {answer.status}")
        return Answer(answer.status, failure, wish)

    def _unspoken(self, url: str) -> EgressRefused | None:
        if self._plain_http or url.lower().startswith("https:"):
            return None
        return EgressRefused("only https is spoken", "只支持 https")


def _failure(reason: str, zh: str) -> str:
    """Kept in both languages: who will read it is not known."""
    return f"{reason[:_LONGEST_FAILURE]} / {zh[:_LONGEST_FAILURE]}"


def _retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Seconds or an HTTP date (RFC 9110 §10.2.3); what is neither is passed over."""
    if value is None:
        return None
    try:
        if value.isascii() and value.isdigit():
            return timedelta(seconds=int(value))
        at = parsedate_to_datetime(value)
        return max(at.replace(tzinfo=at.tzinfo or UTC) - now, timedelta(0))
    except (ValueError, OverflowError):  # of years and zones without end, too
        return None
