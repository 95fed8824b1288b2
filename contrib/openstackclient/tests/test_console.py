import io
import os
import pty
import threading
import time
import unittest
from unittest import mock

from faas_openstackclient import console


class Terminal:
    """A terminal, and what was written to it."""

    def __enter__(self):
        self.master, slave = pty.openpty()
        self.stream = os.fdopen(slave, 'w')
        return self

    def __exit__(self, *exception):
        self.stream.close()
        os.close(self.master)

    def read_until(self, words):
        seen = b''
        while words not in seen:
            seen += os.read(self.master, 1000)
        return seen.decode()


@mock.patch.dict(os.environ, {'TERM': 'xterm'})
class Colours(unittest.TestCase):
    def setUp(self):
        os.environ.pop('NO_COLOR', None)

    def test_on_terminals_alone(self):
        with Terminal() as terminal:
            self.assertEqual(console.paint('x', 'red', terminal.stream), '\033[31mx\033[0m')
            with mock.patch.dict(os.environ, {'NO_COLOR': '1'}):
                self.assertEqual(console.paint('x', 'red', terminal.stream), 'x')
            with mock.patch.dict(os.environ, {'TERM': 'dumb'}):
                self.assertEqual(console.paint('x', 'red', terminal.stream), 'x')
            with mock.patch('sys.stdout', terminal.stream):
                self.assertIn('\033[31m', console.Status('failed').human_readable())
                self.assertEqual(console.Status('failed').machine_readable(), 'failed')
        self.assertEqual(console.paint('x', 'red', io.StringIO()), 'x')


class Words(unittest.TestCase):
    def test_sizes(self):
        for number, text in ((0, '0 B'), (1023, '1023 B'), (1024, '1 KiB'), (32 << 20, '32 MiB'),
                             (3 << 29, '1.5 GiB'), (1 << 52, '4096 TiB'), (-1, 'unlimited')):
            self.assertEqual(console.size(number), text)

    def test_cut(self):
        self.assertEqual(console.Cut({'a': 'ü'}).human_readable(), '{"a": "ü"}')
        self.assertEqual(console.Cut('a\n  b').human_readable(), 'a b')
        self.assertEqual(len(console.Cut('x' * 99).human_readable()), 50)
        self.assertEqual(console.Cut('x' * 99).machine_readable(), 'x' * 99)
        self.assertEqual(console.Cut(None).human_readable(), '')
        self.assertEqual(console.Cut(0).human_readable(), '0')

    def test_measured(self):
        self.assertEqual(console.Measured(6.641387939453125e-05).human_readable(), '6.641e-05')
        self.assertEqual(console.Measured(12.5).human_readable(), '12.5')
        self.assertEqual(console.Measured(None).human_readable(), '')

    def test_time(self):
        self.assertEqual(console.Time('2018-05-13 06:58:13.208421').human_readable(), '2018-05-13 06:58:13')
        self.assertEqual(console.Time(None).human_readable(), '')


class Progress(unittest.TestCase):
    def test_on_a_terminal(self):
        with Terminal() as terminal:
            with console.Progress('waiting', terminal.stream, delay=0):
                terminal.read_until(b'waiting ')
            terminal.read_until(b'\r\033[K')  # nothing is left of it

    def test_nothing_elsewhere(self):
        stream = io.StringIO()
        before = threading.active_count()
        with console.Progress('waiting', stream, delay=0):
            self.assertEqual(threading.active_count(), before)
        self.assertEqual(stream.getvalue(), '')

    def test_nothing_of_what_is_quick(self):
        with Terminal() as terminal:
            began = time.monotonic()
            with console.Progress('waiting', terminal.stream, delay=1000):
                pass
            self.assertLess(time.monotonic() - began, 500)
            terminal.stream.write('end')
            terminal.stream.flush()
            self.assertEqual(terminal.read_until(b'end'), 'end')

    def test_a_files_reader(self):
        progress = console.Progress('uploading')
        file = console.Counted(io.BytesIO(b'x' * 200), progress)
        file.read(50)
        self.assertEqual(progress.text, 'uploading 25 %')
        self.assertEqual(len(file.read()), 150)
        self.assertEqual(progress.text, 'uploading 100 %')
