"""What the log needs from outside: its tables, public files, a signer, witnesses, authorities."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.copyright.domain.tree import Edge
from services.copyright.verify.merkle import SHA256, SM3, TreeHash
from services.copyright.verify.notes import Checkpoint, Note, NoteSignature, VerifierKey
from services.copyright.verify.tiles import EntryBundle, Tile

TREES: tuple[TreeHash, ...] = (SHA256, SM3)
"""The log's, then its sibling's."""


@dataclass(frozen=True)
class Pending:
    """A submission that waits to be sequenced."""

    id: int
    dedup: bytes
    body: bytes


@dataclass(frozen=True)
class Entry:
    """A sequenced entry with its leaf hashes, as they stand in both trees."""

    index: int
    dedup: bytes
    body: bytes
    leaf_sha256: bytes
    leaf_sm3: bytes


@dataclass(frozen=True)
class Published:
    """The checkpoint of one log that was signed last."""

    origin: str
    size: int
    root: bytes
    note: bytes
    signed_at: datetime


class LogStore(Protocol):
    """The log's tables, within one transaction."""

    async def accept(self, dedup: bytes, body: bytes) -> None:
        """Queue a submission; one that is queued or sequenced already stays as it is."""

    async def waits(self) -> bool:
        """Whether a submission is queued."""

    async def size_locked(self) -> int:
        """The size of the trees; no other transaction sequences until this one ends."""

    async def size(self) -> int:
        """The size of the trees."""

    async def continues(self) -> bool:
        """Whether a log was frozen that this one continues."""

    def at(self, base: int) -> "LogStore":
        """The log whose first entry is the entry `base` of all: this one, or a frozen one."""

    async def take(self, limit: int) -> Sequence[Pending]:
        """The oldest submissions that are not in the log yet, of whom the others are dropped."""

    async def append(self, entries: Sequence[Entry]) -> None:
        """Add entries behind the last one, and remove their submissions."""

    async def edge(self, tree_hash: TreeHash, size: int) -> Edge:
        """The right edge of a tree as it was at `size`."""

    async def put_tiles(self, tree_hash: TreeHash, tiles: Mapping[Tile, bytes]) -> None:
        """Store tiles, each over what it was when narrower."""

    async def tiles(self, tree_hash: TreeHash, tiles: Collection[Tile]) -> dict[Tile, bytes]:
        """Tiles, trimmed to the widths asked for."""

    async def bundle(self, bundle: EntryBundle) -> bytes:
        """An entry bundle."""

    async def grow_to(self, size: int) -> None:
        """Both trees have `size` entries."""

    async def published(self, origins: Sequence[str]) -> Mapping[str, Published]:
        """The checkpoints signed last, by origin."""

    async def hold_published(self, origins: Sequence[str]) -> Mapping[str, Published] | None:
        """The same, held until the transaction ends; None while another publisher holds them."""

    async def store_signed(self, signed: Published) -> None:
        """Make a checkpoint its log's newest. Raises `ForkRefused` for a second root at a size."""

    async def store_witnessed(self, origin: str, size: int, note: Note, *, quorum: bool) -> None:
        """Keep the note of `size` with cosignatures."""

    async def note_keys(self, keys: Collection[VerifierKey], now: datetime) -> None:
        """Remember verifier keys that sign from now on."""

    async def note_first_keys(self, keys: Collection[VerifierKey], now: datetime) -> set[str]:
        """Remember those under whose name nobody signed yet. All keys that are known and not
        retired: a later one of a name is known once the log was told of it."""

    async def retire_key(self, vkey: str, now: datetime, last_size: int) -> None:
        """From now on the key is good up to `last_size` alone."""


class PublicFiles(Protocol):
    """The files that make up the public logs. Every method may raise `Unavailable`."""

    async def read(self, path: str) -> bytes | None:
        """A file's bytes, or None."""

    async def put_once(self, path: str, content: bytes) -> None:
        """Store a file that never changes, and read it back. Raises `PublicFileDiffers` where
        another stands there."""

    async def replace(self, path: str, content: bytes) -> None:
        """Store the one file that does change, the checkpoint."""


class Signer(Protocol):
    """The separate process that holds the keys. It keeps the last size and root it signed."""

    async def keys(self) -> Sequence[VerifierKey]:
        """Its present keys of both logs. Raises `Unavailable`."""

    async def last_size(self, origin: str) -> int:
        """The size it signed last. Raises `Unavailable`."""

    async def sign(
        self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]
    ) -> Sequence[NoteSignature]:
        """Signature lines for a checkpoint that continues that of `old_size`. Raises
        `SigningRefused`, `Unavailable`."""

    async def notes(self) -> Sequence[Note]:
        """The notes it signed last, one a log. Raises `Unavailable`."""

    async def seal(self, digest: str) -> bytes:
        """The seal of an evidence bundle whose SHA256SUMS has that hex SHA-256: a signed note.
        Raises `Unavailable`."""


class Witness(Protocol):
    """One witness."""

    name: str
    ours: bool

    async def key(self) -> VerifierKey | None:
        """Its key; None while that is not known."""

    async def seen(self, origin: str) -> Note | None:
        """The checkpoint it cosigned last, by its monitoring address. Raises `Unavailable`."""

    async def add(self, note: Note, old_size: int, proof: Sequence[bytes]) -> "Cosigned | int":
        """Its cosignatures; or the size it asks a proof from. Raises `Unavailable`."""


Cosigned = Sequence[NoteSignature]


class TimestampAuthority(Protocol):
    """One RFC 3161 authority; a ``local`` one is our own."""

    name: str
    local: bool

    async def stamp(self, message: bytes) -> tuple[bytes, bytes, datetime]:
        """A verified DER TimeStampResp over `message`, the PEM chain, and its time. Raises
        `Unavailable`."""

    async def root(self) -> bytes:
        """The authority's own certificate, PEM."""


class PublicFileDiffers(Exception):
    """A path of the public log holds other bytes than ours: a fork, or damage. A person decides."""


class ForkRefused(Exception):
    """A size of the log would have got a second root."""


class SigningRefused(Exception):
    """The signer does not see the checkpoint as a continuation of what it signed."""


class LogBehind(Exception):
    """The database is older than what is public: the log is read-only until it is recovered."""
