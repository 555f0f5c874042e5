"""Leave out the metadata of a PNG that Pillow, which limits it to 1 MB, would refuse.

The chunks are those of the PNG specification (W3C, third edition, sections 5 and 11.3).
"""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PROFILE_LIMIT = 64_000_000  # Bytes; printers' profiles take a few million.
_PILLOW_LIMIT = 2**20
_MOST_INFLATED = 1032  # Bytes that deflate can make of one.
_INFLATION = {b"tEXt": 1, b"zTXt": _MOST_INFLATED, b"iTXt": _MOST_INFLATED, b"iCCP": _MOST_INFLATED}


class _Chunk(NamedTuple):
    kind: bytes
    start: int  # Of the length, four bytes before the kind.
    end: int  # After the checksum.


def within_limits(path: Path) -> tuple[io.BytesIO, bytes | None] | None:
    """Return a PNG without its large metadata, and its profile; None if there is nothing large.

    Returns:
      The file without text chunks and profile that may exceed Pillow's limit, and the profile:
      empty if it was not left out, None if it exceeds `PROFILE_LIMIT` or is damaged.
    """
    with path.open("rb") as file:
        large = [
            chunk
            for chunk in _chunks(file)
            if (chunk.end - chunk.start) * _INFLATION.get(chunk.kind, 0) > _PILLOW_LIMIT
        ]
        if not large:
            return None
        file.seek(0)
        content = file.read()
    profile: bytes | None = b""
    kept, position = [], 0
    for chunk in large:
        kept.append(content[position : chunk.start])
        position = chunk.end
        if chunk.kind == b"iCCP":
            profile = _inflate_profile(content[chunk.start + 8 : chunk.end - 4])
    kept.append(content[position:])
    return io.BytesIO(b"".join(kept)), profile


def _chunks(file: io.BufferedReader) -> Iterator[_Chunk]:
    """Yield the chunks up to the last one, or to where the file is damaged."""
    start = file.seek(len(SIGNATURE))
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        end = start + length + 12
        yield _Chunk(kind, start, end)
        start = file.seek(end)


def _inflate_profile(body: bytes) -> bytes | None:
    """Decompress the profile of an iCCP chunk: name, zero, method, deflated bytes."""
    _, _, rest = body.partition(b"\0")
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(rest[1:], PROFILE_LIMIT)
    except zlib.error:
        return None
    return profile if inflater.eof else None
