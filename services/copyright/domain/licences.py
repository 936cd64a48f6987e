"""Licences as ODRL 2.2 policies of a closed profile: templates, no free terms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.copyright.verify.canonical import canonical

PROFILE = "https://shuyuan.edu.cn/ns/odrl/education/v1"
"""Name of the profile: the actions, constraints and duties below, and no others."""

_CONTEXT = [
    "http://www.w3.org/ns/odrl.jsonld",
    {"cc": "http://creativecommons.org/ns#", "edu": f"{PROFILE}#"},
]
_USE = ("reproduce", "distribute", "display", "present")
_DERIVE = ("derive", "translate")
_COMMERCIAL = "cc:CommercialUse"


@dataclass(frozen=True)
class Template:
    """A licence that may be offered. `legal_text` is the address of its words."""

    code: str
    name_zh: str
    name_en: str
    legal_text: str
    permitted: Sequence[str]
    prohibited: Sequence[str] = ()
    duties: Sequence[str] = ()
    recipient: str | None = None

    def policy(self, registration: str) -> bytes:
        """The policy for one registration, canonical JSON."""
        target = f"urn:uuid:{registration}"
        constraint: list[dict[str, Any]] = [
            {"leftOperand": "purpose", "operator": "eq", "rightOperand": "edu:education"}
        ]
        if self.recipient:
            constraint.append(
                {"leftOperand": "recipient", "operator": "eq", "rightOperand": self.recipient}
            )
        duties = [{"action": duty} for duty in self.duties]
        permission = [
            {
                "target": target,
                "action": action,
                **({"duty": duties} if duties else {}),
                **({"constraint": constraint} if self.recipient else {}),
            }
            for action in self.permitted
        ]
        return canonical(
            {
                "@context": _CONTEXT,
                "@type": "Offer",
                "uid": f"{target}/{self.code}",
                "profile": PROFILE,
                "permission": permission,
                "prohibition": [{"target": target, "action": a} for a in self.prohibited],
                "edu:template": self.code,
                "edu:legalText": self.legal_text,
            }
        )


def _creative_commons(code: str, zh: str, en: str, *, nc: bool, nd: bool, sa: bool) -> Template:
    return Template(
        f"cc-{code}-4.0",
        f"知识共享 {zh} 4.0",
        f"Creative Commons {en} 4.0",
        f"https://creativecommons.org/licenses/{code}/4.0/legalcode.zh-hans",
        (*_USE, *(() if nd else _DERIVE), *(() if nc else (_COMMERCIAL,))),
        (*(("derive", "translate") if nd else ()), *((_COMMERCIAL,) if nc else ())),
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
            (*_USE, *_DERIVE, _COMMERCIAL),
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
            (_COMMERCIAL,),
            ("cc:Attribution",),
            "edu:school",
        ),
        Template(
            "province-use",
            "全省教学使用",
            "Teaching within the province",
            f"{PROFILE}#province-use",
            (*_USE, *_DERIVE),
            (_COMMERCIAL,),
            ("cc:Attribution",),
            "edu:province",
        ),
    )
}


def template_for(code: str | None) -> Template | None:
    """The template that a catalogue's licence code names, in whatever letters; None for none."""
    return TEMPLATES.get((code or "").lower().replace("_", "-"))
