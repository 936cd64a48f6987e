"""Whom a roster's line means, among those who are there."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from uuid import UUID

from services.identity.domain.guardians import may_guard
from services.identity.domain.identifiers import IdentifierKey, IdentifierKind, twin
from services.identity.domain.organisations import is_at_or_below
from services.identity.domain.people import ADULT_AGE, Person, folded_name
from services.identity.domain.places import Place
from services.identity.domain.roster_accounts import Account
from services.identity.domain.roster_changes import Refused
from services.identity.domain.roster_words import HEADINGS, Column
from services.identity.domain.rosters import Defect, Line, RosterGuardian

CERTAIN = frozenset({IdentifierKind.ID_NUMBER, IdentifierKind.STUDENT_NUMBER})
"""The identifiers that nobody shares and nobody passes on."""


class Matching:
    """Looks people up by what lines say; ``accounts`` and ``holders`` grow with those invited.

    Whoever is beyond reach belongs elsewhere, and no more is told: neither whether a name fits, nor
    whose the other numbers are.
    """

    def __init__(
        self,
        reach: str,
        accounts: Mapping[UUID, Account],
        holders: Mapping[IdentifierKey, UUID],
        codes: Mapping[str, UUID],
        day: date,
        namesakes: Iterable[Person],
    ) -> None:
        self._reach = reach
        self._accounts = accounts
        self._holders = holders
        self._codes = codes
        self._day = day
        self.compared: dict[UUID, Person] = {}
        self._namesakes: dict[str, list[Person]] = defaultdict(list)
        self._invited: dict[tuple[str, date], set[str]] = defaultdict(set)
        for each in namesakes:
            if each.profile is not None:
                self._namesakes[folded_name(each.profile.name)].append(each)

    def account(self, line: Line) -> Account | None:
        """Whom the line means; None when nobody has any of its identifiers. Raises `Refused`."""
        claims: dict[UUID, list[Column]] = {}
        for key in line.keys:
            if holder := self._holders.get(key):
                claims.setdefault(holder, []).append(Column(key.kind))
        if line.person_code is not None:
            coded = self._codes.get(line.person_code)
            if coded is None:
                raise Refused(Defect(Column.PERSON_CODE, "unknown", "没有这个人员编码"))
            claims.setdefault(coded, []).append(Column.PERSON_CODE)
        found = [self._seen(holder) for holder in claims]
        if not claims:
            return self._foretold(line)
        if not all(map(self._is_here, found)):
            raise _belongs_elsewhere()
        if len(claims) > 1:
            named = "、".join(HEADINGS[each][0] for columns in claims.values() for each in columns)
            raise Refused(Defect(None, "matches-several", f"{named}分别属于不同的人，请核对"))
        (account,), (columns,) = found, claims.values()
        if not account.is_called(line.name) and not {Column(kind) for kind in CERTAIN} & {*columns}:
            raise Refused(
                *(
                    Defect(each, "taken", f"该{HEADINGS[each][0]}已登记在另一姓名下，请核对")
                    for each in columns
                )
            )
        return account

    def _foretold(self, line: Line) -> Account | None:
        """A formal 学籍号 and the ID number inside it are one person's, where the names agree."""
        for key in line.keys:
            other = twin(key)
            holder = self._holders.get(other) if other else None
            if holder is None:
                continue
            account = self._seen(holder)
            if not self._is_here(account):
                raise _belongs_elsewhere()
            if account.is_called(line.name):
                return account
        return None

    def guardian(
        self, child: Account | None, guardian: RosterGuardian, column: Column
    ) -> Account | None:
        """The guardian where they are known already. Whether a minor's name fits is not told.
        Raises `Refused`."""
        holder = self._holders.get(IdentifierKey(IdentifierKind.PHONE, guardian.phone))
        if holder is None:
            return None
        account = self._seen(holder)
        if account is child:
            raise Refused(Defect(column, "own-phone", "监护人手机与本人手机相同，请核对"))
        fits = (
            may_guard(account.person, child.person, self._day)
            if child
            else not account.person.is_minor(self._day, ADULT_AGE)
        )
        if not fits or not account.is_called(guardian.name):
            raise Refused(Defect(column, "taken", "该手机号已登记在他人名下，请核对"))
        return account

    def resembling(self, line: Line, place: Place) -> tuple[Defect, ...]:
        """A warning where somebody of the same name and birth date is there already, in the school
        or where else the import reaches."""
        if line.birth_date is None:
            return ()
        name = folded_name(line.name)
        invited = self._invited[name, line.birth_date]
        paths = set(invited)
        for each in self._namesakes[name]:
            self.compared.setdefault(each.id, each)
            if each.profile is not None and each.profile.birth_date == line.birth_date:
                paths.update(each.paths(self._day))
        here = any(is_at_or_below(path, place.school.path) for path in paths)
        there = any(is_at_or_below(path, self._reach) for path in paths)
        invited.add(place.school.path)
        if not there:
            return ()
        where = "本校" if here else "其他学校"
        detail = f"{where}已有同名且同一天出生的人，没有相同的证件号码可以确认：请核对是否同一人"
        return (Defect(None, "possible_duplicate", detail),)

    def _seen(self, holder: UUID) -> Account:
        account = self._accounts[holder]
        if not account.new:
            self.compared.setdefault(holder, account.person)
        return account

    def _is_here(self, account: Account) -> bool:
        paths = account.person.paths(self._day)
        reached = [is_at_or_below(path, self._reach) for path in paths]
        return account.new or any(reached or [account.guards_here])


def _belongs_elsewhere() -> Refused:
    return Refused(
        Defect(None, "belongs-elsewhere", "此人属于其他机构，请由上级管理员办理调入或转学")
    )
