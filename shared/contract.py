"""The committed contracts: ``openapi/<service>.json`` and ``openapi/events/<type>.json``.

They are generated from the code, committed, and compared; what differs is told with its cure.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from shared import problems

FOLDER = Path(__file__).resolve().parent.parent / "openapi"


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 of `app`: every answer that is no success is problem details (RFC 9457)."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        openapi_version="3.1.0",
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for generated in ("HTTPValidationError", "ValidationError"):
        schemas.pop(generated, None)
    schemas["Problem"] = problems.SCHEMA
    content = {problems.MEDIA_TYPE: {"schema": problems.SCHEMA_REF}}
    for path in document.get("paths", {}).values():
        for operation in path.values():
            answers = operation["responses"]
            if "422" in answers:
                answers["422"] = {"description": problems.INVALID.title_zh, "content": content}
            answers["default"] = {"description": "Problem details", "content": content}
    return document


def event_documents(events: Iterable[tuple[str, type]]) -> dict[str, dict[str, Any]]:
    """JSON Schema (2020-12) of the ``data`` of each event, by event type.

    A consumer must take fields it does not know, so none is forbidden.
    """
    return {
        name: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:shuyuan:event:{name}",
            **TypeAdapter(event).json_schema(mode="serialization"),
        }
        for name, event in events
    }


def expected_files(
    service: str, app: FastAPI, events: Iterable[tuple[str, type]]
) -> dict[Path, bytes]:
    """The files of one service's contract with the content they must have."""
    files = {FOLDER / f"{service}.json": openapi_document(app)}
    for name, schema in event_documents(events).items():
        files[FOLDER / "events" / f"{name}.json"] = schema
    return {path: _rendered(document) for path, document in files.items()}


def _rendered(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def write(files: dict[Path, bytes]) -> list[Path]:
    """Write the files that differ; returns them."""
    changed = differing(files)
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[path])
    return changed


def differing(files: dict[Path, bytes]) -> list[Path]:
    """The committed files that are missing or are not what the code says."""
    return [
        path for path, content in files.items() if not path.exists() or path.read_bytes() != content
    ]


def strays(service: str, files: Iterable[Path]) -> list[Path]:
    """The committed schemas of events that `service` does not emit."""
    return sorted({*(FOLDER / "events").glob(f"{service}.*.json")} - {*files})
