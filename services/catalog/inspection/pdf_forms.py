"""What it takes to draw a page with its form XObjects (ISO 32000-1 §8.10): a form that paints
another ten times, which paints another ten times, costs more than its few bytes let expect."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.catalog.inspection.report import Unreadable

if TYPE_CHECKING:
    import pikepdf

MOST_PAINTED = 100_000
"""XObjects on a page, each as often as it is painted."""
MOST_DRAWN_BYTES = 64 << 20
"""Content of a page and of its forms, each as often as it is painted."""
_DEEPEST = 32
_PAINTING = re.compile(rb"/([^\s/<>\[\](){}%]+)(?:\s|%[^\r\n]*[\r\n])+Do\b")
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")


@dataclass(slots=True)
class _Cost:
    painted: int
    drawn: int


_Costs = dict[tuple[int, int], _Cost]


def check(pdf: "pikepdf.Pdf") -> None:
    """Raises `Unreadable` with `too-costly`."""
    costs: _Costs = {}
    for number, page in enumerate(pdf.pages, 1):
        cost = _cost(_content(page.obj.get("/Contents")), page.resources, costs)
        if cost.painted > MOST_PAINTED or cost.drawn > MOST_DRAWN_BYTES:
            raise Unreadable("too-costly", f"page {number}")


def _cost(content: bytes, resources: Any, costs: _Costs, depth: int = 0) -> _Cost:
    """Of content with its forms; `costs` are those of the forms that were met."""
    if depth > _DEEPEST:
        raise Unreadable("too-costly")
    cost = _Cost(0, len(content))
    forms = _forms(resources)
    for mark in _PAINTING.finditer(content):
        cost.painted += 1
        form = forms.get(_ESCAPE.sub(_unescaped, mark[1]))
        if form is None:
            continue
        if form.objgen not in costs:
            inner = form.get("/Resources", resources)
            costs[form.objgen] = _cost(form.read_bytes(), inner, costs, depth + 1)
        cost.painted += costs[form.objgen].painted
        cost.drawn += costs[form.objgen].drawn
    return cost


def _forms(resources: Any) -> dict[bytes, Any]:
    """The form XObjects among the resources, by name without its slash."""
    import pikepdf

    named = resources.get("/XObject") if isinstance(resources, pikepdf.Dictionary) else None
    if not isinstance(named, pikepdf.Dictionary):
        return {}
    return {
        name[1:].encode(): each
        for name, each in named.items()
        if isinstance(each, pikepdf.Stream) and str(each.get("/Subtype", "")) == "/Form"
    }


def _content(contents: Any) -> bytes:
    """A page's content: a stream, or several that are one."""
    import pikepdf

    streams = contents if isinstance(contents, pikepdf.Array) else [contents]
    return b"\n".join(each.read_bytes() for each in streams if isinstance(each, pikepdf.Stream))


def _unescaped(escape: re.Match[bytes]) -> bytes:
    return bytes([int(escape[1], 16)])
