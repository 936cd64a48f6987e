"""``python -m tests.contract.configuration > docs/configuration.md``: every setting there is."""

from collections.abc import Iterator

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from gateway.compiler.settings import Deployment
from gateway.settings import Settings as Gateway
from services.catalog.settings import Settings as Catalog
from services.copyright.settings import Settings as Copyright
from services.identity.settings import Settings as Identity
from services.learning.settings import Settings as Learning
from shared.settings import ServiceSettings
from stack.settings import StackSettings

_HEAD = """# Configuration 配置

Every variable that a process of ours reads, drawn from the classes that read it. A misspelt one
keeps the process from starting. A secret may stand in a file instead, named like its variable in
lower case, in the directory that `SHUYUAN_SECRETS_DIR` names.
"""
_OF_EACH = "Every service 各服务", "SHUYUAN_<SERVICE>_", ServiceSettings
_OWN: tuple[tuple[str, type[BaseSettings]], ...] = (
    ("Identity 统一身份", Identity),
    ("Catalogue 资源", Catalog),
    ("Learning 学习空间", Learning),
    ("Copyright 版权", Copyright),
    ("Gateway, control plane 网关控制面", Gateway),
    ("Gateway, Envoy's configuration 网关数据面", Deployment),
    ("Embedded stack 单机部署", StackSettings),
)


def drawn() -> str:
    title, prefix, shared = _OF_EACH
    parts = [_HEAD, _table(title, prefix, shared.model_fields)]
    for title, settings in _OWN:
        own = {
            name: field
            for name, field in settings.model_fields.items()
            if name not in shared.model_fields or not issubclass(settings, shared)
        }
        parts.append(_table(title, settings.model_config["env_prefix"], own))
    return "\n".join(parts)


def _table(title: str, prefix: str, fields: dict[str, FieldInfo]) -> str:
    lines = [f"## {title}\n", "| variable | default | |", "|---|---|---|"]
    lines += [
        f"| `{prefix}{name.upper()}` | {_default(field)} | {' '.join(_words(field))} |"
        for name, field in fields.items()
    ]
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo) -> str:
    if field.annotation is SecretStr:
        return "secret"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "must be given"
    return f"`{value}`" if value not in ("", None, {}, [], ()) else ""


def _words(field: FieldInfo) -> Iterator[str]:
    if field.description:
        yield field.description.replace("|", "\\|")


if __name__ == "__main__":
    print(drawn(), end="")  # noqa: T201
