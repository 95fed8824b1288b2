"""Packages of functions: zips that are the same bytes whenever they hold the same files."""

import base64
import binascii
import io
import posixpath
import zipfile
from typing import Collection, Dict

# The first time that a zip can name.
EPOCH = (1980, 1, 1, 0, 0, 0)


def zipped(files: Dict[str, str]) -> bytes:
    """Returns a zip of the files, given as texts by their paths."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, on which the mode is read
            entry.external_attr = 0o644 << 16
            z.writestr(entry, files[path])
    return out.getvalue()


def decoded(text: str) -> bytes:
    """Returns the zip that is written in base64. Raises ValueError with the reason if it is none."""
    try:
        data = base64.b64decode(''.join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError('it is not base64')
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise ValueError('it is base64, but not of a zip')
    return data


def names(data: bytes) -> Collection[str]:
    """Returns the paths of the files of a zip."""
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        return z.namelist()


def module(entry: str) -> str:
    """Returns the path of an entry's module without its ending: 'lib/resize' of 'lib.resize.main'."""
    return '/'.join(entry.split('.')[:-1])


def has_module(paths: Collection[str], entry: str) -> bool:
    """Reports whether a package with these files has the module that the entry names."""
    wanted = module(entry)
    return any(
        posixpath.splitext(path)[0] in (wanted, wanted + '/__init__', wanted + '/index') for path in paths
    )


def bad_path(path: str) -> bool:
    """Reports whether a file of a package can not have the path."""
    parts = path.split('/')
    return '' in parts or '.' in parts or '..' in parts or '\\' in path or '\0' in path
