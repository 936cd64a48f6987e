"""2. A lesson set is uploaded through a break, inspected, checked and mended."""

import hashlib
import secrets
from collections.abc import Iterator
from typing import Any

import httpx2

from demo import materials
from demo.people import Json, Person
from demo.roster import TEACHER
from demo.stage import Stage
from demo.steps import Facts, check, until

API = "/catalog/v1"
INSPECTED_SECONDS = 60.0
_SLIDES, HANDOUT, _FILM, _TABLE = "课件.pptx", "讲义.pdf", "演示.mp4", "元数据.csv"
_DESCRIPTION = "用折纸和画图认识几分之一，配有课堂练习与评价建议。"
_ROW = {
    "文件": _SLIDES,
    "附件": f"{HANDOUT}; {_FILM}",
    "语种": "zh",
    "关键词": "分数; 折纸",
    "资源类型": "coursewares",
    "学段": "primary",
    "年级": "G3",
    "学科": "数学",
    "贡献者": "张敏/author",
    "使用要求": "PDF 阅读器、演示软件",
    "适用对象": "teacher_and_student",
    "课程标准": "数与运算：初步认识分数",
    "已核对阅读顺序": "是",
    "文字稿": "是",
    "许可": "CC-BY-4.0",
}


def upload(stage: Stage) -> Facts:
    teacher, lesson = stage.person(TEACHER), stage.lesson
    mark = secrets.token_hex(4)
    lesson.title = f"{materials.TITLE} {mark}"
    row = {
        "外部编号": mark,
        "题名": lesson.title,
        "描述": f"{_DESCRIPTION}请致电 {materials.PHONE}。",
        **_ROW,
    }
    lesson.files = {
        _SLIDES: materials.slides(mark),
        HANDOUT: materials.handout(mark),
        _FILM: materials.film(),
        _TABLE: materials.table(list(row), [row]),
    }
    for name, content in lesson.files.items():
        lesson.uploads[name] = _sent(stage, teacher, name, content)
    return {name: len(content) for name, content in lesson.files.items()}


def replaced(stage: Stage) -> None:
    """The handout, with answers this time."""
    teacher, lesson = stage.person(TEACHER), stage.lesson
    content = materials.handout(secrets.token_hex(4), answers=True)
    lesson.files[HANDOUT] = content
    lesson.uploads[HANDOUT] = _sent(stage, teacher, HANDOUT, content)
    _all_clean(stage, [lesson.uploads[HANDOUT]])


def _sent(stage: Stage, teacher: Person, name: str, content: bytes) -> str:
    """Uploaded; in the middle of its second part, if it has one, the connection breaks."""
    begun = teacher.post(
        f"{API}/uploads",
        {
            "filename": name,
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "media_type": "",
            "organisation": teacher.place,
        },
        201,
    )
    path = f"{API}/uploads/{begun['id']}"
    first, *rest = begun["parts"]
    stage.store("PUT", first["url"], _piece(first, content))
    if rest:
        _broken_off(stage, rest[0], content)
        refused = teacher.told("POST", f"{path}/complete", 409)
        check(refused["missing"] == [each["number"] for each in rest], "it asks for other parts")
        for part in teacher.get(path)["parts"]:
            stage.store("PUT", part["url"], _piece(part, content))
    teacher.post(f"{path}/complete")
    return str(begun["id"])


def _piece(part: Json, content: bytes) -> bytes:
    return content[part["offset"] : part["offset"] + part["length"]]


def _broken_off(stage: Stage, part: Json, content: bytes) -> None:
    def half() -> Iterator[bytes]:
        yield _piece(part, content)[: part["length"] // 2]
        raise ConnectionAbortedError

    try:
        headers = {"content-length": str(part["length"])}
        httpx2.put(part["url"], content=half(), headers=headers, trust_env=False)
    except (ConnectionAbortedError, httpx2.TransportError):
        return
    check(False, "half a part was taken for a whole")


def inspection(stage: Stage) -> Facts:
    return _all_clean(stage, list(stage.lesson.uploads.values()))


def _all_clean(stage: Stage, uploads: list[str]) -> Facts:
    teacher, seen = stage.person(TEACHER), list[str]()

    def settled() -> Json:
        told = [teacher.get(f"{API}/uploads/{each}") for each in uploads]
        for each in told:
            step = (each.get("inspection") or {}).get("step")
            if step and step not in seen:
                seen.append(step)
        return told if all(each["state"] != "COMPLETED" for each in told) else None

    told = until(settled, "every file was inspected", INSPECTED_SECONDS)
    states = {each["filename"]: each["state"] for each in told}
    check(set(states.values()) == {"AVAILABLE"}, f"not every file is clean: {states}")
    return {"states": states, "steps seen": seen}


def draft(stage: Stage) -> Facts:
    """The table of metadata makes the draft; the check finds what is wrong with it, the teacher
    mends it."""
    teacher, lesson = stage.person(TEACHER), stage.lesson
    table = lesson.uploads[_TABLE]
    files = [{"upload_id": each} for name, each in lesson.uploads.items() if name != _TABLE]
    asked = {"table_upload_id": table, "uploads": files, "organisation": teacher.place}
    begun = teacher.post(f"{API}/imports", {**asked, "dry_run": False})
    path = f"{API}/imports/{begun['id']}"

    def done() -> Json:
        told = teacher.get(path)
        check(told["state"] not in ("FAILED", "CANCELLED"), f"the intake failed: {told['failure']}")
        return told if told["state"] == "DONE" else None

    until(done, "the intake is done", INSPECTED_SECONDS)
    [row] = teacher.get(f"{path}/rows")["items"]
    check(row["outcome"] == "created", f"the row was not taken: {row['defects']}")
    lesson.id = row["resource_id"]
    resource = f"{API}/resources/{lesson.id}"
    found = teacher.post(f"{resource}/check")
    errors = {each["code"] for each in found["defects"] if each["level"] == "error"}
    lesson.code = teacher.get(resource)["code"]
    changed = teacher.patch(resource, {"metadata": _MENDED})
    again = teacher.post(f"{resource}/check")
    check(again["passed"], f"still wrong: {[each['code'] for each in again['defects']]}")
    return {
        "code": lesson.code,
        "found": [f"{each['level']} {each['code']} {each['pointer']}" for each in found["defects"]],
        "errors": sorted(errors),
        "version": changed["version"],
    }


_MENDED: dict[str, Any] = {"description": _DESCRIPTION, "rights_basis": {"kind": "own_work"}}
