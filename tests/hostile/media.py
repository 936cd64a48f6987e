"""Sound and film, honest and otherwise, encoded by FFmpeg."""

import io
import math
import struct
import wave
from fractions import Fraction
from functools import cache
from typing import Any, cast

import av
from PIL import Image

from tests.hostile.case import Case


@cache
def wav(seconds: float = 1.0, rate: int = 8000) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(_tone(int(seconds * rate), rate))
    return target.getvalue()


def _tone(samples: int, rate: int) -> bytes:
    return b"".join(
        struct.pack("<h", int(8000 * math.sin(2 * math.pi * 440 * i / rate)))
        for i in range(samples)
    )


@cache
def encoded(container: str, video: str | None, audio: str | None, seconds: int = 1) -> bytes:
    """A film of a moving square, or a tone, or both."""
    target = io.BytesIO()
    with av.open(target, "w", format=container) as output:
        if video:
            picture: Any = output.add_stream(video, rate=10)
            picture.width, picture.height, picture.pix_fmt = 160, 120, "yuv420p"
        if audio:
            sound: Any = output.add_stream(audio, rate=48000, layout="mono")
        if video:
            for number in range(10 * seconds):
                still = Image.new("RGB", (160, 120), "navy")
                still.paste("gold", (number * 5 % 100, 30, number * 5 % 100 + 40, 70))
                frame: Any = cast(Any, av.VideoFrame).from_image(still)
                frame.pts, frame.time_base = number, Fraction(1, 10)
                output.mux(picture.encode(frame))
            output.mux(picture.encode(None))
        if audio:
            _encode_tone(output, sound, seconds)
    return target.getvalue()


def _encode_tone(output: Any, sound: Any, seconds: int) -> None:
    resampler = av.AudioResampler(sound.format.name, "mono", 48000, sound.frame_size or 1024)
    whole = av.AudioFrame(format="s16", layout="mono", samples=48000 * seconds)
    whole.planes[0].update(_tone(48000 * seconds, 48000))
    whole.sample_rate, whole.pts, whole.time_base = 48000, 0, Fraction(1, 48000)
    for frame in [*resampler.resample(whole), *resampler.resample(None)]:
        output.mux(sound.encode(frame))
    output.mux(sound.encode(None))


def mp4() -> bytes:
    return encoded("mp4", "libx264", "aac")


def portrait() -> bytes:
    """A film that players turn a quarter to the right (ISO/IEC 14496-12 §8.3.2.3)."""
    whole = bytearray(encoded("mp4", "libx264", None))
    matrix = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 120 << 16, 0, 1 << 30)
    at = whole.index(b"tkhd") + 44
    whole[at : at + len(matrix)] = matrix
    return bytes(whole)


def webm() -> bytes:
    return encoded("webm", "libvpx", "libopus")


def mp3() -> bytes:
    return encoded("mp3", None, "libmp3lame", 3)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


HONEST = [
    Case("a recording", "朗读.wav", wav, declared="audio/wav"),
    Case("a song", "song.mp3", mp3, declared="audio/mpeg"),
    Case("a film", "实验.mp4", mp4, declared="video/mp4"),
    Case("a film of a telephone held upright", "a.mp4", portrait),
    Case("a silent film", "silent.mp4", lambda: encoded("mp4", "libx264", None)),
    Case("a web film", "film.webm", webm, declared="video/webm"),
    Case("a silent web film", "film.webm", lambda: encoded("webm", "libvpx-vp9", None)),
    Case("a song with a tag behind", "song.mp3", lambda: mp3() + b"TAG" + b"\0" * 125),
]

HOSTILE = [
    Case("a film cut short", "a.mp4", lambda: mp4()[:-2000], "damaged"),
    Case("a film without its index", "a.mp4", lambda: mp4()[: mp4().index(b"moov") - 4], "damaged"),
    Case("a film with a program behind", "a.mp4", lambda: mp4() + b"MZ" + b"\x90" * 4000, "hidden-data"),
    Case("a film with an odd box", "a.mp4", lambda: mp4() + box(b"evil", b"x" * 100), "hidden-data"),
    Case("a film with a megabyte to spare", "a.mp4", lambda: mp4() + box(b"free", b"x" * (2 << 20)), "hidden-data"),
    Case("a film of one box", "a.mp4", lambda: box(b"ftyp", b"isom\0\0\2\0isom"), "damaged"),
    Case("a QuickTime film", "a.mp4", lambda: box(b"ftyp", b"qt  \0\0\2\0qt  ") + mp4()[28:], "type-not-accepted"),
    Case("a HEIC picture as film", "a.mp4", lambda: box(b"ftyp", b"heic\0\0\0\0mif1"), "type-not-accepted"),
    Case("a film in another's name", "a.webm", mp4, "name-mismatch"),
    Case("a film declared a picture", "a.mp4", mp4, "type-mismatch", "image/png"),
    Case("a Matroska film", "a.webm", lambda: encoded("matroska", "libx264", None), "type-not-accepted"),
    Case("a web film cut short", "a.webm", lambda: webm()[:-500], "damaged"),
    Case("a web film with more behind", "a.webm", lambda: webm() + b"#!/bin/sh\nrm -rf /\n" * 9, "hidden-data"),
    Case("a web film of noise", "a.webm", lambda: webm()[:60] + b"\x55" * 900, "damaged"),
    Case("a recording cut short", "a.wav", lambda: wav()[:-999], "damaged"),
    Case("a recording with more behind", "a.wav", lambda: wav() + b"<?php system($_GET[0]);", "hidden-data"),
    Case("a recording with a page inside", "a.wav", lambda: wav().replace(wav()[100:140], b"<script>alert(document.domain)</script> "), "polyglot"),
    Case("a recording without sound", "a.wav", lambda: b"RIFF" + struct.pack("<I", 4) + b"WAVE", "damaged"),
    Case("a recording of ADPCM", "a.wav", lambda: encoded("wav", None, "adpcm_ms"), "codec"),
    Case("a song of text", "a.mp3", lambda: b"ID3\3\0\0\0\0\0\0" + b"not a song " * 900, "damaged"),
    Case("a song with a program behind", "a.mp3", lambda: mp3() + b"MZ" + b"\x90\1" * 5000, "hidden-data"),
    Case("a song with a page inside", "a.mp3", lambda: b"ID3\3\0\0\0\0\0\x1e" + b"<html><script>alert(1)</script>" + mp3(), "polyglot"),
    Case("an Ogg file as song", "a.mp3", lambda: encoded("ogg", None, "libopus"), "type-not-accepted"),
    Case("a playlist as song", "a.mp3", lambda: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "type-not-accepted"),
    Case("a playlist as film", "a.mp4", lambda: b"#EXTM3U\nconcat:http://example.test/|file:///etc/passwd\n", "type-not-accepted"),
]  # fmt: skip
