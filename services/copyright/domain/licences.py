"""Licences as ODRL 2.2 policies of a closed profile: templates and a few terms, no free text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.copyright.domain.registrations import TermsUnfit
from services.copyright.verify.canonical import canonical

PROFILE = "https://shuyuan.edu.cn/ns/odrl/education/v1"
"""Name of the profile: the actions, constraints and duties below, and no others."""

EDUCATION = "edu:education"
ORGANISATION = "urn:shuyuan:organisation:"
AREA = "urn:cn:gbt2260:"
DATE_TIME = "xsd:dateTime"
COMMERCIAL = "cc:CommercialUse"

_CONTEXT = [
    "http://www.w3.org/ns/odrl.jsonld",
    {"cc": "http://creativecommons.org/ns#", "edu": f"{PROFILE}#"},
]
_USE = ("reproduce", "distribute", "display", "play", "present", "extract", "aggregate")
_DERIVE = ("derive", "translate")
ACTIONS = (*_USE, *_DERIVE, COMMERCIAL)
"""Every action of the profile. Commercial use is asked for beside the action that it is made of."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What an offer adds to its template. `organisation` is a path of labels, whose organisation
    and those below it are meant; `roles` are those of `shared.access`; `area` a division's six
    digits (GB/T 2260); `times` how often each action may be exercised at the most."""

    organisation: str | None = None
    roles: Sequence[str] = ()
    area: str | None = None
    until: datetime | None = None
    times: int | None = None

    def constraints(self) -> list[dict[str, Any]]:
        """As ODRL writes them."""
        found = []
        if self.organisation:
            found.append(_constraint("recipient", "isPartOf", ORGANISATION + self.organisation))
        if self.roles:
            roles = [f"edu:{each}" for each in sorted(set(self.roles))]
            found.append(_constraint("recipient", "isAnyOf", roles))
        if self.area:
            found.append(_constraint("spatial", "isPartOf", AREA + self.area))
        if self.until:
            told = f"{self.until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
            found.append(_constraint("dateTime", "lt", {"@value": told, "@type": DATE_TIME}))
        if self.times:
            found.append(_constraint("count", "lteq", self.times))
        return found


def _constraint(left: str, operator: str, right: Any) -> dict[str, Any]:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


@dataclass(frozen=True)
class Template:
    """A licence that may be offered. `legal_text` is the address of its words; `teaching`: within
    one organisation, for education, and revocable; the others are for anyone and for good."""

    code: str
    name_zh: str
    name_en: str
    legal_text: str
    permitted: Sequence[str]
    prohibited: Sequence[str] = ()
    duties: Sequence[str] = ()
    teaching: bool = False
    everywhere: bool = False
    """Of a licence for teaching: in the whole province of the organisation."""

    @property
    def deed(self) -> str | None:
        """The page that tells what a public licence permits, its name on the web (ccREL)."""
        return None if self.teaching else self.legal_text.rpartition("legalcode")[0]

    def policy(self, registration: str, terms: Terms | None = None) -> bytes:
        """The policy for one registration, canonical JSON. Raises `TermsUnfit`: a public licence
        takes no terms, and one for teaching needs an organisation."""
        terms = self._fitting(terms or Terms())
        target = f"urn:uuid:{registration}"
        constraints = terms.constraints()
        if self.teaching:
            constraints.insert(0, _constraint("purpose", "eq", EDUCATION))
        rest = {
            **({"duty": [{"action": duty} for duty in self.duties]} if self.duties else {}),
            **({"constraint": constraints} if constraints else {}),
        }
        return canonical(
            {
                "@context": _CONTEXT,
                "@type": "Offer",
                "uid": f"{target}/{self.code}",
                "profile": PROFILE,
                "assigner": f"{target}#holder",
                "permission": [{"target": target, "action": a, **rest} for a in self.permitted],
                "prohibition": [{"target": target, "action": a} for a in self.prohibited],
                "edu:template": self.code,
                "edu:legalText": self.legal_text,
                "edu:revocable": self.teaching,
            }
        )

    def _fitting(self, terms: Terms) -> Terms:
        if not self.teaching and terms != Terms():
            raise TermsUnfit(
                "This licence is for anyone and for good: offer it without terms of your own.",
                zh="该许可面向所有人且不可附加条件，请不要另附条款。",
            )
        if self.teaching and not terms.organisation:
            raise TermsUnfit(
                "Name the organisation within which it may be used.",
                zh="请指明可使用作品的机构。",
            )
        if self.everywhere and terms.organisation:
            province = terms.organisation.partition(".")[0]
            return Terms(**{**vars(terms), "organisation": province})
        return terms


def _creative_commons(code: str, zh: str, en: str, *, nc: bool, nd: bool, sa: bool) -> Template:
    return Template(
        f"cc-{code}-4.0",
        f"知识共享 {zh} 4.0",
        f"Creative Commons {en} 4.0",
        f"https://creativecommons.org/licenses/{code}/4.0/legalcode.zh-hans",
        (*_USE, *(() if nd else _DERIVE), *(() if nc else (COMMERCIAL,))),
        (*(_DERIVE if nd else ()), *((COMMERCIAL,) if nc else ())),
        ("cc:Attribution", "cc:Notice", *(("cc:ShareAlike",) if sa else ())),
    )


TEMPLATES: Mapping[str, Template] = {
    each.code: each
    for each in (
        Template(
            "cc0-1.0",
            "知识共享 CC0 1.0",
            "Creative Commons CC0 1.0",
            "https://creativecommons.org/publicdomain/zero/1.0/legalcode.zh-hans",
            (*_USE, *_DERIVE, COMMERCIAL),
        ),
        _creative_commons("by", "署名", "Attribution", nc=False, nd=False, sa=False),
        _creative_commons("by-sa", "署名-相同方式共享", "BY-SA", nc=False, nd=False, sa=True),
        _creative_commons("by-nd", "署名-禁止演绎", "BY-ND", nc=False, nd=True, sa=False),
        _creative_commons("by-nc", "署名-非商业性使用", "BY-NC", nc=True, nd=False, sa=False),
        _creative_commons(
            "by-nc-sa", "署名-非商业性使用-相同方式共享", "BY-NC-SA", nc=True, nd=False, sa=True
        ),
        _creative_commons(
            "by-nc-nd", "署名-非商业性使用-禁止演绎", "BY-NC-ND", nc=True, nd=True, sa=False
        ),
        Template(
            "school-use",
            "本校教学使用",
            "Teaching within the school",
            f"{PROFILE}#school-use",
            (*_USE, *_DERIVE),
            (COMMERCIAL,),
            ("cc:Attribution",),
            teaching=True,
        ),
        Template(
            "province-use",
            "全省教学使用",
            "Teaching within the province",
            f"{PROFILE}#province-use",
            (*_USE, *_DERIVE),
            (COMMERCIAL,),
            ("cc:Attribution",),
            teaching=True,
            everywhere=True,
        ),
    )
}


def template_for(code: str | None) -> Template | None:
    """The template that a catalogue's licence code names, in whatever letters; None for none."""
    return TEMPLATES.get((code or "").lower().replace("_", "-"))


def profile() -> bytes:
    """All of the profile, canonical JSON: what the log's `policy.publish` names by its SHA-256."""
    shown = "code name_zh name_en legal_text permitted prohibited duties teaching everywhere"
    return canonical(
        {
            "profile": PROFILE,
            "actions": list(ACTIONS),
            "constraints": ["purpose", "recipient", "spatial", "dateTime", "count"],
            "templates": [
                {
                    name: list(value) if isinstance(value, tuple) else value
                    for name in shown.split()
                    for value in [getattr(each, name)]
                }
                for each in TEMPLATES.values()
            ],
        }
    )
