"""MP3, WAV, MP4 and WebM: the container walked to its end, the streams listed, a frame decoded."""

import re
import struct
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

from services.catalog.inspection import media_containers
from services.catalog.inspection.fillings import is_filling
from services.catalog.inspection.report import Report, Unreadable

MOST_SECONDS = 12 * 3600
MOST_STREAMS = 16
MOST_FRAME_PIXELS = 50_000_000
POSTER_EDGE = 1280
THUMBNAIL_EDGE = 320
_MOST_STRAY_BYTES = 4096
_MOST_CHUNK_BYTES = 1 << 20
_MOST_FRAMES_TRIED = 300
_PROMISE_BYTES = 64
"""From the beginning of a frame, within which it stands."""

_DEMUXERS: Final = {"mp4": "mov", "webm": "matroska", "mp3": "mp3", "wav": "wav"}
_CODECS: Final = {
    "mp4": {"h264", "hevc", "av1", "mpeg4", "vp9", "aac", "mp3", "opus", "ac3", "eac3", "flac",
            "mov_text", "png", "mjpeg"},
    "webm": {"vp8", "vp9", "av1", "opus", "vorbis", "webvtt"},
    "mp3": {"mp3", "mp3float", "png", "mjpeg"},
    "wav": {"pcm_s16le", "pcm_u8", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_alaw", "pcm_mulaw"},
}  # fmt: skip
_COVERS: Final = {"png", "mjpeg"}
_UNSTATED: Final = {0xFFFFFFFF, 0xFFFFFFFE}
"""The length of a sound that was recorded as it was sent."""


def inspect(path: Path, name: str, report: Report) -> None:
    """Raises `Unreadable`."""
    walk(path, name, report)
    with _opened(path, name) as container:
        _inspect_streams(container, name, report)


def walk(path: Path, name: str, report: Report) -> None:
    """Its container, from end to end; nothing is decoded. Raises `Unreadable`."""
    with path.open("rb") as file:
        file.seek(0, 2)
        size = file.tell()
        file.seek(0)
        {"mp4": media_containers.mp4, "webm": media_containers.webm, "mp3": _mp3, "wav": _wav}[
            name
        ](file, size, report)


def derive(path: Path, name: str, report: Report) -> None:
    """A poster and a thumbnail of the first frame a tenth into the video."""
    with _opened(path, name) as container:
        video = _video(container)
        if video is None:
            return
        image = _frame(container, video)
        for kind, edge in (("poster", POSTER_EDGE), ("thumbnail", THUMBNAIL_EDGE)):
            image.thumbnail((edge, edge))
            target = BytesIO()
            image.save(target, "JPEG", quality=80)
            report.make(kind, 1, "image/jpeg", target.getvalue(), image.size)


def _opened(path: Path, name: str) -> Any:
    import av

    av.logging.set_level(av.logging.PANIC)
    try:
        return av.open(
            str(path),
            format=_DEMUXERS[name],
            options={"protocol_whitelist": "file", "enable_drefs": "0"},
        )
    except (av.FFmpegError, ValueError) as error:
        raise Unreadable("damaged") from error


def _inspect_streams(container: Any, name: str, report: Report) -> None:
    if not 0 < len(container.streams) <= MOST_STREAMS:
        raise Unreadable("too-many" if len(container.streams) else "damaged")
    codecs = []
    for stream in container.streams:
        if stream.type == "data":
            continue
        codec = stream.codec_context.name if stream.codec_context else "unknown"
        codec = stream.codec.canonical_name if getattr(stream, "codec", None) else codec
        codecs.append(codec)
        if stream.type == "attachment":
            report.find("embedded-file", f"stream {stream.index}")
        elif codec not in _CODECS[name]:
            report.find("codec", f"stream {stream.index}: {codec}")
        elif stream.type == "video" and stream.width * stream.height > MOST_FRAME_PIXELS:
            report.find("too-many-pixels", f"stream {stream.index}")
    report.facts["codecs"] = codecs
    seconds = _seconds(container, report)
    report.facts["seconds"] = round(seconds, 3)
    if seconds <= 0:
        raise Unreadable("damaged")
    if seconds > MOST_SECONDS:
        report.find("too-long")
    video = _video(container)
    if video is not None:
        shown = _frame(container, video) if report.clean else video
        report.facts |= {"width": shown.width, "height": shown.height}


def _seconds(container: Any, report: Report) -> float:
    if "seconds" in report.facts:
        return float(report.facts["seconds"])
    if container.duration:
        return float(container.duration) / 1_000_000
    # Recorded by a browser, a WebM has no duration: its last packet tells.
    last = 0.0
    for packet in container.demux():
        if packet.pts is not None and packet.time_base:
            last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return last


def _video(container: Any) -> Any:
    return next(
        (each for each in container.streams.video if each.codec.canonical_name not in _COVERS), None
    )


def _frame(container: Any, video: Any) -> Any:
    """A picture as players show it: turned as the film says (ISO/IEC 14496-12 §8.3.2.3)."""
    import av

    video.thread_count = 1
    try:
        if container.duration:
            container.seek(int(container.duration // 10))
        for tried, packet in enumerate(container.demux(video)):
            for frame in packet.decode():
                return frame.to_image().rotate(frame.rotation, expand=True)
            if tried > _MOST_FRAMES_TRIED:
                break
    except (av.FFmpegError, ValueError, MemoryError) as error:
        raise Unreadable("damaged") from error
    raise Unreadable("damaged")


_ATTACHED = re.compile(rb"GEOB[\0-\x0f]|MZ\x90\0")
_RATES = ((11025, 12000, 8000), None, (22050, 24000, 16000), (44100, 48000, 32000))
_BITRATES = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _mp3(file: BinaryIO, size: int, report: Report) -> None:
    """Frames (ISO/IEC 11172-3 §2.4) between an ID3v2 tag and an APE or ID3v1 tag."""
    content = memoryview(file.read())
    at = _id3_end(content)
    end = size - 128 if bytes(content[-128:-125]) == b"TAG" else size
    if bytes(content[end - 32 : end - 24]) == b"APETAGEX":
        end -= int.from_bytes(content[end - 20 : end - 16], "little") + 32
    seconds, stray, frames, promised = 0.0, 0, 0, 0
    while at + 4 <= end:
        length, lasts = _mp3_frame(content[at : at + 4])
        if length and (at + length <= end or frames):
            promised = promised if frames else _promised(content[at : at + length])
            at += length
            seconds += lasts
            frames += 1
        else:
            at += 1
            stray += 0 if not content[at - 1] else 1
            if stray > _MOST_STRAY_BYTES:
                break
    if _attaches(content):
        report.find("embedded-file")
    if frames < max(3, _WHOLE * promised):
        raise Unreadable("damaged")
    if stray > _MOST_STRAY_BYTES:
        report.find("hidden-data")
    report.facts["seconds"] = round(seconds, 3)


_PROMISE = re.compile(rb"(?:Xing|Info)\0\0\0[\x01\x03\x05\x07\x09\x0b\x0d\x0f](.{4})", re.S)
"""How many frames follow, in the first, which is silent (as LAME and Xing write it)."""
_WHOLE: Final = 0.99


def _promised(frame: memoryview) -> int:
    told = _PROMISE.search(frame[:_PROMISE_BYTES])
    return int.from_bytes(told[1]) if told else 0


def _id3_end(content: memoryview) -> int:
    if bytes(content[:3]) != b"ID3":
        return 0
    length = 0
    for byte in content[6:10]:
        length = length << 7 | byte & 0x7F
    return length + 10 + (10 if content[5] & 0x10 else 0)


def _attaches(content: memoryview) -> bool:
    """Whether an ID3v2 tag holds a file: a frame GEOB (ID3v2.4 frames §4.15), or a program."""
    return bool(_ATTACHED.search(content[: _id3_end(content)]))


def _mp3_frame(header: memoryview) -> tuple[int, float]:
    """Length in bytes and seconds of a layer III frame; 0 when there is none."""
    if header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0, 0
    version, rate = header[1] >> 3 & 3, header[2] >> 2 & 3
    rates = _RATES[version]
    bitrate = header[2] >> 4
    if rates is None or rate == 3 or bitrate in (0, 15):
        return 0, 0
    samples = 1152 if version == 3 else 576
    per_second = rates[rate]
    length = samples // 8 * _BITRATES[version == 3][bitrate] * 1000 // per_second
    return length + (header[2] >> 1 & 1), samples / per_second


_CHUNKS: Final = {
    b"fmt ", b"data", b"LIST", b"fact", b"cue ", b"bext", b"id3 ", b"ID3 ", b"smpl", b"_PMX",
}  # fmt: skip


def _wav(file: BinaryIO, size: int, report: Report) -> None:
    """RIFF chunks from end to end, with a format and data."""
    (declared,) = struct.unpack("<I", file.read(8)[4:])
    if declared in _UNSTATED:
        declared = size - 8
    if declared + 8 > size:
        raise Unreadable("damaged")
    if size - declared - 8 > 1:
        report.find("hidden-data")
    at, seen = 12, set()
    while at + 8 <= declared + 8:
        file.seek(at)
        kind, length = struct.unpack("<4sI", file.read(8))
        seen.add(kind)
        if kind == b"data" and length in _UNSTATED:
            length = size - at - 8
        if kind not in _CHUNKS and not is_filling(file.read(min(length, _MOST_CHUNK_BYTES))):
            report.find("hidden-data")
        at += 8 + length + length % 2
        if at > size + 1:
            raise Unreadable("damaged")
    if not {b"fmt ", b"data"} <= seen:
        raise Unreadable("damaged")
