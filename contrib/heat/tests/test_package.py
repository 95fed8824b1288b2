import base64
import io
import unittest
import zipfile

from faas_heat import package


class Package(unittest.TestCase):
    def test_is_the_same_for_the_same_files(self):
        one = package.zipped({'main.py': 'a', 'lib/b.py': 'b'})
        self.assertEqual(one, package.zipped({'lib/b.py': 'b', 'main.py': 'a'}))
        self.assertNotEqual(one, package.zipped({'lib/b.py': 'b', 'main.py': 'c'}))

    def test_holds_what_it_was_given(self):
        with zipfile.ZipFile(io.BytesIO(package.zipped({'lib/b.py': 'ä'}))) as z:
            self.assertEqual(z.read('lib/b.py').decode(), 'ä')
            self.assertEqual(z.getinfo('lib/b.py').external_attr >> 16, 0o644)

    def test_of_base64(self):
        data = package.zipped({'main.py': 'a'})
        lines = base64.encodebytes(data).decode()
        self.assertEqual(package.decoded(lines), data)
        for text, words in (('ä', 'not base64'), (base64.b64encode(b'text').decode(), 'not of a zip')):
            with self.assertRaisesRegex(ValueError, words):
                package.decoded(text)

    def test_module_of_an_entry(self):
        self.assertEqual(package.module('lib.resize.main'), 'lib/resize')
        for paths in (['main.py'], ['main.js'], ['main/__init__.py'], ['main/index.js'], ['a.py', 'main.mjs']):
            self.assertTrue(package.has_module(paths, 'main.main'), paths)
        for paths in ([], ['other.py'], ['lib/main.py']):
            self.assertFalse(package.has_module(paths, 'main.main'), paths)

    def test_paths(self):
        for path in ('main.py', 'lib/x.py', '.hidden'):
            self.assertFalse(package.bad_path(path), path)
        for path in ('', '/main.py', 'a//b', '../x', 'a/./b', 'a\\b', 'a/'):
            self.assertTrue(package.bad_path(path), path)
