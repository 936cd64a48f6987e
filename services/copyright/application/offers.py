"""The licences of a work: what its events offer, on the terms of their policies, at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.copyright.application.registrations_ports import RegistrationStore
from services.copyright.domain.odrl import Policy, Reason, Use
from services.copyright.verify.events import RULES, Registration, fold
from services.copyright.verify.leaf import Leaf, event_hash
from shared.access import grants_of
from shared.principal import Principal


@dataclass(frozen=True)
class Offered:
    """A licence that an event offers `since` a time, with its policy as it was read and as it is
    written. `standing`: it was neither withdrawn nor replaced; `open`: somebody may still agree to
    it now; `agreed`: how many people did."""

    event: str
    since: datetime
    policy: Policy
    document: bytes
    standing: bool
    open: bool
    revoked: bool
    agreed: int

    def refuses(self, caller: Principal, now: datetime) -> Reason | None:
        """Why the caller is none of those for whom it is, in any role of theirs; None where they
        are."""
        uses = as_whom(Use(action="", at=now), caller)
        limits = [
            limit
            for rule in self.policy.permissions[:1]  # all are for the same recipients
            for limit in rule.constraints
            if limit.left == "recipient"
        ]
        unmet = [[reason for each in limits if (reason := each.unmet(use))] for use in uses]
        return None if any(not each for each in unmet) else unmet[0][0]


async def offers_of(
    store: RegistrationStore, entries: Sequence[bytes], now: datetime
) -> list[Offered]:
    """Every licence that was offered and whose policy is known, the oldest first."""
    state, found = fold(entries), []
    for entry in entries:
        event, leaf = event_hash(entry), Leaf.parse(entry)
        digest = leaf.rights_policy_sha256 if event in state.offers else None
        document = await store.policy(digest) if digest else None
        if document is None:
            continue
        policy, standing = Policy.parse(document), event in state.open_offers
        found.append(
            Offered(
                event,
                datetime.fromisoformat(leaf.claimed_at),
                policy,
                document,
                standing,
                standing and _takes(state) and (policy.until is None or now < policy.until),
                event in state.revoked_offers,
                len(set(state.offers[event])),
            )
        )
    return found


def as_whom(use: Use, caller: Principal | None) -> Sequence[Use]:
    """`use` as it was asked, or as each of the caller's roles would make it."""
    if caller is None or use.organisation is not None or use.role is not None:
        return [use]
    held = [replace(use, organisation=grant.path, role=grant.role) for grant in grants_of(caller)]
    return held or [use]


def _takes(state: Registration) -> bool:
    """Whether agreements have a place while the registration stands so."""
    return state.standing in RULES["licence.agree"].standings
