"""The process that looks at a file can do nothing else, and what it says is not simply believed."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from services.catalog.adapters.inspection_process import ExaminingProcess
from services.catalog.application.inspection_ports import Examination, Stalled, Told
from services.catalog.inspection.__main__ import allowed_seconds
from tests.hostile import archives, images, pdfs

CHECKOUT = Path(__file__).resolve().parents[4]
MEMORY = 2 << 30


def place(tmp_path: Path, content: bytes) -> tuple[Path, Path]:
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "made").mkdir()
    return tmp_path / "file", tmp_path / "made"


async def examine(tmp_path: Path, name: str, content: bytes, **limits: int) -> Examination:
    path, work = place(tmp_path, content)
    process = ExaminingProcess(**{"memory": MEMORY, "seconds": 30, **limits})
    return await process(path, name, "", work, Told())


def codes(examined: Examination) -> list[str]:
    return [finding["code"] for finding in examined.findings]


async def test_a_clean_file_comes_back_with_what_was_made_of_it(tmp_path: Path) -> None:
    examined = await examine(tmp_path, "a.png", images.picture("PNG"))

    assert (examined.media_type, examined.findings) == ("image/png", [])
    assert {each.kind for each in examined.made} == {"preview", "thumbnail"}
    assert all(each.content.stat().st_size for each in examined.made)


async def test_a_file_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    long = archives.zipped({f"{number}.pdf": pdfs.pdf(50) for number in range(30)})
    path, work = place(tmp_path, long)
    process = ExaminingProcess(memory=MEMORY, seconds=1)
    process.longest = 60  # a busy machine grants the second late
    examined = await process(path, "a.zip", "", work, Told())

    assert codes(examined) == ["too-costly"]


def test_a_small_file_is_given_less_time_than_a_large_one() -> None:
    assert [allowed_seconds(size) for size in (0, 1 << 20, 100 << 20)] == [10, 12, 210]


async def test_a_file_that_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    large = images.png_of(7000, 7000, data=b"\0" * (7000 * 3 + 1) * 7000)
    examined = await examine(tmp_path, "a.png", large, memory=160 << 20)

    assert codes(examined)[0] in {"too-costly", "unreadable", "damaged"}


async def test_a_process_that_hangs_is_ended_and_its_file_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = tmp_path / "python"
    sleeper.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    sleeper.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(sleeper))

    with pytest.raises(Stalled):
        await examine(tmp_path, "a.png", images.picture("PNG"), seconds=0)


async def test_progress_is_told(tmp_path: Path) -> None:
    path, work = place(tmp_path, pdfs.pdf(30))
    told = Told()
    await ExaminingProcess(memory=MEMORY, seconds=30)(path, "a.pdf", "", work, told)

    assert told.step in {"recognising", "checking", "deriving"}
    assert told.progress >= 40


def test_the_process_reaches_neither_the_network_nor_other_files(tmp_path: Path) -> None:
    path, work = place(tmp_path, b"lesson")
    (tmp_path / "secret").write_text("secret")
    tried = textwrap.dedent(f"""
        import json, os, socket
        from pathlib import Path
        from services.catalog.inspection.confinement import confine
        path, work = Path({str(path)!r}), Path({str(work)!r})
        held = confine(path, work, memory=2**31, seconds=9, written=2**20, checkout=Path.cwd())
        def refused(call):
            try:
                call()
            except OSError:
                return True
            return False
        print(json.dumps({{
            "held": held,
            "reads the file": not refused(path.read_bytes),
            "writes its own": not refused(lambda: (work / "text-1").write_bytes(b"x")),
            "files": refused(lambda: Path({str(tmp_path / "secret")!r}).read_bytes()),
            "others": refused(lambda: Path({str(tmp_path / "new")!r}).write_bytes(b"x")),
            "network": refused(lambda: socket.create_connection(("127.0.0.1", 1), 1)),
            "limits": refused(lambda: (work / "big").write_bytes(b"x" * 2**21)),
            "environment": len(os.environ) <= 2,
        }}))
    """)
    ran = subprocess.run(
        [sys.executable, "-c", tried], cwd=CHECKOUT, env={}, capture_output=True, check=True
    )
    told = json.loads(ran.stdout)
    assert told["reads the file"]
    assert told["writes its own"]
    assert told["network"]
    assert told["limits"]
    assert "privileges" in told["held"]
    if "files" not in told["held"]:
        pytest.skip("this kernel has no Landlock, so files are held back by their modes alone")
    assert told["files"]
    assert told["others"]


def _said(**report: Any) -> bytes:
    whole = {
        "media_type": "image/png",
        "findings": [],
        "facts": {},
        "derivatives": [],
        "confined": ["network", "privileges", "files", "limits"],
        "fault": None,
        "content_code": None,
        **report,
    }
    return json.dumps({"report": whole}).encode()


def _made(kind: str = "text", **others: Any) -> dict[str, Any]:
    told = {"kind": kind, "number": 1, "media_type": "image/jpeg", "width": 1, "height": 1}
    return {**told, **others}


@pytest.mark.parametrize(
    "said",
    [
        b"no JSON",
        b"{}",
        b'{"report": []}',
        _said(media_type=None),
        _said(derivatives=[_made("../../etc")]),
        _said(derivatives=[_made(media_type="text/html")]),
        _said(derivatives=[_made(number=10**9)]),
        _said(content_code="ISCC:AAAAAAAAAA"),
    ],
)
def test_a_report_of_another_shape_is_not_believed(said: bytes, tmp_path: Path) -> None:
    examined = ExaminingProcess(memory=MEMORY, seconds=1)._examination(said, tmp_path)

    assert codes(examined) == ["unreadable"]
    assert not examined.made


def test_a_link_in_place_of_a_derivative_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "text-1").symlink_to("/etc/hostname")
    said = _said(derivatives=[_made("text")])

    examined = ExaminingProcess(memory=MEMORY, seconds=1)._examination(said, tmp_path)

    assert not examined.findings
    assert not examined.made


def test_a_code_that_nobody_knows_still_refuses(tmp_path: Path) -> None:
    said = _said(findings=[{"code": "fine, really", "where": ""}])

    assert codes(ExaminingProcess(memory=MEMORY, seconds=1)._examination(said, tmp_path)) == [
        "unreadable"
    ]
