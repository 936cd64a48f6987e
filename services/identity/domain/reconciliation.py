"""A roster's lines beside the people who are there (比对): whom a line means, what it changes.

An ID number or a 学籍号 tells who somebody is, whatever the name; the other identifiers tell it
together with the name. An import changes people within its reach alone, which is the organisation
that the roster is of and all below it, and asks of each line what is asked of a single change.

Everything is decided here and collected in a `Batch`; nothing is written. A line that is refused
leaves no trace in it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.identity.domain.grants import ORDINARY, RoleGrant
from services.identity.domain.guardians import Guardianship, GuardianshipState
from services.identity.domain.identifiers import IdentifierKey, IdentifierKind
from services.identity.domain.imports import Outcome
from services.identity.domain.organisations import is_at_or_below
from services.identity.domain.people import (
    ADULT_AGE,
    Action,
    Membership,
    Person,
    Profile,
    State,
    is_minor,
)
from services.identity.domain.places import Node, Place
from services.identity.domain.roster_accounts import (
    Account,
    MembershipKind,
    holds,
    membership_of,
    profile_of,
    roles_of,
)
from services.identity.domain.roster_changes import Batch, Refused, Result
from services.identity.domain.roster_departures import Departures
from services.identity.domain.roster_matching import Matching
from services.identity.domain.roster_words import Column, RosterRole
from services.identity.domain.rosters import GUARDIAN_COLUMNS, Defect, Line, RosterGuardian
from shared.civil import civil_date
from shared.ids import uuid7


class Reconciliation:
    """Takes lines one after the other; a later line sees what an earlier one brought.

    ``holders`` tells who is known by an identifier, ``codes`` by a person's short code;
    ``namesakes`` are people within reach who are called like a line's person; ``minor_age`` is the
    age in years from which nobody is a minor.
    """

    def __init__(
        self,
        reach: str,
        accounts: dict[UUID, Account],
        holders: dict[IdentifierKey, UUID],
        codes: Mapping[str, UUID],
        actor: str,
        now: datetime,
        minor_age: int,
        namesakes: Iterable[Person] = (),
    ) -> None:
        self._reach = reach
        self.accounts = accounts
        self._holders = holders
        self._actor = actor
        self._now = now
        self._day = civil_date(now)
        self._minor_age = minor_age
        self.batch = Batch()
        self._departures = Departures(reach, self.batch, now)
        self._matching = Matching(reach, accounts, holders, codes, self._day, namesakes)

    @property
    def compared(self) -> Iterable[Person]:
        """Whom lines were compared with, as they were before; of refused lines too."""
        return self._matching.compared.values()

    def take(self, line: Line, place: Place, *, repeats: bool = False) -> Result:
        """Decide about one line. With `repeats` an earlier line brings the person, though perhaps
        not within this reconciliation."""
        warnings = tuple(Defect(each, "guardian-left-out", _LEFT_OUT) for each in line.phoneless)
        try:
            if line.birth_date is not None and line.birth_date >= self._day:
                raise Refused(Defect(Column.BIRTH_DATE, "invalid", "出生日期在将来，请核对"))
            if line.ended_on is not None and line.ended_on > self._day:
                raise Refused(Defect(Column.ENDED_ON, "invalid", "日期在将来，请到时再导入"))
            account = self._matching.account(line)
            guardians = [
                self._matching.guardian(account, *each)
                for each in zip(line.guardians, _AT, strict=False)
            ]
            if account is None:
                if line.ended_on is not None:
                    return Result(Outcome.UNCHANGED)
                if line.leaving:
                    raise Refused(Defect(None, "not-here", "没有找到此人：无需办理离校"))
                warnings += self._matching.resembling(line, place)
                self._check_teacher(line)
                account = self._invite(line.name, line.keys, profile_of(line))
                outcome = Outcome.UPDATED if repeats else Outcome.CREATED
                changes: list[str] = []
            else:
                outcome = Outcome.UPDATED
                self._departures.check_offices(account, line, place)
                changes = self._revise(account, line, place)
        except Refused as refused:
            return Result(Outcome.REJECTED, defects=refused.defects)
        if line.leaving:
            changes += self._departures.let_go(account, line, place)
            outcome = Outcome.LEFT
        elif line.ended_on is not None:
            changes += self._departures.withdraw(account, line, place, line.ended_on)
        else:
            changes += self._put(account, line, place)
            changes += self._entrust(account, line.guardians, guardians)
        if outcome is not Outcome.CREATED and not changes:
            outcome = Outcome.UNCHANGED
        return Result(outcome, account.person.id, tuple(dict.fromkeys(changes)), warnings)

    def _invite(self, name: str, keys: Iterable[IdentifierKey], profile: Profile) -> Account:
        person = Person(uuid7(), "", State.INVITED, profile, 1, self._now, self._now)
        account = Account(person, {key.kind: key for key in keys}, new=True)
        self.accounts[person.id] = account
        self._holders |= dict.fromkeys(account.keys.values(), person.id)
        self.batch.invited.append(account)
        return account

    def _revise(self, account: Account, line: Line, place: Place) -> list[str]:
        """Profile, identifiers and state as the line has them."""
        person = account.person
        told = {"name": line.name, "sex": line.sex, "birth_date": line.birth_date}
        profile: dict[str, Any] = {
            name: value
            for name, value in told.items()
            if value is not None and value != getattr(person.profile, name)
        }
        if account.is_written(line.name):
            profile.pop("name", None)
        keys = [key for key in line.keys if account.keys.get(key.kind) != key]
        resumed = person.state is State.LEFT and not line.ends
        younger = self._grows_younger(person, line, self._minor_age)
        self._check_age(account, line)
        self._check_teacher(line, person)
        if not account.new:
            self._check_reach(account, line, place, keys, resumed=resumed)
            self._check_keeping(account, keys)
            if str(person.id) == self._actor and (
                profile or keys or line.ends or not self._is_put(account, line, place)
            ):
                raise Refused(
                    Defect(None, "own-account", "不能通过导入修改本人的账号，请由其他管理员办理")
                )
        if younger and not account.new:
            self.batch.grown_younger.add(person.id)
        if not profile and not keys and not resumed:
            return []
        changed = person.after(Action.RESUME, self._now) if resumed else person.changed(self._now)
        account.person = replace(
            changed, profile=replace(person.profile or profile_of(line), **profile)
        )
        account.keys |= {key.kind: key for key in keys}
        self._holders |= dict.fromkeys(keys, person.id)
        changes = [*profile, *(str(key.kind) for key in keys), *(["state"] if resumed else [])]
        if not account.new:
            self.batch.changed.setdefault(person.id, set()).update(changes)
            self.batch.keys += [(person.id, key) for key in keys]
        return changes

    def _check_reach(
        self,
        account: Account,
        line: Line,
        place: Place,
        keys: list[IdentifierKey],
        *,
        resumed: bool,
    ) -> None:
        """Whether the importer may put the person there, and change the account's identifiers and
        state, which open every organisation of the person."""
        reached = [self._reaches(path) for path in account.person.paths(self._day)]
        node, kind = membership_of(line, place)
        moves = not line.ends and not account.belongs(node, kind, self._day)
        if moves and line.role is RosterRole.STUDENT:
            enrolled = [each for each in account.current(self._day) if each.kind == "student"]
            if not all(self._reaches(each.path) for each in enrolled):
                raise Refused(
                    Defect(None, "enrolled-elsewhere", "此人在其他学校有学籍，请先办理转学")
                )
        whole = all(reached) and all(self._reaches(each.path) for each in account.grants)
        if (keys or resumed) and not whole:
            column = Column(keys[0].kind) if keys else None
            raise Refused(
                Defect(column, "beyond-reach", "此人还属于其他机构，请由上级管理员修改其证件与账号")
            )

    def _check_keeping(self, account: Account, keys: list[IdentifierKey]) -> None:
        """An import does not change what the holder of an office signs in with
        (`services.identity.domain.grants.keeper_of`)."""
        if keys and not ORDINARY.issuperset(each.role for each in account.grants):
            raise Refused(
                Defect(
                    Column(keys[0].kind),
                    "office-held",
                    "此人担任由安全管理员授予的岗位：不能通过导入修改其登录标识",
                )
            )

    def _check_age(self, account: Account, line: Line) -> None:
        """An import makes no minor of who holds what adults hold."""
        if self._grows_younger(account.person, line, ADULT_AGE):
            if account.wards:
                raise Refused(
                    Defect(
                        None, "is-guardian", "此人已登记为监护人，不能是未成年人：请核对出生日期"
                    )
                )
            if any(each.role != "student" for each in account.grants):
                raise Refused(
                    Defect(
                        Column.BIRTH_DATE,
                        "office-held",
                        "此人担任须由成年人担任的岗位：不能通过导入将其变为未成年人",
                    )
                )

    def _check_teacher(self, line: Line, person: Person | None = None) -> None:
        """Nor does it make a teacher of a minor (`services.identity.domain.grants.fits`)."""
        if line.role is not RosterRole.TEACHER or line.ends:
            return
        known = person.profile.birth_date if person and person.profile else None
        enrolled = person is not None and person.is_enrolled(self._day)
        if is_minor(line.birth_date or known, enrolled, self._day, ADULT_AGE):
            raise Refused(
                Defect(
                    Column.BIRTH_DATE,
                    "minor",
                    "未满十八周岁或仍有学籍的人不能担任教师：请核对出生日期",
                )
            )

    def _grows_younger(self, person: Person, line: Line, age: int) -> bool:
        """Whether the line makes somebody younger than `age` who was not."""
        known = person.profile.birth_date if person.profile else None
        birth_date = line.birth_date or known
        enrolled = person.is_enrolled(self._day)
        joins = line.role is RosterRole.STUDENT and not line.ends
        return is_minor(birth_date, enrolled or joins, self._day, age) and not person.is_minor(
            self._day, age
        )

    def _reaches(self, path: str) -> bool:
        return is_at_or_below(path, self._reach)

    def _put(self, account: Account, line: Line, place: Place) -> list[str]:
        """Let the person belong where the line puts them, with the roles that it tells of. A pupil
        who is in a class stays there when the line names the school or grade alone. Who was a pupil
        there without the role was left without it, and stays so."""
        changes = []
        node, kind = membership_of(line, place)
        belonged = account.belongs(node, kind, self._day)
        if not belonged:
            ending = self._departures.ending(account, line, place)
            self._join(account, node, kind)
            self._departures.end(account, ending, self._day)
            changes.append("membership")
        for role, subject in () if belonged and kind == "student" else roles_of(line):
            if not holds(account, role, place.target, subject):
                self._give(account, role, place.target, subject)
                changes.append("role")
        return changes

    def _is_put(self, account: Account, line: Line, place: Place) -> bool:
        """Whether `_put` would change nothing."""
        node, kind = membership_of(line, place)
        return account.belongs(node, kind, self._day) and all(
            kind == "student" or holds(account, role, place.target, subject)
            for role, subject in roles_of(line)
        )

    def _join(self, account: Account, node: Node, kind: MembershipKind) -> None:
        membership = Membership(
            id=uuid7(),
            person_id=account.person.id,
            organisation_id=node.id,
            kind=kind,
            valid_from=self._day,
            valid_until=None,
            version=1,
            path=node.path,
            organisation_name=node.name,
        )
        memberships = (*account.person.memberships, membership)
        account.person = replace(account.person, memberships=memberships)
        self.batch.started.append(membership)

    def _give(self, account: Account, role: str, node: Node, subject: str | None) -> None:
        grant = RoleGrant(
            id=uuid7(),
            person_id=account.person.id,
            role=role,
            organisation_id=node.id,
            path=node.path,
            subject=subject,
            valid_from=self._now,
            valid_until=None,
            granted_by=self._actor,
        )
        account.grants.append(grant)
        self.batch.given.append(grant)

    def _entrust(
        self,
        child: Account,
        named: Iterable[RosterGuardian],
        known: Iterable[Account | None],
    ) -> list[str]:
        """Name guardians. What they may do waits until an administrator verifies them."""
        changes = []
        for told, account in zip(named, known, strict=True):
            key = IdentifierKey(IdentifierKind.PHONE, told.phone)
            guardian = account or self._invite(told.name, [key], Profile(told.name))
            if child.person.id not in guardian.wards:
                guardian.wards.add(child.person.id)
                self.batch.guardianships.append(
                    Guardianship(
                        id=uuid7(),
                        guardian_id=guardian.person.id,
                        child_id=child.person.id,
                        relation=told.relation,
                        state=GuardianshipState.CLAIMED,
                        restricted=False,
                        verified_by=None,
                        verified_at=None,
                        version=1,
                        created_at=self._now,
                    )
                )
                changes.append("guardian")
        return changes


_AT = tuple(phone for _, phone, _ in GUARDIAN_COLUMNS)
_LEFT_OUT = "监护人没有手机号：未建立监护关系，请补充手机号后重新导入，或由监护人自行认领"
