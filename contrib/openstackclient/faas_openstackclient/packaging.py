"""Makes the package of a directory: the same bytes of the same files, whoever makes it and when."""

import os
import re
import stat
import zipfile
from typing import BinaryIO, Iterable, List, NamedTuple, Tuple

IGNORE_FILE = '.faasignore'
# What is in a directory for the sake of writing a function, and .env, which has secrets as a rule.
IGNORED = (
    '.git/', '.hg/', '.svn/', '.gitignore', IGNORE_FILE, '__pycache__/', '*.py[co]', '.venv/', 'venv/', '.tox/',
    '.mypy_cache/', '.pytest_cache/', '.DS_Store', '.env', '*.swp',
)


class Rule(NamedTuple):
    """A line of an ignore file: what it matches, whether that comes back, whether it is about directories alone."""

    pattern: 're.Pattern[str]'
    keeps: bool
    directories: bool


def rule(line: str) -> Rule:
    """Reads a line as Git does: ! brings back, a slash at the end is for directories, one elsewhere anchors."""
    keeps = line.startswith('!')
    line = line[1:] if keeps else line
    directories = line.endswith('/')
    line = line.rstrip('/')
    anchored = '/' in line
    start = '' if anchored else '(?:.*/)?'
    return Rule(re.compile(start + _expression(line.lstrip('/'))), keeps, directories)


def _expression(glob: str) -> str:
    out, i = '', 0
    while i < len(glob):
        if glob.startswith('**/', i):
            out, i = out + '(?:.*/)?', i + 3
        elif glob.startswith('**', i):
            out, i = out + '.*', i + 2
        elif glob[i] == '[' and ']' in glob[i + 2:]:
            end = glob.index(']', i + 2)
            letters = glob[i + 1:end].replace('\\', '\\\\')
            out, i = out + '[' + ('^' + letters[1:] if letters[0] in '!^' else letters) + ']', end + 1
        elif glob[i] == '\\' and i + 1 < len(glob):
            out, i = out + re.escape(glob[i + 1]), i + 2
        else:
            out, i = out + {'*': '[^/]*', '?': '[^/]'}.get(glob[i], re.escape(glob[i])), i + 1
    return out


def rules(directory: str, more: Iterable[str] = ()) -> List[Rule]:
    """Returns our rules, those of the directory's ignore file, and more, of which the last that matches counts."""
    lines = list(IGNORED)
    path = os.path.join(directory, IGNORE_FILE)
    if os.path.exists(path):
        with open(path, encoding='utf-8') as file:
            lines += [line.rstrip() for line in file if line.strip() and not line.startswith('#')]
    return [rule(line) for line in [*lines, *more]]


def ignored(path: str, directory: bool, given: Iterable[Rule]) -> bool:
    answer = False
    for pattern, keeps, directories in given:
        if (directory or not directories) and pattern.fullmatch(path):
            answer = not keeps
    return answer


def files(directory: str, given: List[Rule]) -> List[Tuple[str, str]]:
    """Returns the names in the package, sorted, with the paths of their files.

    A link is what it leads to, which must be within the directory: what is elsewhere on this
    machine is nobody's business. What is neither file nor directory is refused.
    """
    found = []
    root = os.path.realpath(directory)
    for folder, folders, names in os.walk(directory):
        below = os.path.relpath(folder, directory).replace(os.sep, '/')
        prefix = '' if below == '.' else below + '/'
        folders[:] = sorted(name for name in folders if not ignored(prefix + name, True, given))
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders[:] = [name for name in folders if name not in links]
        for name in [*names, *links]:
            if ignored(prefix + name, False, given):
                continue
            path = os.path.join(folder, name)
            target = os.path.realpath(path)
            if os.path.commonpath([root, target]) != root:
                raise ValueError(f'{prefix + name} is a link to {target}, which is not in {directory}.')
            if not os.path.isfile(path):
                raise ValueError(f'{prefix + name} is no file. Name it in {IGNORE_FILE} to leave it out.')
            found.append((prefix + name, path))
    return sorted(found)


def pack(found: List[Tuple[str, str]], out: BinaryIO) -> None:
    """Writes a zip of the files: no times, and of the modes only whether a file may be executed."""
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, path in found:
            entry = zipfile.ZipInfo(name)  # of 1980
            entry.create_system = 3  # Unix: what the mode is to be read as
            entry.compress_type = zipfile.ZIP_DEFLATED
            mode = 0o755 if os.stat(path).st_mode & stat.S_IXUSR else 0o644
            entry.external_attr = (stat.S_IFREG | mode) << 16
            with open(path, 'rb') as source, archive.open(entry, 'w') as sink:
                for chunk in iter(lambda: source.read(1 << 16), b''):
                    sink.write(chunk)
