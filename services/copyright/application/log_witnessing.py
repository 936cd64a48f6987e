"""Asking witnesses, and whether enough of them answered."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from services.copyright.application.log_ports import Witness
from services.copyright.verify.notes import (
    Note,
    NoteSignature,
    SignatureInvalid,
    VerifierKey,
    verify_note,
)
from shared.errors import Unavailable

log = structlog.get_logger(__name__)

Prove = Callable[[int], Awaitable[list[bytes]]]
"""From the size that a witness saw last to the consistency proof."""

_ATTEMPTS = 2  # the second with a proof from the size that the witness names


@dataclass(frozen=True)
class Quorum:
    """So many witnesses must cosign. None: nobody is asked to have seen it."""

    threshold: int

    def policy(self, logs: Sequence[VerifierKey], witnesses: Sequence[tuple[str, str]]) -> str:
        """The text of the policy (C2SP tlog-policy) over `witnesses`, names with their keys."""
        lines = [f"log {key}" for key in logs]
        lines += [f"witness {name} {vkey}" for name, vkey in witnesses]
        if self.threshold == 0:
            return "\n".join([*lines, "quorum none", ""])
        names = " ".join(name for name, _ in witnesses)
        lines += [f"group witnesses {self.threshold} {names}", "quorum witnesses", ""]
        return "\n".join(lines)


class Witnessing:
    """The witnesses, asked all at once. One that does not answer holds nobody up for long."""

    def __init__(self, witnesses: Sequence[Witness], quorum: Quorum) -> None:
        self.witnesses = witnesses
        self.quorum = quorum
        self._sizes: dict[tuple[str, str], int] = {}

    async def seen(self, origin: str, keys: Sequence[VerifierKey]) -> list[Note]:
        """What the witnesses that answer have cosigned last, signed by one of the log's `keys`."""
        return [
            found
            for each in self.witnesses
            if (found := await self._seen_by(each, origin, keys)) is not None
        ]

    async def cosigned(self, note: Note, prove: Prove) -> tuple[Note, bool]:
        """The note with the cosignatures it got, and whether they are a quorum."""
        keys = [(each, await each.key()) for each in self.witnesses]
        found: list[NoteSignature] = []
        for each, key in keys:
            if key is not None:
                found += await self._cosignature(each, key, note, prove)
        enough = len(found) >= self.quorum.threshold > 0
        return note.signed_also(found), enough

    async def _seen_by(
        self, witness: Witness, origin: str, keys: Sequence[VerifierKey]
    ) -> Note | None:
        try:
            note = await witness.seen(origin)
            if note is not None:
                # A witness could else stop us with a checkpoint of its own making.
                verify_note(note, [key for key in keys if key.name == origin])
        except (Unavailable, SignatureInvalid) as reason:
            log.warning("a witness tells nothing", witness=witness.name, reason=str(reason))
            return None
        return note

    async def _cosignature(
        self, witness: Witness, key: VerifierKey, note: Note, prove: Prove
    ) -> list[NoteSignature]:
        origin = note.text.partition("\n")[0]
        place = (witness.name, origin)
        try:
            for _ in range(_ATTEMPTS):
                old_size = self._sizes.get(place, 0)
                answer = await witness.add(note, old_size, await prove(old_size))
                if isinstance(answer, int):
                    self._sizes[place] = answer
                    continue
                lines = [line for line in answer if line.key_id == key.id]
                verify_note(Note(note.text, tuple(lines)), [key])
                self._sizes[place] = int(note.text.split("\n")[1])
                return lines
        except (Unavailable, SignatureInvalid) as reason:
            log.warning("a witness did not cosign", witness=witness.name, reason=str(reason))
        return []
