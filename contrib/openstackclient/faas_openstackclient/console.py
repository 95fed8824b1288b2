"""What a person at a terminal sees, and nobody else: colour and progress.

Tables have these columns as they are for reading, and -f json, value and the others have the API's
own values.
"""

import contextlib
import json
import os
import sys
import threading
import time

from cliff import columns

_colours = {'green': '32', 'red': '31', 'yellow': '33', 'dim': '2', 'bold': '1'}
_of_status = {
    'success': 'green', 'available': 'green', 'active': 'green', 'failed': 'red', 'error': 'red',
    'running': 'yellow', 'pending': 'yellow', 'creating': 'yellow', 'upgrading': 'yellow', 'paused': 'yellow',
    'deleting': 'yellow', 'cancelled': 'yellow',
}


def coloured(stream) -> bool:
    """Reports whether colours may be written to the stream (https://no-color.org)."""
    return stream.isatty() and not os.environ.get('NO_COLOR') and os.environ.get('TERM') != 'dumb'


def paint(text: str, colour: str, stream) -> str:
    if colour not in _colours or not coloured(stream):
        return text
    return f'\033[{_colours[colour]}m{text}\033[0m'


class Status(columns.FormattableColumn):
    def human_readable(self):
        return paint(str(self._value), _of_status.get(self._value, ''), sys.stdout)


class Bytes(columns.FormattableColumn):
    def human_readable(self):
        return size(self._value)


class Time(columns.FormattableColumn):
    """A time of the API, without its microseconds."""

    def human_readable(self):
        return (self._value or '').partition('.')[0]


class Measured(columns.FormattableColumn):
    """A number that was measured, of which a table has as many digits as one reads."""

    def human_readable(self):
        return '' if self._value is None else f'{self._value:.4g}'


class Json(columns.FormattableColumn):
    def human_readable(self):
        return '' if self._value is None else json.dumps(self._value, indent=2, ensure_ascii=False)


class Cut(columns.FormattableColumn):
    """A text that may be long, of which a table has the beginning."""

    def human_readable(self):
        value = '' if self._value is None else self._value
        text = ' '.join((value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).split())
        return text if len(text) <= 50 else text[:49] + '…'


def size(number: int) -> str:
    """Returns a number of bytes as one reads it: 32 MiB."""
    if number < 0:
        return 'unlimited'
    value, unit = float(number), 'B'
    for unit in ('B', 'KiB', 'MiB', 'GiB', 'TiB'):
        if value < 1024 or unit == 'TiB':
            break
        value /= 1024
    return f'{value:.4g} {unit}'


class Progress:
    """A line on standard error that says what is waited for, if that is a terminal and it takes a while."""

    def __init__(self, text: str, stream=None, delay: float = 1.0):
        self.text = text
        self._stream = stream or sys.stderr
        self._delay = delay
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        if self._stream.isatty():
            self._thread.start()
        return self

    def __exit__(self, *exception):
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self):
        began, shown = time.monotonic(), False
        pause = self._delay
        while not self._end.wait(pause):
            pause, shown = 0.2, True
            self._write(f'\r\033[K{self.text} {time.monotonic() - began:.0f} s')
        if shown:
            self._write('\r\033[K')

    def _write(self, text):
        with contextlib.suppress(OSError):  # the terminal has been closed
            self._stream.write(text)
            self._stream.flush()


class Counted:
    """A file whose reader's way through it a Progress shows, in percent."""

    def __init__(self, file, progress: Progress):
        self._file, self._progress, self._text = file, progress, progress.text
        self._size = file.seek(0, os.SEEK_END)
        file.seek(0)

    def read(self, count=-1):
        data = self._file.read(count)
        if self._size:
            self._progress.text = f'{self._text} {100 * self._file.tell() // self._size} %'
        return data

    def __getattr__(self, name):
        return getattr(self._file, name)
