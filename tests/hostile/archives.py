"""ZIP archives, honest and otherwise."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from functools import cache, partial

from tests.hostile.case import Case

FLAGS, METHOD, CRC, SIZES = 6, 8, 14, 18
"""Offsets in a local header (APPNOTE 4.3.7); in the directory they stand two bytes further."""


def zipped(entries: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(_info(name, method), content)
    return target.getvalue()


def _info(name: str, method: int = zipfile.ZIP_DEFLATED, mode: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("placeholder", (2026, 9, 1, 8, 0, 0))
    info.filename = name
    info.compress_type = method
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def special(mode: int, content: bytes = b"/etc/passwd") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.txt", "课文")
        archive.writestr(_info("b.txt", mode=mode), content)
    return target.getvalue()


def twice(first: str, second: str) -> bytes:
    """Two entries whose names have the same length, written over the directory afterwards."""
    return zipped({first: b"one", second: b"two"})


@cache
def lesson() -> bytes:
    return zipped({"第一课/说明.txt": "请先预习".encode(), "第一课/教案.md": "# 教案\n".encode()})


def patched(content: bytes, offset: int, value: bytes, *, local: bool, central: bool) -> bytes:
    """`content` with a field of the first entry's headers replaced."""
    whole = bytearray(content)
    if local:
        whole[offset : offset + len(value)] = value
    if central:
        at = whole.index(b"PK\x01\x02") + offset + 2
        whole[at : at + len(value)] = value
    return bytes(whole)


def renamed(content: bytes, old: str, new: str, *, count: int = -1) -> bytes:
    """Names replaced byte for byte, in all headers or the first only."""
    if len(old.encode()) != len(new.encode()):
        raise ValueError("names of different lengths")
    return content.replace(old.encode(), new.encode(), count)


def _gbk() -> bytes:
    name = "课件".encode("gb18030")
    plain = zipped({"XXXX/a.txt": b"x"}, zipfile.ZIP_STORED)
    return plain.replace(b"XXXX", name)


@cache
def bomb(megabytes: int) -> bytes:
    return zipped({"a.txt": b"\0" * (megabytes << 20)})


def _quoted() -> bytes:
    """One kernel of zeros that a hundred entries of the directory share (Fifield, 2019)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = b"\0" * (1 << 20)
    kernel = packer.compress(zeros) + packer.flush()
    head = struct.pack(
        "<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, zlib.crc32(zeros), len(kernel), len(zeros), 5, 0
    )
    directory = b"".join(
        struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 0, zlib.crc32(zeros), len(kernel), len(zeros), 5, 0, 0, 0, 0, 0, 0)
        + f"{number:03}.t".encode()
        for number in range(100)
    )  # fmt: skip
    body = head + b"000.t" + kernel
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 100, 100, len(directory), len(body), 0)
    return body + directory + end


def _hidden() -> bytes:
    """An entry between two others that the directory does not name."""
    visible = zipped({"a.txt": b"a"}, zipfile.ZIP_STORED)
    at = visible.index(b"PK\x01\x02")
    secret = zipped({"evil.exe": b"MZ" + b"\x90" * 99}, zipfile.ZIP_STORED)
    secret = secret[: secret.index(b"PK\x01\x02")]
    end = bytearray(visible[at:])
    offset = end.index(b"PK\5\6") + 16
    end[offset : offset + 4] = struct.pack("<L", at + len(secret))
    return visible[:at] + secret + bytes(end)


def _many(count: int) -> bytes:
    return zipped({f"{n}.txt": b"" for n in range(count)}, zipfile.ZIP_STORED)


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99
_APPLE_DOUBLE = b"\0\x05\x16\x07\0\2\0\0" + b"\0" * 99

HONEST = [
    Case("a ZIP of lessons", "第一课.zip", lesson, declared="application/zip"),
    Case("a ZIP that is stored", "a.zip", lambda: zipped({"a.txt": b"a"}, zipfile.ZIP_STORED)),
    Case("a ZIP with names in GBK", "a.zip", _gbk),
    Case("a ZIP with a folder", "a.zip", lambda: zipped({"a/": b"", "a/b.md": b"# b"})),
    Case("a ZIP from a Mac", "a.zip", lambda: zipped({"a.txt": b"a", "__MACOSX/._a.txt": b"\0\5\x16\7\0\2\0\0" + b"\0" * 99, ".DS_Store": b"\0\0\0\1Bud1" + b"\0" * 50})),
    Case("a ZIP of a folder from a Mac", "a.zip", lambda: zipped({"课件1.2课/a.txt": b"a", "__MACOSX/._课件1.2课": _APPLE_DOUBLE, "__MACOSX/课件1.2课/._a.txt": _APPLE_DOUBLE})),
    Case("a ZIP from Windows", "a.zip", lambda: zipped({"课件 /教案.docx.txt": b"a", "desktop.ini": b"[.ShellClassInfo]\r\nIconResource=C:\\Windows\\system32\\imageres.dll,-3\r\n", "Thumbs.db": OLE, "课件 /作业.txt": b"b"})),
    Case("a ZIP with a page to write on", "a.zip", lambda: zipped({"a.txt": b"a", "作业.txt": b"", "答案.md": b""})),
    Case("a ZIP of much the same", "a.zip", lambda: zipped({"a.txt": "重复".encode() * 30_000})),
]  # fmt: skip

_NAMES = (
    "../evil.txt", "a/../../evil.txt", "/etc/passwd.txt", "C:evil.txt", "C:/evil.txt",
    "..\\evil.txt", "a\\b.txt", "./a.txt", "a//b.txt", "con.txt", "con .txt", "con /a.txt", ".. /a.txt", " /a.txt", "NUL", "a.txt ", "a.txt.",
    "a\u202etxt.exe", "a\nb.txt", "a\x1b[2J.txt", "x" * 600 + ".txt",
)  # fmt: skip

_MEMBERS: tuple[tuple[str, str, bytes, str], ...] = (
    ("a program", "a.exe", b"MZ\x90\0" + b"\0" * 99, "type-not-accepted"),
    ("a program as picture", "a.png", b"MZ\x90\0" + b"\0" * 99, "type-not-accepted"),
    ("a page", "index.html", b"<html><script>1</script></html>", "type-not-accepted"),
    ("an SVG", "a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "type-not-accepted"),
    ("a shell script", "a.sh", b"#!/bin/sh\nrm -rf ~\n", "type-not-accepted"),
    ("a batch script", "a.bat", b"@echo off\r\ndel *.*\r\n", "member-mismatch"),
    ("a shortcut", "a.lnk", b"L\0\0\0\x01\x14\x02\0" + b"\0" * 60, "type-not-accepted"),
    ("an empty file as picture", "a.png", b"", "empty"),
    ("a ZIP", "a.zip", zipped({"a.txt": b"a"}), "nested-archive"),
    ("a RAR", "a.rar", b"Rar!\x1a\x07\x01\0" + b"\0" * 40, "type-not-accepted"),
    ("a 7-Zip", "a.7z", b"7z\xbc\xaf\x27\x1c" + b"\0" * 40, "type-not-accepted"),
    ("an old document", "a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "type-not-accepted"),
)  # fmt: skip

_LEFT: tuple[tuple[str, bytes, str], ...] = (
    ("__MACOSX/run.bat", b"@echo off\r\ndel *.*\r\n", "member-mismatch"),
    ("__MACOSX/x.js", b"WScript.Shell", "member-mismatch"),
    ("__MACOSX/x.vbs", b"CreateObject(1)", "member-mismatch"),
    ("__MACOSX/p.html", b"<p onclick=alert(1)>x</p>", "member-mismatch"),
    ("desktop.ini", b"[.ShellClassInfo]\r\nIconResource=\\\\evil\\share\\a.dll,0\r\n", "member-mismatch"),
    ("desktop.ini", b"[.ShellClassInfo]\r\nIconResource=\\??\\UNC\\evil\\a.dll,0\r\n", "member-mismatch"),
    ("desktop.ini", b"[.ShellClassInfo]\r\nIconResource=http:/\\evil\\a.dll,0\r\n", "member-mismatch"),
    ("desktop.ini", b"[.ShellClassInfo]\r\nCLSID={0}\r\n", "member-mismatch"),
    ("Thumbs.db", b"MZ\x90\0" + b"\0" * 99, "type-not-accepted"),
    ("~$.txt", b"\5" + b"\0" * 161, "type-not-accepted"),
    ("__MACOSX/._run.bat", _APPLE_DOUBLE, "type-not-accepted"),
    ("__MACOSX/._b.txt", _APPLE_DOUBLE + b"%PDF-1.7\n", "type-not-accepted"),
    ("__MACOSX/._b.txt", _APPLE_DOUBLE + b"<script>1</script>", "type-not-accepted"),
    ("__MACOSX/._c.txt", _APPLE_DOUBLE, "type-not-accepted"),
    (".DS_Store", b"MZ\x90\0" + b"\0" * 99, "type-not-accepted"),
)  # fmt: skip

HOSTILE = [
    *(Case(f"{name} left in a ZIP", "a.zip", partial(zipped, {"b.txt": b"b", name: content}), code) for name, content, code in _LEFT),
    *(Case(f"a name like {name[:20]!r}", "a.zip", partial(zipped, {name: b"x"}), "path-trick") for name in _NAMES),
    *(Case(f"{what} in a ZIP", "a.zip", partial(zipped, {"b.txt": b"b", name: content}), code) for what, name, content, code in _MEMBERS),
    Case("an entry without a name", "a.zip", partial(zipped, {"a.txt": b"a", "": b"x"}), "path-trick"),
    Case("a symbolic link", "a.zip", lambda: special(0o120777), "link"),
    Case("a device", "a.zip", lambda: special(0o020644, b""), "link"),
    Case("a pipe", "a.zip", lambda: special(0o010644, b""), "link"),
    Case("a bomb of zeros", "a.zip", lambda: bomb(200), "bomb"),
    Case("a bomb of shared kernels", "a.zip", _quoted, "bomb"),
    Case("a bomb that says it is small", "a.zip", lambda: patched(bomb(200), 22, struct.pack("<L", 100), local=True, central=True), "damaged"),
    Case("a bomb that says it is 5 GB", "a.zip", lambda: patched(lesson(), 22, struct.pack("<L", 0xFFFF0000), local=True, central=True), "bomb"),
    Case("twelve thousand entries", "a.zip", lambda: _many(12_000), "too-many"),
    Case("names twice", "a.zip", lambda: renamed(twice("a.txt", "b.txt"), "b.txt", "a.txt"), "duplicate-name"),
    Case("names that differ in case", "a.zip", lambda: twice("a.txt", "A.TXT"), "duplicate-name"),
    Case("folders that differ in a space", "a.zip", lambda: zipped({"a /b.txt": b"1", "a/b.txt": b"2"}), "duplicate-name"),
    Case("names that differ in form", "a.zip", lambda: twice("é.txt", "e\u0301.txt"), "duplicate-name"),
    Case("a file where a folder is", "a.zip", lambda: twice("a", "a/b.txt"), "duplicate-name"),
    Case("an encrypted entry", "a.zip", lambda: patched(lesson(), FLAGS, b"\x01\x08", local=True, central=True), "encrypted"),
    Case("an entry encrypted by AES", "a.zip", lambda: patched(lesson(), METHOD, b"\x63\0", local=True, central=True), "encrypted"),
    Case("an entry packed by LZMA", "a.zip", lambda: zipped({"a.txt": b"a" * 99}, zipfile.ZIP_LZMA), "unreadable"),
    Case("an entry packed by bzip2", "a.zip", lambda: zipped({"a.txt": b"a" * 99}, zipfile.ZIP_BZIP2), "unreadable"),
    Case("two accounts of a name", "a.zip", lambda: renamed(zipped({"a.txt": b"x"}), "a.txt", "b.exe", count=1), "inconsistent"),
    Case("two accounts of a method", "a.zip", lambda: patched(lesson(), METHOD, b"\0\0", local=True, central=False), "inconsistent"),
    Case("two accounts of a length", "a.zip", lambda: patched(lesson(), SIZES, b"\1\0\0\0", local=True, central=False), "inconsistent"),
    Case("two accounts of a checksum", "a.zip", lambda: patched(lesson(), CRC, b"\1\2\3\4", local=True, central=False), "inconsistent"),
    Case("a wrong checksum", "a.zip", lambda: patched(lesson(), CRC, b"\1\2\3\4", local=True, central=True), "damaged"),
    Case("an entry that nobody names", "a.zip", _hidden, "hidden-data"),
    Case("more behind the end", "a.zip", lambda: lesson() + b"x" * 50, "hidden-data"),
    Case("a ZIP cut short", "a.zip", lambda: lesson()[:-30], "damaged"),
    Case("a ZIP without a beginning", "a.zip", lambda: lesson()[40:], "type-not-accepted"),
    Case("a script before a ZIP", "a.zip", lambda: b"#!/usr/bin/python3\n" + lesson(), "type-not-accepted"),
    Case("an empty ZIP", "a.zip", lambda: zipped({}), "empty"),
    Case("a ZIP named text", "a.txt", lesson, "name-mismatch"),
    Case("a ZIP named PDF", "a.pdf", lesson, "name-mismatch"),
    Case("a Java archive", "a.zip", lambda: zipped({"META-INF/MANIFEST.MF": b"Main-Class: A\r\n", "A.class": b"\xca\xfe\xba\xbe\0\0\0\x34" + b"\0" * 80}), "type-not-accepted"),
    Case("an Android package", "a.zip", lambda: zipped({"AndroidManifest.xml": b"\3\0\x08\0" + b"\0" * 60, "classes.dex": b"dex\n035\0" + b"\0" * 60}), "type-not-accepted"),
]  # fmt: skip
