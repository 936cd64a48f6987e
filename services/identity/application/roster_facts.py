"""What an import tells: to the audit trail one entry for each person, to others the same events as
single changes do."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.identity.domain import events_people as events
from services.identity.domain.grants import RoleGrant
from services.identity.domain.imports import Import, Outcome
from services.identity.domain.people import Membership, State
from services.identity.domain.roster_accounts import Account
from services.identity.domain.roster_changes import Batch, Result
from shared.database import UnitOfWork


def tell(
    uow: UnitOfWork,
    import_: Import,
    accounts: Mapping[UUID, Account],
    batch: Batch,
    lines: Mapping[UUID, tuple[int, Result]],
) -> None:
    """``lines`` are the row and the result of each person's last line; guardians have none."""
    for person_id, (row, result) in lines.items():
        if result.outcome is not Outcome.UNCHANGED:
            _note(uow, import_, person_id, row=row, outcome=result.outcome, changes=result.changes)
    new = {account.person.id for account in batch.invited}
    for person_id in new - lines.keys():
        _note(uow, import_, person_id, outcome=Outcome.CREATED, changes=("guardian",))
    for person_id, changed in batch.changed.items():
        _tell_changed(uow, accounts[person_id], changed)
    for membership in batch.started:
        fact = events.MembershipStarted(**_membership(membership))
        uow.outbox.append(fact, first_seen_here=membership.person_id in new)
    for membership in batch.ended:
        uow.outbox.append(events.MembershipEnded(**_membership(membership)))
    for grant in batch.given:
        fact_of_grant = events.RoleGranted(**_grant(grant))
        uow.outbox.append(fact_of_grant, first_seen_here=grant.person_id in new)
    for grant in batch.revoked:
        uow.outbox.append(events.RoleRevoked(**_grant(grant)))


def _note(uow: UnitOfWork, import_: Import, person_id: UUID, **facts: Any) -> None:
    uow.audit.record(
        "person.import",
        str(person_id),
        organisation=import_.path,
        import_id=import_.id,
        **facts,
    )


def _tell_changed(uow: UnitOfWork, account: Account, changed: set[str]) -> None:
    person = account.person
    fact = (person.id, person.code, person.version)
    if fields := tuple(sorted(changed - {"state"})):
        uow.outbox.append(events.PersonChanged(*fact, changed=fields))
    if "state" in changed:
        became = events.PersonLeft if person.state is State.LEFT else events.PersonActivated
        uow.outbox.append(became(*fact))


def _membership(membership: Membership) -> dict[str, Any]:
    return {
        "membership_id": membership.id,
        "person_id": membership.person_id,
        "organisation_id": membership.organisation_id,
        "path": membership.path,
        "kind": membership.kind,
        "valid_from": membership.valid_from,
        "valid_until": membership.valid_until,
    }


def _grant(grant: RoleGrant) -> dict[str, Any]:
    return {
        "grant_id": grant.id,
        "person_id": grant.person_id,
        "role": grant.role,
        "organisation_id": grant.organisation_id,
        "path": grant.path,
        "subject": grant.subject,
        "valid_from": grant.valid_from,
        "valid_until": grant.valid_until,
    }
