"""How statements are told in the formats ``ids`` and ``canonical``.

xAPI 1.0.3 part 3 §2.1.3; IEEE 9274.1.1 §4.1.6.1. Both change the statement and return it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from services.learning.domain.xapi.contents import activities_in, agents_in
from services.learning.domain.xapi.objects import IFIS
from services.learning.domain.xapi.rules import Json


def with_ids_only(statement: Json) -> Json:
    """What identifies agents, activities and the verb, and no word more."""
    for agent, _ in list(agents_in(statement)):
        identified = any(name in agent for name in IFIS)
        kept = (*IFIS, "objectType") if identified else (*IFIS, "objectType", "member")
        for name in set(agent) - set(kept):
            del agent[name]
    for activity in list(activities_in(statement)):
        for name in set(activity) - {"id"}:
            del activity[name]
    for part in _with_verbs(statement):
        part["verb"] = {"id": part["verb"]["id"]}
    return statement


def in_words_of(statement: Json, languages: Sequence[str]) -> Json:
    """Every language map holds one language alone: the first of `languages` that it has."""
    for part in _with_verbs(statement):
        _choose(part["verb"], "display", languages)
        for attachment in part.get("attachments", ()):
            _choose(attachment, "display", languages)
            _choose(attachment, "description", languages)
    for activity in activities_in(statement):
        definition = activity.get("definition")
        if definition:
            _choose(definition, "name", languages)
            _choose(definition, "description", languages)
            for name in ("choices", "scale", "source", "target", "steps"):
                for component in definition.get(name, ()):
                    _choose(component, "description", languages)
    return statement


def preferred(accept_language: str) -> list[str]:
    """The tags of an Accept-Language header (RFC 9110 §12.5.4), the preferred first."""
    weighed = []
    for index, item in enumerate(accept_language[:512].split(",")):
        tag, _, parameter = item.partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        if tag.strip() and weight > 0:
            weighed.append((-weight, index, tag.strip().lower()))
    return [tag for _, _, tag in sorted(weighed)]


def _with_verbs(statement: Json) -> list[Json]:
    target = statement["object"]
    return [statement, target] if target.get("objectType") == "SubStatement" else [statement]


def _choose(holder: Json, name: str, languages: Sequence[str]) -> None:
    words: dict[str, Any] = holder.get(name, {})
    if len(words) > 1:
        wished = (tag for wish in languages if (tag := _fitting(wish, words)) is not None)
        chosen = next(wished, next(iter(words)))
        holder[name] = {chosen: words[chosen]}


def _fitting(wish: str, tags: Iterable[str]) -> str | None:
    """The tag that is the wish, else one that narrows it, else one that widens it."""
    lowered = {tag.lower(): tag for tag in tags}
    if wish in lowered:
        return lowered[wish]
    for low, tag in lowered.items():
        if wish == "*" or low.startswith(f"{wish}-"):
            return tag
    return next((tag for low, tag in lowered.items() if wish.startswith(f"{low}-")), None)
