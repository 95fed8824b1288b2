import io
import os
import tempfile
import time
import unittest
import zipfile

from faas_openstackclient import packaging


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = os.path.join(folder.name, 'code')
        os.mkdir(self.folder)

    def write(self, name, text='x'):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def names(self, *more):
        return [name for name, _ in packaging.files(self.folder, packaging.rules(self.folder, more))]

    def pack(self):
        out = io.BytesIO()
        packaging.pack(packaging.files(self.folder, packaging.rules(self.folder)), out)
        return out.getvalue()


class Files(Case):
    def test_what_is_of_no_use_is_left_out(self):
        for name in ('main.py', 'lib/a.py', 'lib/__pycache__/a.pyc', '.git/config', '.env', 'lib/.env', 'b.pyo',
                     'node_modules/left-pad/index.js', 'venv/bin/python', 'not.envoy'):
            self.write(name)
        self.assertEqual(self.names(), ['lib/a.py', 'main.py', 'node_modules/left-pad/index.js', 'not.envoy'])

    def test_ignore_file(self):
        for name in ('main.py', 'a.log', 'sub/b.log', 'sub/keep.log', 'docs/x', 'sub/docs/y', 'top', 'sub/top',
                     'deep/er/z.tmp', 'data/1', 'data/a', 'build'):
            self.write(name)
        self.write('.faasignore', '# nothing\n\n*.log\n!sub/keep.log\ndocs/\n/top\ndeep/**/*.tmp\ndata/[0-9]\nbuild/\n')
        self.assertEqual(self.names('sub/d*'), ['build', 'data/a', 'main.py', 'sub/keep.log', 'sub/top'])

    def test_rules_of_ours_can_be_taken_back(self):
        self.write('.env')
        self.write('.faasignore', '!.env\n')
        self.assertEqual(self.names(), ['.env'])

    def test_links(self):
        self.write('real.py')
        os.symlink('real.py', os.path.join(self.folder, 'main.py'))
        self.assertEqual(self.names(), ['main.py', 'real.py'])
        os.symlink('/etc/passwd', os.path.join(self.folder, 'outside'))
        with self.assertRaisesRegex(ValueError, 'outside is a link to /etc/passwd'):
            self.names()
        self.assertEqual(self.names('outside'), ['main.py', 'real.py'])

    def test_links_to_directories(self):
        self.write('a/b.py')
        os.symlink('a', os.path.join(self.folder, 'c'))
        with self.assertRaisesRegex(ValueError, 'c is no file'):
            self.names()

    def test_what_is_no_file(self):
        os.mkfifo(os.path.join(self.folder, 'pipe'))
        with self.assertRaisesRegex(ValueError, 'pipe is no file'):
            self.names()


class Pack(Case):
    def test_the_same_files_are_the_same_bytes(self):
        self.write('b.py', 'print()')
        self.write('a.py')
        first = self.pack()
        for name in ('a.py', 'b.py'):
            os.utime(os.path.join(self.folder, name), (1, time.time() - 9999))
            os.chmod(os.path.join(self.folder, name), 0o600)
        self.assertEqual(self.pack(), first)
        self.write('a.py', 'y')
        self.assertNotEqual(self.pack(), first)

    def test_what_is_in_it(self):
        os.chmod(self.write('bin/run', '#!/bin/sh\n'), 0o700)
        self.write('ü.py', 'grün')
        with zipfile.ZipFile(io.BytesIO(self.pack())) as archive:
            self.assertIsNone(archive.testzip())
            modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
            self.assertEqual(modes, {'bin/run': 0o755, 'ü.py': 0o644})
            self.assertEqual(archive.read('ü.py').decode(), 'grün')
