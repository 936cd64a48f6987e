"""8. What was acknowledged is there, each exactly once: seen through public interfaces alone."""

import hashlib
from collections import Counter

from demo.evidence import API as COPYRIGHT
from demo.lesson import API
from demo.publication import PUBLISHED, events_of, everything_told
from demo.roster import REVIEWERS, TEACHER
from demo.stage import Stage
from demo.steps import Facts, check
from demo.study import read_back


def accounted_for(stage: Stage) -> Facts:
    lesson, teacher = stage.lesson, stage.person(TEACHER)
    resource = f"{API}/resources/{lesson.id}"
    names = [each["filename"] for each in teacher.get(resource)["files"]]
    for position, name in enumerate(names):
        found = teacher.ask("GET", f"{resource}/content", params={"file": position})
        check(found.status_code == 302, f"{name} answers {found.status_code}")
        stored = stage.store("GET", found.headers["location"])
        same = hashlib.sha256(stored).digest() == hashlib.sha256(lesson.files[name]).digest()
        check(same, f"{name} came back otherwise")
    timeline = stage.person(REVIEWERS[0]).get(f"{lesson.review}/timeline", limit=100)["items"]
    decided = [each for each in timeline if each["kind"] == "DECIDED"]
    check(len(decided) == len(REVIEWERS) + 1, f"{len(decided)} decisions are told")
    kinds = Counter(everything_told(stage))
    check(kinds["published"] == 1, f"the feed told {kinds}")
    events = Counter(each["type"] for each in events_of(stage))
    check(events[PUBLISHED] == 1, f"the webhook told {events}")
    asked = {"resource_id": lesson.id}
    registered = stage.anybody.get(f"{COPYRIGHT}/registrations", **asked)["items"]
    check(len(registered) == 1, f"it is registered {len(registered)} times")
    kept = Counter(read_back(stage))
    check(kept == Counter(stage.statements), "statements were lost or doubled")
    return {
        "files": len(names),
        "decisions": len(decided),
        "statements": len(stage.statements),
        "killed": stage.kills,
    }
