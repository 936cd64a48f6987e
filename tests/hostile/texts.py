"""Text and Markdown, honest and otherwise."""

from functools import partial

from tests.hostile.case import Case

_POEM = "静夜思\n床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n"

_LESSONS: tuple[tuple[str, bytes], ...] = (
    ("a program in Python", b"#!/usr/bin/env python3\nprint('hello')\n"),
    ("a shell script", b"#!/bin/sh\nls\n"),
    ("a text that begins with a tag", "<html> 标签的用法\n".encode()),
    ("a text that begins with a declaration", b"<!DOCTYPE html> is the first line of a page.\n"),
    (
        "a text that begins with a script's tag",
        "<script> 标签和 onload 属性的用法，one = 1\n".encode(),
    ),
    ("a page that does nothing", b"<!DOCTYPE html><html><body><h1>a</h1></body></html>"),
)

HONEST = [
    *(Case(f"{what} to read", "a.txt", partial(bytes, content)) for what, content in _LESSONS),
    *(Case(f"{what} to show", "a.md", partial(bytes, content)) for what, content in _LESSONS),
    Case("a text with soft breaks", "a.txt", lambda: "第一行\v第二行\n".encode()),
    Case("a text in UTF-16", "a.txt", lambda: _POEM.encode("utf-16")),
    Case("a text", "静夜思.txt", _POEM.encode, declared="text/plain"),
    Case("a text with a mark before", "a.txt", lambda: b"\xef\xbb\xbf" + _POEM.encode()),
    Case("a text in GB18030", "a.txt", lambda: _POEM.encode("gb18030")),
    Case("a text that begins with BM", "a.txt", lambda: "BMI 指数是体重除以身高的平方".encode()),
    Case("Markdown", "教案.md", lambda: b"# \xe6\x95\x99\xe6\xa1\x88\n\n- a\n", declared="text/markdown"),
    Case("a table", "名单.csv", lambda: "\ufeff题名,学科\n春,语文\n".encode(), declared="text/csv"),
    Case("a text about PDF", "a.txt", lambda: "讲解 PDF：文件以 %PDF-1.4 开头，其后是 1 0 obj。\n".encode()),
    Case("a text that begins like a PDF", "a.txt", lambda: "%PDF-1.7 是 PDF 文件的头。\n1 0 obj 表示对象，trailer 在末尾。\n".encode()),
    Case("Markdown that begins like a PDF", "a.md", lambda: "\n%PDF-1.7 是 PDF 文件的头。\n".encode()),
    Case("Markdown with HTML", "a.md", lambda: b'# Plan\n\n<div align="center">x</div>\n'),
    Case("Markdown with a script, which stays words", "a.md", lambda: b"# a\n<script>alert(1)</script>\n"),
]  # fmt: skip

_SCRIPTS: tuple[tuple[str, bytes], ...] = (
    ("a page", b"\n <!DOCTYPE html><script>1</script>"),
    ("a page after a comment", b"<!-- lesson --><html><body onload=alert(1)>"),
    ("a page after a mark", b"\xef\xbb\xbf<html><script>1</script>"),
    ("an SVG", b"<?xml version='1.0'?><svg onload='alert(1)'/>"),
    ("PHP", b"<?php system($_GET['c']);"),
    ("an HTML application", b"<hta:application id=x /><script>1</script>"),
    ("a script component", b"<scriptlet><script>1</script></scriptlet>"),
    ("a job", b"<job><script language='VBScript'>x</script></job>"),
    ("an RTF", b"{\\rtf1\\ansi x}"),
    ("an internet shortcut", b"[InternetShortcut]\nURL=file://evil.test/a.exe\n"),
    ("PostScript", b"%!PS\n(%pipe%id) (w) file"),
)

HOSTILE = [
    *(Case(f"{what} named text", "a.txt", partial(bytes, content), "type-not-accepted") for what, content in _SCRIPTS),
    *(Case(f"{what} named Markdown", "a.md", partial(bytes, content), "type-not-accepted") for what, content in _SCRIPTS[:5]),
    *(Case(f"{what} with no ending", "README", partial(bytes, content), "type-not-accepted") for what, content in _LESSONS),
    *(Case(f"{what} named picture", "a.png", partial(bytes, content), "type-not-accepted") for what, content in _LESSONS),
    Case("a page in UTF-16", "a.txt", lambda: "<html><body onload=alert(1)>".encode("utf-16"), "type-not-accepted"),
    Case("a program in UTF-16", "a.txt", lambda: b"\xff\xfe" + bytes(range(256)) * 9, "encoding"),
    Case("half a letter in UTF-16", "a.txt", lambda: _POEM.encode("utf-16") + b"x", "encoding"),
    Case("an empty file", "a.txt", lambda: b"", "empty"),
    Case("an empty picture", "a.png", lambda: b"", "empty"),
    Case("a text with a NUL", "a.txt", lambda: b"abc\0def", "type-not-accepted"),
    Case("a text with a NUL far inside", "a.txt", lambda: b"abc " * 9000 + b"\0" + b"def " * 9000, "encoding"),
    Case("a text that moves the cursor", "a.txt", lambda: b"\x1b]0;evil\x07\x1b[2J", "encoding"),
    Case("noise", "a.txt", lambda: bytes(range(1, 256)) * 9, "encoding"),
    Case("a text of 21 MB", "a.txt", lambda: b"0123456\n" * (21 << 17), "too-large"),
    Case("a text with no ending", "README", _POEM.encode, "name-mismatch"),
    Case("a text named program", "a.exe", _POEM.encode, "name-mismatch"),
    Case("a text named page", "a.html", _POEM.encode, "name-mismatch"),
    Case("a text named twice", "a.txt.js", _POEM.encode, "name-mismatch"),
    Case("a text declared page", "a.txt", _POEM.encode, "type-mismatch", "text/html"),
    Case("a PDF that a text introduces", "a.txt", lambda: b"lesson\n%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\ntrailer<</Root 1 0 R>>", "polyglot"),
    Case("a PDF named Markdown", "a.md", lambda: b"%PDF-1.7\n1 0 obj % a < b\n<</Type/Catalog/OpenAction<</S/JavaScript/JS(1)>>>>endobj\ntrailer<</Root 1 0 R>>", "name-mismatch"),
    Case("a program for Linux", "a.txt", lambda: b"\x7fELF\2\1\1" + b"\0" * 99, "type-not-accepted"),
    Case("a RAR", "a.zip", lambda: b"Rar!\x1a\x07\x01\0" + b"\0" * 99, "type-not-accepted"),
    Case("a disc image", "a.zip", lambda: b"\0" * 32768 + b"\1CD001" + b"\0" * 99, "type-not-accepted"),
    Case("a Flash film", "a.mp4", lambda: b"CWS\x0a" + b"\0" * 99, "type-not-accepted"),
    Case("a shortcut of Windows", "a.pdf", lambda: b"L\0\0\0\x01\x14\x02\0" + b"\0" * 99, "type-not-accepted"),
    Case("WebAssembly", "a.zip", lambda: b"\0asm\1\0\0\0", "type-not-accepted"),
]  # fmt: skip
