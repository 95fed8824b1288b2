"""Forms with a file, sent as they are read: requests by itself would hold packages in memory."""

import hashlib
import os
import shutil
import tempfile
import uuid
from typing import BinaryIO, Dict, Iterator

CHUNK = 1 << 16


class Form:
    """The body of a request with fields and one file.

    It can be sent several times, since it begins anew each time that it is iterated over: a token
    that has expired, or an older microversion, makes a second request of one.
    """

    def __init__(self, fields: Dict[str, str], name: str, file: BinaryIO):
        self._file = seekable(file)
        self._start = self._file.tell()
        boundary = uuid.uuid4().hex
        self.content_type = 'multipart/form-data; boundary=' + boundary
        self._head = b''.join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
            for field, value in fields.items()
        ) + (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
            'Content-Type: application/octet-stream\r\n\r\n'
        ).encode()
        self._tail = f'\r\n--{boundary}--\r\n'.encode()

    def __len__(self) -> int:
        return len(self._head) + self._file.seek(0, os.SEEK_END) - self._start + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        self._file.seek(self._start)
        yield from iter(lambda: self._file.read(CHUNK), b'')
        yield self._tail


def seekable(file: BinaryIO) -> BinaryIO:
    """Returns the file, or what it holds in a temporary one if it can be read only once."""
    if file.seekable():
        return file
    copy = tempfile.TemporaryFile()
    shutil.copyfileobj(file, copy)
    copy.seek(0)
    return copy


def md5(file: BinaryIO) -> str:
    """Returns the MD5 sum of what is left to read of the file, and reads none of it."""
    start, digest = file.tell(), hashlib.md5()
    for chunk in iter(lambda: file.read(CHUNK), b''):
        digest.update(chunk)
    file.seek(start)
    return digest.hexdigest()
