"""What it takes to draw a page with all that its content uses (ISO 32000-1 §8.10): a form that
paints another ten times, which paints another ten times, costs more than its few bytes let expect.
So do patterns filled with patterns, masks, and fonts whose letters are drawings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from services.catalog.inspection.report import Unreadable

if TYPE_CHECKING:
    import pikepdf

MOST_PAINTED = 100_000
"""Things on a page, each as often as it is painted."""
MOST_DRAWN_BYTES = 64 << 20
"""Content of a page and of all that it paints, each as often as it is painted."""
_DEEPEST = 32
_DEEPEST_PATTERN = 2
"""Viewers keep a picture of a tile; of tiles in tiles in tiles they keep none."""
_LEAST_TILE = 1e-4
"""Of a square point. A printer's dot at 2400 dpi is 9 of it."""
_USING = re.compile(
    rb"/([^\s/<>\[\](){}%]+)(?:\s|%[^\r\n]*[\r\n])+(?:[-+.\d]+\s+)?(Do|scn|SCN|gs|Tf)\b"
)
_LETTERS = re.compile(rb"\(((?:[^()\\]|\\.)*)\)|<([0-9A-Fa-f\s]+)>", re.DOTALL)
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_KINDS: Final = {b"Do": "/XObject", b"gs": "/ExtGState", b"Tf": "/Font"}


@dataclass(slots=True)
class _Cost:
    painted: int
    drawn: int
    tiled: int = 0

    def add(self, other: "_Cost", times: int = 1) -> None:
        self.painted += times * other.painted
        self.drawn += times * other.drawn
        self.tiled = max(self.tiled, other.tiled)


_Costs = dict[tuple[int, int], _Cost]


def check(pdf: "pikepdf.Pdf") -> None:
    """Raises `Unreadable` with `too-costly`."""
    costs: _Costs = {}
    for number, page in enumerate(pdf.pages, 1):
        cost = _cost(_content(page.obj.get("/Contents")), page.resources, costs)
        for form in _appearances(page.obj.get("/Annots")):
            cost.add(_cost_of(form, page.resources, costs, 0))
        if _is_too_much(cost):
            raise Unreadable("too-costly", f"page {number}")


def _is_too_much(cost: _Cost) -> bool:
    return (
        cost.painted > MOST_PAINTED
        or cost.drawn > MOST_DRAWN_BYTES
        or cost.tiled > _DEEPEST_PATTERN
    )


def _cost(content: bytes, resources: Any, costs: _Costs, depth: int = 0) -> _Cost:
    """Of content with all that it uses; `costs` are those of the streams that were met."""
    if depth > _DEEPEST:
        raise Unreadable("too-costly")
    cost = _Cost(0, len(content))
    uses: dict[tuple[str, bytes], int] = {}
    for mark in _USING.finditer(content):
        cost.painted += mark[2] == b"Do"
        use = (_KINDS.get(mark[2], "/Pattern"), _ESCAPE.sub(_unescaped, mark[1]))
        uses[use] = uses.get(use, 0) + 1
    letters = 0
    for (kind, name), times in uses.items():
        thing = _named(resources, kind, name)
        if kind == "/Font":
            drawn = _letter(thing, resources, costs, depth)
            letters = letters or (_letters(content) if drawn else 0)
            if drawn:
                cost.add(drawn, letters)
        elif (stream := _stream(kind, thing)) is not None:
            cost.add(_cost_of(stream, resources, costs, depth), times)
    return cost


def _cost_of(stream: Any, resources: Any, costs: _Costs, depth: int) -> _Cost:
    """Of a stream that is painted once."""
    if stream.objgen not in costs:
        inner = _cost(stream.read_bytes(), stream.get("/Resources", resources), costs, depth + 1)
        inner.painted += 1
        inner.tiled += "/PatternType" in stream
        costs[stream.objgen] = inner
    return costs[stream.objgen]


def _named(resources: Any, kind: str, name: bytes) -> Any:
    """The resource of that name, which stands without its slash."""
    import pikepdf

    things = resources.get(kind) if isinstance(resources, pikepdf.Dictionary) else None
    if not isinstance(things, pikepdf.Dictionary):
        return None
    return things.get("/" + name.decode("utf-8", "surrogateescape"))


def _stream(kind: str, thing: Any) -> Any:
    """What is drawn of a resource: a form, a tile, or the group of a soft mask; or None."""
    import pikepdf

    if kind == "/ExtGState":
        mask = thing.get("/SMask") if isinstance(thing, pikepdf.Dictionary) else None
        thing = mask.get("/G") if isinstance(mask, pikepdf.Dictionary) else None
    if not isinstance(thing, pikepdf.Stream):
        return None
    if kind == "/XObject" and str(thing.get("/Subtype", "")) != "/Form":
        return None
    if kind == "/Pattern" and abs(_tile(thing)) < _LEAST_TILE:
        raise Unreadable("too-costly")
    return thing


def _tile(pattern: Any) -> float:
    """The area of a pattern's step (§8.7.3.1), in square points unless a form scales it."""
    a, b, c, d, *_ = (float(each) for each in pattern.get("/Matrix", (1, 0, 0, 1, 0, 0)))
    return float(pattern.get("/XStep", 1)) * float(pattern.get("/YStep", 1)) * (a * d - b * c)


def _letter(font: Any, resources: Any, costs: _Costs, depth: int) -> _Cost | None:
    """The dearest letter of a font of drawings (§9.6.5); None for other fonts."""
    import pikepdf

    if not isinstance(font, pikepdf.Dictionary) or str(font.get("/Subtype", "")) != "/Type3":
        return None
    letters: Any = font.get("/CharProcs", {})
    inner = font.get("/Resources", resources)
    dearest = _Cost(0, 0)
    for _, letter in letters.items():
        if isinstance(letter, pikepdf.Stream):
            cost = _cost_of(letter, inner, costs, depth)
            dearest.painted = max(dearest.painted, cost.painted - 1)
            dearest.drawn = max(dearest.drawn, cost.drawn)
            dearest.tiled = max(dearest.tiled, cost.tiled)
    return dearest


def _letters(content: bytes) -> int:
    """How many letters are shown, at the most."""
    return sum(len(mark[1] or mark[2] or b"") for mark in _LETTERS.finditer(content))


def _appearances(notes: Any) -> Iterator[Any]:
    """The forms that stand for annotations (§12.5.5)."""
    import pikepdf

    for note in notes if isinstance(notes, pikepdf.Array) else ():
        shown = note.get("/AP") if isinstance(note, pikepdf.Dictionary) else None
        normal = shown.get("/N") if isinstance(shown, pikepdf.Dictionary) else None
        states = normal.values() if isinstance(normal, pikepdf.Dictionary) else [normal]
        yield from (each for each in states if isinstance(each, pikepdf.Stream))


def _content(contents: Any) -> bytes:
    """A page's content: a stream, or several that are one."""
    import pikepdf

    streams = contents if isinstance(contents, pikepdf.Array) else [contents]
    return b"\n".join(each.read_bytes() for each in streams if isinstance(each, pikepdf.Stream))


def _unescaped(escape: re.Match[bytes]) -> bytes:
    return bytes([int(escape[1], 16)])
