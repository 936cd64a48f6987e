"""Makes the one-file ``verify.py`` of an evidence bundle out of this package's modules."""

import ast
import re
from importlib.resources import files

PACKAGE = "services.copyright.verify"

MODULES = (
    "merkle",
    "signatures",
    "notes",
    "policy",
    "proof",
    "canonical",
    "leaf",
    "events",
    "timestamps",
    "bundle",
    "report",
    "trust",
    "evidence",
    "logged",
    "registered",
    "seal",
    "chinese",
    "checks",
    "cli",
)
"""In an order in which each imports only those before it."""

_HEAD = '''\
#!/usr/bin/env python3
"""离线核验版权存证证据包 · Checks a copyright evidence bundle offline.

    python3 verify.py [BUNDLE] [--trust DIR|FILE] [--work FILE] [--json]

Needs Python 3.11 or later and the program openssl, version 3. A copy that came with the bundle
was chosen by whoever made the bundle: get it from elsewhere, and name the keys you trust.
"""

'''
_TAIL = """

if __name__ == "__main__":
    sys.exit(main())
"""


class NamesCollide(Exception):
    """Two modules define one top-level name, so they cannot stand in one file."""


def build() -> str:
    """The source of ``verify.py``: the same text for the same package. Raises `NamesCollide`."""
    whole: set[str] = set()
    parts: dict[str, set[str]] = {}
    defined: dict[str, str] = {}
    bodies = []
    for module in MODULES:
        source = files(PACKAGE).joinpath(f"{module}.py").read_text(encoding="utf-8")
        tree = ast.parse(source)
        lines = source.splitlines()
        for node in tree.body:
            match node:
                case ast.Import():
                    whole.add(ast.unparse(node))
                    _blank(lines, node)
                case ast.ImportFrom(module=str(origin), names=names):
                    if not origin.startswith(PACKAGE):
                        parts.setdefault(origin, set()).update(each.name for each in names)
                    _blank(lines, node)
            for name in _names(node):
                if defined.setdefault(name, module) != module:
                    raise NamesCollide(f"{name} is in {defined[name]} and in {module}")
        _blank(lines, tree.body[0])
        text = re.sub("\n{4,}", "\n\n\n", "\n".join(lines)).strip()
        about = (ast.get_docstring(tree) or "").replace("\n", "\n# ")
        bodies.append(f"# ---- {module} ----\n# {about}\n\n{text}\n")
    some = [f"from {origin} import {', '.join(sorted(parts[origin]))}" for origin in sorted(parts)]
    imports = "\n".join([*sorted(whole), *some])
    return _HEAD + imports + "\n\n\n" + "\n\n".join(bodies) + _TAIL


def _blank(lines: list[str], node: ast.stmt) -> None:
    for number in range(node.lineno - 1, node.end_lineno or node.lineno):
        lines[number] = ""


def _names(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
