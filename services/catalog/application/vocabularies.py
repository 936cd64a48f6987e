"""What is done to the dictionaries, and how the other parts look terms up."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain.vocabularies import (
    Dictionary,
    Lexicon,
    State,
    Term,
    TermsRefused,
    TermTaken,
    namesake_advice,
    namesakes,
    term_flaws,
)
from shared.access import Role, Rule
from shared.clock import Clock
from shared.context import current, worded
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound, StaleVersion
from shared.principal import Principal

READ_HISTORY = Rule("catalog.read", frozenset({Role.ADMINISTRATOR, Role.AUDITOR}))
MANAGE = Rule("catalog.write", frozenset({Role.ADMINISTRATOR}))


def admit_of_province(rule: Rule, caller: Principal) -> None:
    """Vocabularies are the whole province's: the role must be held there. Raises `Forbidden`."""
    if not any(path.startswith("P") and "." not in path for path in rule.admitted_paths(caller)):
        raise Forbidden("This asks for a role at the province.", zh="需要省级管理权限。")


@dataclass(frozen=True, slots=True)
class Summary:
    """A dictionary in a list; ``terms`` counts the active ones."""

    dictionary: Dictionary
    terms: int


@dataclass(frozen=True, slots=True)
class Revision:
    """One version of a dictionary: which codes came or changed with it. ``actor`` is the id of a
    person or of a client."""

    version: int
    at: datetime
    actor: str
    added: tuple[str, ...]
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """Somebody wants to describe something with a term: which, and where that was said."""

    pointer: str
    dictionary: str
    code: str


@dataclass(frozen=True, slots=True)
class Edited:
    """A term as it stands in a version of its dictionary: after a change, the one that it made."""

    term: Term
    version: int


class TermReader(Protocol):
    async def versions(self, codes: Collection[str]) -> Mapping[str, int]:
        """Of those dictionaries among `codes` that exist."""
        ...

    async def current(self, codes: Collection[str]) -> Mapping[str, Lexicon]:
        """The present terms of those dictionaries, retired ones too, in one statement."""
        ...


class DictionaryStore(TermReader, Protocol):
    async def page(self, limit: int, after: str) -> Sequence[Summary]:
        """In the order of codes."""
        ...

    async def codes(self) -> Collection[str]: ...

    async def at(self, code: str, version: int) -> Lexicon | None:
        """The terms that stood in that version."""
        ...

    async def lock(self, codes: Collection[str]) -> None:
        """Keep these dictionaries from any change until the transaction ends."""
        ...

    async def revise(self, dictionary: str, revision: Revision, written: Sequence[Term]) -> None:
        """Make the next version, in which the `written` terms stand as they are given."""
        ...

    async def history(self, dictionary: str, limit: int, before: int | None) -> Sequence[Revision]:
        """The newest first."""
        ...


class Vocabulary:
    """Looks terms up within the caller's transaction: one statement, and one more where a
    dictionary has changed since it was last read by this process.

    What a version of a dictionary holds never changes, so the last one seen is kept in memory.
    """

    def __init__(self, store: Callable[[AsyncConnection], TermReader]) -> None:
        self._store = store
        self._known: dict[str, Lexicon] = {}

    async def lexicons(
        self, connection: AsyncConnection, dictionaries: Collection[str]
    ) -> Mapping[str, Lexicon]:
        """The present versions of those among `dictionaries` that exist."""
        store = self._store(connection)
        versions = await store.versions(dictionaries)
        known = {code: self._known.get(code) for code in versions}
        stale = [
            code
            for code, lexicon in known.items()
            if lexicon is None or lexicon.dictionary.version != versions[code]
        ]
        if stale:
            self._known.update(await store.current(stale))
        return {code: self._known[code] for code in versions}

    async def resolve(self, connection: AsyncConnection, dictionary: str, code: str) -> Term | None:
        """The term with that code; retired ones resolve as well."""
        lexicon = (await self.lexicons(connection, {dictionary})).get(dictionary)
        return lexicon.terms.get(code) if lexicon else None

    async def require(
        self, connection: AsyncConnection, uses: Sequence[Use]
    ) -> list[dict[str, str]]:
        """Which of `uses` name no term, or one that is retired: a pointer and advice for each."""
        lexicons = await self.lexicons(connection, {use.dictionary for use in uses})
        defects = []
        for use in uses:
            lexicon = lexicons.get(use.dictionary)
            term = lexicon.terms.get(use.code) if lexicon else None
            if term is None:
                detail = worded(
                    f"The dictionary {use.dictionary} has no term {use.code[:64]!r}.",
                    f"字典 {use.dictionary} 中没有代码“{use.code[:64]}”。",
                )
            elif term.state is State.RETIRED:
                detail = worded(
                    f"{term.name_zh} is retired: choose another term.",
                    f"“{term.name_zh}”已停用，请另选。",
                )
            else:
                continue
            defects.append({"pointer": use.pointer, "detail": detail})
        return defects


class Dictionaries:
    """Every change makes a new version, kept in the history and audited; `revised` is told of it in
    the same transaction."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], DictionaryStore],
        vocabulary: Vocabulary,
        revised: Callable[[UnitOfWork, Lexicon], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._vocabulary = vocabulary
        self._revised = revised
        self._clock = clock

    async def page(self, limit: int, after: str) -> Sequence[Summary]:
        async with self._new_uow() as uow:
            return await self._store(uow.connection).page(limit, after)

    async def get(self, code: str, version: int | None) -> Lexicon:
        """A dictionary as it is, or as it was in `version`. Raises `NotFound`."""
        async with self._new_uow() as uow:
            found = (await self._vocabulary.lexicons(uow.connection, {code})).get(code)
            if found and version is not None and version != found.dictionary.version:
                found = await self._store(uow.connection).at(code, version)
        if found is None:
            raise NotFound(
                "There is no such dictionary, or no such version of it.",
                zh="没有该字典，或没有该版本。",
            )
        return found

    async def term(self, dictionary: str, code: str) -> Edited:
        """Raises `NotFound`."""
        lexicon = await self.get(dictionary, None)
        term = lexicon.terms.get(code)
        if term is None:
            raise NotFound("There is no term with that code.", zh="没有该词条。")
        return Edited(term, lexicon.dictionary.version)

    async def add(self, caller: Principal, dictionary: str, version: int, term: Term) -> Edited:
        """A new term. Raises `Forbidden`, `NotFound`, `StaleVersion`, `TermTaken`,
        `TermsRefused`."""
        admit_of_province(MANAGE, caller)
        async with self._new_uow() as uow:
            lexicon = await self._held(uow, dictionary, version)
            if term.code in lexicon.terms:
                raise TermTaken(
                    "Change that term, or choose another code.",
                    zh="请修改该词条，或换用其他代码。",
                    pointer="#/code",
                )
            edited = await self._write(uow, lexicon, term, None)
            return await uow.commit(edited)

    async def change(
        self,
        caller: Principal,
        dictionary: str,
        code: str,
        version: int,
        changes: Mapping[str, Any],
    ) -> Edited:
        """Give a term the values in `changes`, by field. Raises `Forbidden`, `NotFound`,
        `StaleVersion`, `TermTaken`, `TermsRefused`."""
        admit_of_province(MANAGE, caller)
        async with self._new_uow() as uow:
            lexicon = await self._held(uow, dictionary, version)
            old = lexicon.terms.get(code)
            if old is None:
                raise NotFound("There is no term with that code.", zh="没有该词条。")
            term = replace(old, **changes)
            if term == old:
                return Edited(old, lexicon.dictionary.version)
            edited = await self._write(uow, lexicon, term, old)
            return await uow.commit(edited)

    async def _held(self, uow: UnitOfWork, dictionary: str, version: int) -> Lexicon:
        store = self._store(uow.connection)
        await store.lock({dictionary})
        lexicon = (await store.current({dictionary})).get(dictionary)
        if lexicon is None:
            raise NotFound("There is no such dictionary.", zh="没有该字典。")
        if lexicon.dictionary.version != version:
            raise StaleVersion
        return lexicon

    async def _write(
        self, uow: UnitOfWork, lexicon: Lexicon, term: Term, old: Term | None
    ) -> Edited:
        dictionary = lexicon.dictionary
        flaws = term_flaws(dictionary, [term], {**lexicon.terms, term.code: term})
        if flaws:
            errors = [{"pointer": f"#/{flaw.field}", "detail": flaw.advice} for flaw in flaws]
            raise TermsRefused(
                "Correct the fields named in errors.", zh="请更正 errors 所列各项。", errors=errors
            )
        other = namesakes(lexicon.terms, {**lexicon.terms, term.code: term}).get(term.code)
        if other is not None:
            raise TermTaken(namesake_advice(other), pointer="#/name_zh")
        changed = (term.code,) if old else ()
        added = () if old else (term.code,)
        version = await revise(
            uow, self._store(uow.connection), dictionary, self._clock(), [term], added, changed
        )
        await self._revised(uow, lexicon.with_(term))
        return Edited(replace(term, since=version), version)

    async def history(
        self, caller: Principal, dictionary: str, limit: int, before: int | None
    ) -> Sequence[Revision]:
        """At most `limit` versions before the one given, the newest first. Raises `NotFound`,
        `Forbidden`."""
        admit_of_province(READ_HISTORY, caller)
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            found = await store.history(dictionary, limit, before)
            if not found and not await store.versions({dictionary}):
                raise NotFound("There is no such dictionary.", zh="没有该字典。")
            return found


async def revise(
    uow: UnitOfWork,
    store: DictionaryStore,
    dictionary: Dictionary,
    at: datetime,
    written: Sequence[Term],
    added: tuple[str, ...],
    changed: tuple[str, ...],
) -> int:
    """Make and audit the next version of a dictionary that the caller holds; its number."""
    version = dictionary.version + 1
    await store.revise(
        dictionary.code, Revision(version, at, current().actor, added, changed), written
    )
    uow.audit.record(
        "dictionary.changed",
        dictionary.code,
        before=dictionary.version,
        after=version,
        added=added[:100],
        changed=changed[:100],
    )
    return version
