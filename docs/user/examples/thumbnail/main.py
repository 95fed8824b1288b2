"""Makes a thumbnail of each PNG that is put into a container of Swift, in another container.

It needs no library: PNG is zlib and a few filters. Other formats need one, such as Pillow, in the
function's package.
"""
import struct
import urllib.parse
import zlib

MOST_BYTES = 10_000_000  # of an object, which is read whole
MOST_PIXELS = 2_000_000
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by PNG's type of colours


def main(event, context, into="thumbnails", width=160):
    data = event["data"]
    if data["container"] == into:
        raise ValueError(f"a thumbnail in {into!r} would have a thumbnail made of itself: name another container")
    if data["bytes"] > MOST_BYTES:
        raise ValueError(f"the object has {data['bytes']} bytes, more than {MOST_BYTES}")
    swift = Swift(context["os_session"])
    png = swift.get(data["container"], data["object"])
    if png is None:
        return {"skipped": "the object is gone"}
    small = thumbnail(png, width)
    swift.put(into, data["object"], small)
    return {"container": into, "object": data["object"], "bytes": len(small), "before": len(png)}


class Swift:
    """The objects of the function's project, with the function's rights."""

    def __init__(self, session):
        self.session = session

    def request(self, method, path, **more):
        return self.session.request(
            "/" + path, method, endpoint_filter={"service_type": "object-store"}, raise_exc=False, **more
        )

    def get(self, container, name):
        answer = self.request("GET", urllib.parse.quote(f"{container}/{name}"))
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        return answer.content

    def put(self, container, name, content):
        headers = {"Content-Type": "image/png"}
        path = urllib.parse.quote(f"{container}/{name}")
        answer = self.request("PUT", path, data=content, headers=headers)
        if answer.status_code == 404:  # there is no such container yet
            self.request("PUT", urllib.parse.quote(container)).raise_for_status()
            answer = self.request("PUT", path, data=content, headers=headers)
        answer.raise_for_status()


def thumbnail(png, width):
    """Returns a PNG of so many pixels in width at most, each the mean of those that it stands for."""
    columns, kind, rows = read(png)
    channels, width = CHANNELS[kind], min(width, columns)
    height = max(1, len(rows) * width // columns)
    small = []
    for y in range(height):
        some = rows[y * len(rows) // height:(y + 1) * len(rows) // height]
        row = bytearray()
        for x in range(width):
            left, right = x * columns // width * channels, (x + 1) * columns // width * channels
            for channel in range(channels):
                total = sum(sum(r[left + channel:right:channels]) for r in some)
                row.append(total * channels // ((right - left) * len(some)))
        small.append(row)
    return write(width, kind, small)


def chunks(png):
    if png[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("the object is no PNG; give the trigger the suffix .png")
    at = 8
    while at + 12 <= len(png):
        size, kind = struct.unpack(">I4s", png[at:at + 8])
        yield kind, png[at + 8:at + 8 + size]
        at += 12 + size


def read(png):
    """Returns a PNG's width, its type of colours and its rows."""
    head, palette, packed = None, b"", bytearray()
    for kind, content in chunks(png):
        if kind == b"IHDR":
            head = struct.unpack(">IIBBBBB", content)
        elif kind == b"PLTE":
            palette = [content[i:i + 3] for i in range(0, len(content), 3)]
        elif kind == b"IDAT":
            packed += content
    if head is None:
        raise ValueError("the PNG has no header")
    columns, height, depth, kind, _, _, interlaced = head
    if depth != 8 or interlaced or kind not in CHANNELS:
        raise ValueError("only PNGs with 8 bits a channel that are not interlaced can be read without a library")
    if not 0 < columns * height <= MOST_PIXELS:
        raise ValueError(f"{columns} x {height} pixels are more than {MOST_PIXELS}, or none")
    step = CHANNELS[kind]
    length = columns * step
    raw = zlib.decompressobj().decompress(packed, (length + 1) * height)  # no more than the header says
    if len(raw) < (length + 1) * height:
        raise ValueError("the PNG ends too soon")
    rows, above = [], bytearray(length)
    for at in range(0, len(raw), length + 1):
        above = unfiltered(raw[at], bytearray(raw[at + 1:at + 1 + length]), above, step)
        rows.append(above)
    if kind == 3:
        return columns, 2, [b"".join(palette[i] for i in row) for row in rows]
    return columns, kind, rows


def unfiltered(how, row, above, step):
    """Undoes what makes rows of a PNG easy to compress: each byte is less a guess from its neighbours."""
    for i in range(len(row) if how else 0):
        left = row[i - step] if i >= step else 0
        if how == 1:
            guess = left
        elif how == 2:
            guess = above[i]
        elif how == 3:
            guess = (left + above[i]) // 2
        else:
            corner = above[i - step] if i >= step else 0
            by_left, by_above = abs(above[i] - corner), abs(left - corner)
            by_corner = abs(left + above[i] - 2 * corner)
            if by_left <= by_above and by_left <= by_corner:
                guess = left
            else:
                guess = above[i] if by_above <= by_corner else corner
        row[i] = (row[i] + guess) & 255
    return row


def write(columns, kind, rows):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", columns, len(rows), 8, kind, 0, 0, 0)
    packed = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
