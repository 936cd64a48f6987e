"""What ends by a roster: belonging to classes and schools, and the ordinary roles held there."""

from dataclasses import replace
from datetime import date, datetime

from services.identity.domain.grants import ORDINARY, RoleGrant
from services.identity.domain.organisations import is_at_or_below
from services.identity.domain.people import Action, Membership, State
from services.identity.domain.places import Place
from services.identity.domain.roster_accounts import Account, membership_of, roles_of
from services.identity.domain.roster_changes import Batch, Refused
from services.identity.domain.roster_words import Column
from services.identity.domain.rosters import Defect, Line
from shared.civil import civil_date


class Departures:
    """Ends things within `reach`, and collects that in a batch."""

    def __init__(self, reach: str, batch: Batch, now: datetime) -> None:
        self._reach = reach
        self._batch = batch
        self._now = now
        self._day = civil_date(now)

    def check_offices(self, account: Account, line: Line, place: Place) -> None:
        """An import ends ordinary roles alone."""
        ending = self.ending(account, line, place)
        node, kind = membership_of(line, place)
        arriving = not line.ends and not account.belongs(node, kind, self._day)
        roles = self._roles_ending(account, ending, *([node.path] if arriving else []))
        if any(each.role not in ORDINARY for each in roles):
            raise Refused(
                Defect(
                    Column.STATUS if line.leaving else None,
                    "office-held",
                    "此人在该处担任由安全管理员授予的岗位，请先由安全管理员撤销",
                )
            )

    def ending(self, account: Account, line: Line, place: Place) -> list[Membership]:
        """The memberships that the line ends."""
        node, kind = membership_of(line, place)
        here = [
            each
            for each in account.current(self._day)
            if each.kind == kind and is_at_or_below(each.path, self._reach)
        ]
        if line.leaving:
            return here
        if kind != "student":
            return []
        if line.ended_on is not None:
            return [each for each in here if is_at_or_below(each.path, node.path)]
        if account.belongs(node, kind, self._day):
            return []
        return [each for each in account.current(self._day) if each.kind == "student"]

    def _roles_ending(
        self, account: Account, ending: list[Membership], *arriving: str
    ) -> list[RoleGrant]:
        """The roles held at what ends where the person belongs no longer."""
        ended = {each.id for each in ending}
        staying = [each.path for each in account.current(self._day) if each.id not in ended]
        return [
            grant
            for grant in account.grants
            if any(is_at_or_below(grant.path, each.path) for each in ending)
            and not any(is_at_or_below(grant.path, path) for path in (*staying, *arriving))
        ]

    def let_go(self, account: Account, line: Line, place: Place) -> list[str]:
        """End what the person has within reach, and the account's use when nothing is left: neither
        a membership nor a role."""
        ending = self.ending(account, line, place)
        if not ending:
            return []
        self.end(account, ending, self._day)
        left = not account.current(self._day) and not account.grants
        if not left or account.person.state not in (State.ACTIVE, State.SUSPENDED):
            return ["membership"]
        account.person = account.person.after(Action.LEAVE, self._now)
        self._batch.changed.setdefault(account.person.id, set()).add("state")
        self._batch.cut_off.add(account.person.id)
        return ["membership", "state"]

    def withdraw(self, account: Account, line: Line, place: Place, day: date) -> list[str]:
        """End what the person was in the class, or taught, until that day. The account stays as it
        is: other lines tell what else the person is."""
        ending = self.ending(account, line, place)
        self.end(account, ending, day)
        told = set(roles_of(line))
        roles = [
            each
            for each in account.grants
            if each.organisation_id == place.target.id and (each.role, each.subject) in told
        ]
        self._revoke(account, roles)
        return [*(["membership"] if ending else []), *(["role"] if roles else [])]

    def end(self, account: Account, ending: list[Membership], day: date) -> None:
        """End memberships, and the roles held there where the person belongs no longer."""
        roles = self._roles_ending(account, ending)
        ended = {each.id: each.ending(day) for each in ending}
        memberships = tuple(ended.get(each.id, each) for each in account.person.memberships)
        account.person = replace(account.person, memberships=memberships)
        self._batch.ended += ended.values()
        self._revoke(account, roles)

    def _revoke(self, account: Account, roles: list[RoleGrant]) -> None:
        for grant in roles:
            account.grants.remove(grant)
            self._batch.revoked.append(grant.ended(self._now))
            self._batch.cut_off.add(account.person.id)
