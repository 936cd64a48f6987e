"""What a provisioning client says of an account, and what of that can be kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.identity.domain.identifiers import IdentifierKey, IdentifierKind, identify
from services.identity.domain.names import InvalidName, one_line
from services.identity.domain.people import Profile

OURS = (IdentifierKind.USERNAME, IdentifierKind.EMAIL)
_PUPIL = frozenset({"student", "pupil", "学生"})
_LONGEST_EXTERNAL_ID = 256


@dataclass(frozen=True, slots=True)
class UserDraft:
    """What a client says of an account. Without a name the account is called by its user name;
    ``active`` is None where the client says nothing: a new account is then active, another stays
    as it is."""

    user_name: str
    external_id: str | None = None
    name: str | None = None
    family_name: str | None = None
    given_name: str | None = None
    display_name: str | None = None
    email: str | None = None
    user_type: str | None = None
    active: bool | None = None

    @property
    def is_pupil(self) -> bool:
        return (self.user_type or "").strip().casefold() in _PUPIL

    def checked(self, present: "UserDraft | None" = None) -> "UserDraft":
        """The same, with texts as every way in takes them. What the account has already is left
        alone, so that it can be closed whatever it was once called.

        Raises `InvalidIdentifier`, `InvalidName`.
        """
        kept = {name: getattr(present, name) for name in _TEXTS} if present else {}
        told: dict[str, Any] = {
            name: text if name in kept and text == kept[name] else check(text)
            for name, check in _TEXTS.items()
            if (text := getattr(self, name)) is not None
        }
        draft = replace(self, **told)
        names = draft.profile().name
        if present is None or names != present.profile().name:
            one_line(names)
        return draft

    def identifiers(self) -> list[IdentifierKey]:
        """Raises `InvalidIdentifier`."""
        told = zip(OURS, (self.user_name, self.email), strict=True)
        return [identify(kind, text) for kind, text in told if text]

    def profile(self, present: Profile | None = None) -> Profile:
        names = Profile(
            self.name or f"{self.family_name or ''}{self.given_name or ''}" or self.user_name,
            self.family_name,
            self.given_name,
            self.display_name,
        )
        if present is None:
            return names
        return replace(
            present,
            name=names.name,
            family_name=names.family_name,
            given_name=names.given_name,
            nickname=names.nickname,
        )


def _line(text: str) -> str | None:
    return one_line(text) if text.strip() else None


def _external_id(text: str) -> str | None:
    if not is_external_id(text):
        raise InvalidName(
            f"externalId has at most {_LONGEST_EXTERNAL_ID} characters, none of them a control"
            " character.",
            zh=f"externalId 最多 {_LONGEST_EXTERNAL_ID} 个字符，不能含有控制字符。",
        )
    return text or None


def is_external_id(text: str) -> bool:
    return len(text) <= _LONGEST_EXTERNAL_ID and text.isprintable()


_TEXTS: Mapping[str, Callable[[str], str | None]] = {
    "user_name": lambda text: identify(IdentifierKind.USERNAME, text).value,
    "external_id": _external_id,
    **dict.fromkeys(("name", "family_name", "given_name", "display_name", "user_type"), _line),
}
