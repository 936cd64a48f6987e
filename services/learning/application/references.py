"""References to resources of the catalogue, refused with every flaw at once."""

from collections.abc import Sequence

from services.learning.domain.references import Flaw, ReferencesRefused
from shared.context import worded


def refuse(found: Sequence[Flaw], pointers: Sequence[str]) -> None:
    """Raises `ReferencesRefused` if there is a flaw; `pointers` lead to the references of the body,
    in order."""
    if found:
        raise ReferencesRefused(
            "Correct the references named in errors.",
            zh="请改正 errors 所列的引用。",
            errors=[
                {
                    "pointer": f"{pointers[each.place]}/{each.member}",
                    "detail": worded(each.en, each.zh),
                }
                for each in found
            ],
        )
