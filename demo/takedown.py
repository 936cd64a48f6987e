"""9. A notice takes it down: everybody is told at once, and the evidence remains."""

from demo.evidence import API as COPYRIGHT
from demo.lesson import API
from demo.publication import FOUND_SECONDS, SUSPENDED, changes_since, events_of
from demo.review import PROVINCE
from demo.roster import PUPIL
from demo.stage import Stage
from demo.steps import Facts, check, until

_NOTICE = {"reason_code": "rights_notice", "notice": "收到权利人通知，正在核实。"}
GONE = 410


def takedown(stage: Stage) -> Facts:
    province, lesson = stage.person(PROVINCE), stage.lesson
    resource = f"{API}/resources/{lesson.id}"
    impact = province.get(f"{resource}/impact")
    check(impact["courses"] == 1, f"the preview tells of {impact['courses']} courses")
    province.act(resource, "suspend", _NOTICE)
    answer = stage.anybody.ask("GET", resource)
    check(answer.status_code == GONE, f"the resource answers {answer.status_code}")

    def hidden() -> bool:
        items = stage.anybody.get(f"{API}/search", q=lesson.title, limit=50)["items"]
        return lesson.id not in {each["id"] for each in items}

    check(hidden(), "search still shows it")
    kinds = until(lambda: changes_since(stage), "the feed tells it", FOUND_SECONDS)
    check(kinds == ["suspended"], f"the feed told {kinds}")
    until(lambda: SUSPENDED in {each["type"] for each in events_of(stage)}, "the webhook tells it")
    pupil = stage.person(PUPIL)

    def shown() -> str | None:
        [section] = pupil.get(f"{stage.course}/sections")["sections"]
        availability: str = section["items"][0]["availability"]
        return availability if availability != "AVAILABLE" else None

    in_course = until(shown, "the course shows it")
    tombstone = stage.anybody.get(f"{resource}/tombstone")
    evidence = f"{COPYRIGHT}/registrations/{lesson.registration}/evidence"
    kept = stage.anybody.ask("GET", evidence)
    check(kept.status_code == 200, f"the evidence answers {kept.status_code}")
    return {
        "impact": impact,
        "course": in_course,
        "notice": tombstone["notice"],
        "evidence": len(kept.content),
    }
