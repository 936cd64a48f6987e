"""The state of a registration: a fold over its events. Nothing else says who holds what."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from services.copyright.verify.leaf import Leaf, event_hash


class Standing(StrEnum):
    """Where a registration stands. `PLATFORM` is the platform's own stream of events."""

    NEW = "new"
    ACTIVE = "active"
    DISPUTED = "disputed"
    NOTICED = "noticed"
    COUNTERED = "countered"
    REMOVED = "removed"
    PLATFORM = "platform"


class Actor(StrEnum):
    """Who may emit an event."""

    PERSON = "person"
    HOLDER = "holder"
    OTHER = "other"  # a person who is not the holder
    RECIPIENT = "recipient"  # of the transfer proposed last
    PLATFORM = "platform"


class EventRefused(Exception):
    """The event does not fit the events before it. Base of the three reasons below."""


class StaleHead(EventRefused):
    """Another event came first: `prev_event` or `seq_in_reg` is not the head's."""


class NotAllowedNow(EventRefused):
    """The registration's state has no place for this event."""


class NotTheirs(EventRefused):
    """The event is another party's to make."""


@dataclass(frozen=True)
class Rule:
    """When an event may come, from whom, and where it leads; no `to`: the standing stays."""

    standings: frozenset[Standing]
    actor: Actor
    to: Standing | None = None


_REGISTERED = frozenset(Standing) - {Standing.NEW, Standing.PLATFORM}
_ACTIVE = frozenset({Standing.ACTIVE})
_STANDING = _ACTIVE | {Standing.DISPUTED}
_CONTESTED = frozenset({Standing.DISPUTED, Standing.NOTICED, Standing.COUNTERED})
_UNANSWERED = frozenset({Standing.DISPUTED, Standing.NOTICED})
_OWN_STREAM = Rule(frozenset({Standing.NEW, Standing.PLATFORM}), Actor.PLATFORM, Standing.PLATFORM)

RULES: Mapping[str, Rule] = {
    "register": Rule(frozenset({Standing.NEW}), Actor.PERSON, Standing.ACTIVE),
    "revise": Rule(_ACTIVE, Actor.HOLDER),
    "licence.offer": Rule(_ACTIVE, Actor.HOLDER),
    "licence.agree": Rule(_ACTIVE, Actor.OTHER),
    "licence.revoke": Rule(_REGISTERED, Actor.HOLDER),
    "transfer.propose": Rule(_ACTIVE, Actor.HOLDER),
    "transfer.accept": Rule(_ACTIVE, Actor.RECIPIENT),
    "claim.dispute": Rule(_ACTIVE, Actor.OTHER, Standing.DISPUTED),
    "takedown.notice": Rule(_STANDING, Actor.OTHER, Standing.NOTICED),
    "takedown.counter": Rule(_UNANSWERED, Actor.HOLDER, Standing.COUNTERED),
    "takedown.decision": Rule(_CONTESTED, Actor.PLATFORM),  # the outcome says where to
    "restore": Rule(frozenset({Standing.REMOVED}), Actor.PLATFORM, Standing.ACTIVE),
    "key.rotate": _OWN_STREAM,
    "policy.publish": _OWN_STREAM,
    "log.continue": _OWN_STREAM,
    "audit.head": _OWN_STREAM,
}
OUTCOMES: Mapping[str, Standing] = {"upheld": Standing.REMOVED, "rejected": Standing.ACTIVE}


@dataclass(frozen=True)
class Proposal:
    """A transfer that waits for its recipient (a subject commitment)."""

    event: str
    recipient: str


@dataclass(frozen=True)
class Registration:
    """What the events so far say. `head` and the keys of `offers` are event hashes; `holder` and
    licensees are subject commitments; `offers` maps each offer to who agreed to it, and to those in
    `closed_offers`, among them the `revoked_offers`, nobody can agree any more. Whom a revoked
    licence is left to is for its terms to say. The `replaced_offers` were of the work as earlier
    versions were. A registration that names a licence
    offers it: `declared` is that offer."""

    standing: Standing = Standing.NEW
    reg_id: str | None = None
    length: int = 0
    head: str | None = None
    holder: str | None = None
    version: int | None = None
    proposal: Proposal | None = None
    offers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    closed_offers: frozenset[str] = frozenset()
    revoked_offers: frozenset[str] = frozenset()
    replaced_offers: frozenset[str] = frozenset()
    declared: str | None = None

    @property
    def open_offers(self) -> frozenset[str]:
        """The offers that anybody may still agree to."""
        return frozenset(self.offers) - self.closed_offers

    def allowed(self, subject: str | None) -> tuple[str, ...]:
        """The event types that `subject` (None: the platform) may emit now."""
        return tuple(kind for kind in RULES if self._reason_against(kind, subject) is None)

    def applied(self, leaf: Leaf, data: bytes) -> "Registration":
        """The state after an event, `data` being its bytes. Raises an `EventRefused`."""
        if leaf.prev_event != self.head or leaf.seq_in_reg != self.length:
            raise StaleHead(f"event {self.length} with another predecessor came first")
        if self.reg_id not in (None, leaf.reg_id):
            raise StaleHead("the event belongs to another registration")
        if reason := self._reason_against(leaf.type, leaf.subject_commitment):
            raise reason
        rule = RULES[leaf.type]
        this = event_hash(data)
        after = replace(
            self._with_effect(leaf, this),
            reg_id=leaf.reg_id,
            length=self.length + 1,
            head=this,
        )
        return replace(after, standing=rule.to) if rule.to else after

    def _reason_against(self, kind: str, subject: str | None) -> EventRefused | None:
        rule = RULES[kind]
        if self.standing not in rule.standings:
            return NotAllowedNow(f"{kind} has no place while the registration is {self.standing}")
        if kind == "transfer.accept" and self.proposal is None:
            return NotAllowedNow("no transfer is proposed")
        if kind == "licence.revoke" and self.revoked_offers >= self.offers.keys():
            return NotAllowedNow("no licence is offered")
        if kind == "licence.agree" and not self.open_offers:
            return NotAllowedNow("no licence is offered")
        if not self._is(rule.actor, subject):
            return NotTheirs(f"{kind} is for the {rule.actor} to make")
        return None

    def _is(self, actor: Actor, subject: str | None) -> bool:
        match actor:
            case Actor.PLATFORM:
                return subject is None
            case Actor.HOLDER:
                return subject is not None and subject == self.holder
            case Actor.OTHER:
                return subject not in (None, self.holder)
            case Actor.RECIPIENT:
                return self.proposal is not None and subject == self.proposal.recipient
            case Actor.PERSON:
                return subject is not None

    def _with_effect(self, leaf: Leaf, this: str) -> "Registration":
        detail, subject, offers = leaf.detail, leaf.subject_commitment, dict(self.offers)
        match leaf.type:
            case "register":
                return replace(self._declaring(leaf, this), holder=subject)
            case "revise":
                if (leaf.resource_version or 0) < (self.version or 0):
                    raise NotAllowedNow("a revision does not go back to an earlier version")
                return self._declaring(leaf, this)
            case "licence.offer":
                return replace(self, offers=offers | {this: ()})
            case "licence.agree":
                if detail["offer"] not in self.open_offers:
                    raise NotAllowedNow("that licence is not offered")
                agreed = (*offers[detail["offer"]], str(subject))
                return replace(self, offers=offers | {detail["offer"]: agreed})
            case "licence.revoke":
                if detail["offer"] not in offers.keys() - self.revoked_offers:
                    raise NotAllowedNow("that licence is not offered")
                return replace(
                    self,
                    closed_offers=self.closed_offers | {detail["offer"]},
                    revoked_offers=self.revoked_offers | {detail["offer"]},
                )
            case "transfer.propose":
                if detail["to"] == self.holder:
                    raise NotAllowedNow("the holder has it already")
                return replace(self, proposal=Proposal(this, detail["to"]))
            case "transfer.accept":
                return self._transferred(detail["proposal"])
            case "takedown.decision":
                return replace(self, standing=OUTCOMES[detail["outcome"]])
        return self

    def _declaring(self, leaf: Leaf, this: str) -> "Registration":
        """With the work as `leaf` describes it; the licence it names takes the earlier one's
        place, which those who agreed to it keep."""
        replaced = frozenset({self.declared} if self.declared else ())
        named = leaf.rights_policy_sha256 is not None
        return replace(
            self,
            version=leaf.resource_version,
            offers={**self.offers, this: ()} if named else self.offers,
            closed_offers=self.closed_offers | replaced,
            replaced_offers=self.replaced_offers | replaced,
            declared=this if named else None,
        )

    def _transferred(self, accepted: str) -> "Registration":
        if self.proposal is None or self.proposal.event != accepted:
            raise NotAllowedNow("that transfer is not the one proposed last")
        # Licences that were agreed to outlive a transfer; what was merely offered does not.
        return replace(
            self,
            holder=self.proposal.recipient,
            proposal=None,
            closed_offers=frozenset(self.offers),
        )


def fold(entries: Iterable[bytes]) -> Registration:
    """The state after all events of one registration, first to last.

    Raises `LeafMalformed` or an `EventRefused` for the first that does not fit.
    """
    state = Registration()
    for data in entries:
        state = state.applied(Leaf.parse(data), data)
    return state
