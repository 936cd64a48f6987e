"""All of it."""

from tests.hostile import (
    archives,
    containers,
    fillings,
    images,
    leftovers,
    media,
    office,
    office_actions,
    office_embedded,
    office_links,
    office_sources,
    ordinary,
    pdf_painting,
    pdfs,
    photographs,
    tables,
    texts,
)

_KINDS = (
    archives,
    containers,
    fillings,
    images,
    leftovers,
    media,
    office,
    office_actions,
    office_embedded,
    office_links,
    office_sources,
    ordinary,
    pdf_painting,
    pdfs,
    photographs,
    tables,
    texts,
)

HOSTILE = [case for kind in _KINDS for case in kind.HOSTILE]
HONEST = [case for kind in _KINDS for case in kind.HONEST]
