"""Evidence of entries from before they committed to what is told of a work."""

from dataclasses import replace

from services.copyright.domain.evidence import Stamp
from services.copyright.verify.bundle import with_checksums
from services.copyright.verify.canonical import canonical
from services.copyright.verify.checks import check
from services.copyright.verify.evidence import Evidence
from services.copyright.verify.report import INVALID, VALID, Verdict
from services.copyright.verify.trust import Trust
from tests.unit.copyright import samples
from tests.unit.copyright.conftest import Authority


def older(authority: Authority, sm2_key: bytes) -> dict[str, bytes]:
    first = samples.event([], v=1, work_commitment=None)
    enclosed = replace(samples.evidence(*samples.logs(sm2_key), first), described=None)
    text = enclosed.record.proof.checkpoint.text.encode()
    stamps = [Stamp("own", authority.stamp(text), authority.chain)]
    return replace(enclosed, stamps=stamps).members()


def test_a_bundle_of_the_first_version_is_valid_as_ever(
    authority: Authority, sm2_key: bytes, trust: Trust
) -> None:
    report = check(Evidence(older(authority, sm2_key), trust))
    assert report.exit_code == VALID, report.text()
    told = {each.name: each.finding.verdict for each in report.steps}
    assert (told["details"], told["seal"]) == (Verdict.ABSENT, Verdict.ABSENT)


def test_facts_that_nothing_commits_to_are_refused(
    authority: Authority, sm2_key: bytes, trust: Trust
) -> None:
    told = canonical({"details": {"title": "x"}, "files": [], "salt": "0" * 64})
    members = older(authority, sm2_key)
    forged = with_checksums({**members, "details.json": told})
    report = check(Evidence(forged, trust))
    assert (report.exit_code, report.failed()) == (INVALID, ("details",))
