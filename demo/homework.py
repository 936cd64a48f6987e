"""6. Homework is handed in with a file, marked and given back; progress and archive show it."""

import hashlib
import io
from datetime import UTC, datetime, timedelta

from PIL import Image

from demo.people import Json
from demo.roster import PUPIL, TEACHER
from demo.stage import Stage
from demo.steps import Facts, check

API = "/learning/v1"
_CHOICE = {
    "kind": "choice",
    "prompt": "二分之一写作？",
    "points": 2,
    "options": ["1/2", "2/1"],
    "correct": [0],
}
_FILE = {"kind": "file", "prompt": "画图表示 3/4。", "points": 3, "most": 1}
_MARK, _FULL = 2.5, 5


def handed_in(stage: Stage) -> Facts:
    teacher, pupil = stage.person(TEACHER), stage.person(PUPIL)
    due = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    about = {"title": "课后练习", "organisation": teacher.place, "subject": "14", "minutes": 20}
    made = teacher.post(f"{API}/assignments", {**about, "due_at": due, "items": [_CHOICE, _FILE]})
    homework = f"{API}/assignments/{made['id']}"
    teacher.act(homework, "assign", {"classes": [teacher.place]})
    drawing = _drawing()
    file = {"item": 1, "name": "画图.png", "length": len(drawing)}
    announced = {**file, "sha256": hashlib.sha256(drawing).hexdigest()}
    upload = pupil.post(f"{homework}/files", announced)
    stage.store("PUT", upload["url"], drawing)
    answers: Json = [{"item": 0, "choices": [0]}, {"item": 1, "files": [upload["file_id"]]}]
    handed = pupil.post(f"{API}/submissions", {"assignment_id": made["id"], "answers": answers})
    stage.submission = f"{API}/submissions/{handed['id']}"
    seen = teacher.get(stage.submission)
    stored = teacher.ask("GET", f"{stage.submission}/files/{upload['file_id']}")
    content = stage.store("GET", stored.headers["location"])
    check(content == drawing, "the drawing came back otherwise")
    return {"state": seen["state"], "file": len(drawing)}


def marked(stage: Stage) -> Facts:
    teacher, pupil = stage.person(TEACHER), stage.person(PUPIL)
    marks = [{"item": 1, "points": _MARK}]
    teacher.act(stage.submission, "mark", {"marks": marks, "feedback": "思路清楚。"})
    before = pupil.get(stage.submission)
    teacher.act(stage.submission, "publish")
    after = pupil.get(stage.submission)
    return {"before": before["state"], "after": after["state"], "points": after["points"]}


def shown(stage: Stage) -> Facts:
    """To the learner: progress, mastery and archive; to the teacher: the board of the class."""
    teacher, pupil = stage.person(TEACHER), stage.person(PUPIL)
    progress = pupil.get(f"{API}/people/{pupil.id}/progress")
    archive = pupil.get(f"{API}/people/{pupil.id}/archive")
    printed = pupil.get(f"{API}/people/{pupil.id}/archive.pdf")
    check(printed.startswith(b"%PDF"), "the archive is no PDF")
    board = teacher.get(f"{API}/organisations/{teacher.place}/board")
    return {"progress": progress, "archive": sorted(archive), "pdf": len(printed), "board": board}


def _drawing() -> bytes:
    target = io.BytesIO()
    Image.effect_noise((400, 300), 80).save(target, "PNG")
    return target.getvalue()
