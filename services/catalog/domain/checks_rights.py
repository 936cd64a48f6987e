"""Rules on rights: the declared basis, and licences beside one another."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from services.catalog.domain.checks import Defect, Examined
from services.catalog.domain.checks_metadata import relations

_SOON = timedelta(days=90)
_BASIS = "#/metadata/rights_basis"
_CONDITIONS = frozenset({"NC", "ND", "SA"})
_STATUTORY = frozenset({"statutory", "statutory_textbook", "statutory_courseware", "classroom_use"})
_LIMITED = _STATUTORY - {"statutory_textbook"}
"""Do not reach beyond a class or its registered pupils."""


def a_rights_basis(examined: Examined) -> Iterable[Defect]:
    basis = examined.metadata.get("rights_basis")
    if basis is None:
        yield Defect("no-rights-basis", _BASIS)
        return
    kind, terms = basis["kind"], basis.get("terms")
    if kind in ("licensed", "assigned") and not basis.get("licensor"):
        yield Defect("no-licensor", f"{_BASIS}/licensor")
    if kind == "licensed":
        if not terms:
            yield Defect("no-licence-terms", f"{_BASIS}/terms")
        if not basis.get("valid_from"):
            yield Defect("no-licence-dates", f"{_BASIS}/valid_from")
    if kind == "public_domain" and not terms:
        yield Defect("public-domain-unexplained", f"{_BASIS}/terms")
    if kind in _STATUTORY and not terms:
        yield Defect("no-statute", f"{_BASIS}/terms")
    if kind in _LIMITED:
        yield Defect("statutory-not-platform-wide", f"{_BASIS}/kind")


def a_basis_in_force(examined: Examined) -> Iterable[Defect]:
    basis: dict[str, Any] = examined.metadata.get("rights_basis", {})
    begins, ends = basis.get("valid_from"), basis.get("valid_until")
    if begins and date.fromisoformat(begins) > examined.today:
        yield Defect("licence-not-begun", f"{_BASIS}/valid_from", {"date": begins})
    if ends:
        last = date.fromisoformat(ends)
        if last < examined.today:
            yield Defect("licence-expired", f"{_BASIS}/valid_until", {"date": ends})
        elif last - examined.today < _SOON:
            yield Defect("licence-ends-soon", f"{_BASIS}/valid_until", {"date": ends})


def no_looser_than_its_parts(examined: Examined) -> Iterable[Defect]:
    """What is taken in under NC, ND or SA (Creative Commons) is not given on without them, and a
    work under ND not changed at all."""
    ours = examined.metadata.get("licence")
    for index, target in relations(examined):
        related = examined.related.get(target)
        contains = examined.metadata["relations"][index]["relationship"] == "contains"
        if not contains or ours is None or related is None or related.licence is None:
            continue
        if conditions(related.licence) - conditions(ours):
            values = {"code": related.code, "theirs": related.licence, "ours": ours}
            yield Defect("licence-looser-than-part", f"#/metadata/relations/{index}", values)


def conditions(licence: str) -> frozenset[str]:
    """The conditions that a licence's code names; those of other licences than Creative Commons
    are not known here."""
    parts = licence.upper().replace("_", "-").split("-")
    return _CONDITIONS & frozenset(parts) if "CC" in parts else frozenset()
