"""All of it."""

from tests.hostile import archives, images, media, office, office_actions, pdfs, texts

_KINDS = (archives, images, media, office, office_actions, pdfs, texts)

HOSTILE = [case for kind in _KINDS for case in kind.HOSTILE]
HONEST = [case for kind in _KINDS for case in kind.HONEST]
