"""Packages of functions: zips, of which the editor shows and changes one file."""
import io
import typing
import zipfile

# What the editor takes. Greater files are no code that somebody would write in a browser.
LARGEST = 256 * 1024
MOST_FILES = 500


def language(runtime: typing.Optional[dict]) -> str:
    """python or nodejs, by what the runtime says of itself."""
    said = ' '.join(str(runtime.get(key) or '') for key in ('interpreter', 'name', 'image')).lower() if runtime else ''
    return 'nodejs' if 'node' in said else 'python'


def main_file(entry: typing.Optional[str], tongue: str) -> str:
    """The file in which the entry module.function is."""
    module = (entry or 'main.main').rpartition('.')[0] or 'main'
    return module.replace('.', '/') + ('.js' if tongue == 'nodejs' else '.py')


def pack(files: typing.Dict[str, str]) -> io.BytesIO:
    package = io.BytesIO()
    with zipfile.ZipFile(package, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    package.seek(0)
    return package


def texts(package: bytes) -> typing.Dict[str, typing.Optional[str]]:
    """The files of a package by their names; None where one is too large, or no text."""
    found: typing.Dict[str, typing.Optional[str]] = {}
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        for info in archive.infolist()[:MOST_FILES]:
            if not info.is_dir():
                found[info.filename] = text_of(archive, info)
    return found


def text_of(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> typing.Optional[str]:
    if info.file_size > LARGEST:
        return None
    with archive.open(info) as file:
        content = file.read(LARGEST + 1)    # whatever size the archive claims
    if len(content) > LARGEST or b'\0' in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def replace(package: bytes, name: str, text: str) -> io.BytesIO:
    """The package with another content of one file. All other entries stay as they are, modes and times included."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(changed, 'w', zipfile.ZIP_DEFLATED) as new:
        written = False
        for info in old.infolist():
            if info.filename == name:
                new.writestr(info, text, zipfile.ZIP_DEFLATED)
                written = True
            else:
                with old.open(info) as source, new.open(info, 'w') as copy:
                    while piece := source.read(65536):
                        copy.write(piece)
        if not written:
            new.writestr(zipfile.ZipInfo(name), text)
    changed.seek(0)
    return changed
