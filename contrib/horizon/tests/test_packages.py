import io
import unittest
import zipfile

from faas_dashboard.content.functions import packages


def archive(**files) -> bytes:
    package = io.BytesIO()
    with zipfile.ZipFile(package, 'w') as made:
        for name, content in files.items():
            info = zipfile.ZipInfo(name.replace('__', '/').replace('_', '.'), (2020, 2, 2, 2, 2, 2))
            info.external_attr = 0o755 << 16
            made.writestr(info, content)
    return package.getvalue()


class PackagesTest(unittest.TestCase):

    def test_one_file_is_replaced_and_all_else_stays(self):
        before = archive(main_py='old', lib__data_bin=b'\x00\xff' * 70000)
        after = packages.replace(before, 'main.py', 'new {$x$} ü').getvalue()
        with zipfile.ZipFile(io.BytesIO(after)) as made:
            self.assertEqual(['main.py', 'lib/data.bin'], made.namelist())
            self.assertEqual('new {$x$} ü', made.read('main.py').decode())
            self.assertEqual(b'\x00\xff' * 70000, made.read('lib/data.bin'))
            for info in made.infolist():
                self.assertEqual(0o755, info.external_attr >> 16)
                self.assertEqual((2020, 2, 2, 2, 2, 2), info.date_time)

    def test_a_file_that_is_not_there_is_added(self):
        made = packages.texts(packages.replace(archive(a_py='a'), 'b.py', 'b').getvalue())
        self.assertEqual({'a.py': 'a', 'b.py': 'b'}, made)

    def test_only_text_of_a_size_for_people_can_be_edited(self):
        found = packages.texts(archive(a_py='a', b_bin=b'\x00', c_bin=b'\xff\xfe', d_py='x' * (packages.LARGEST + 1)))
        self.assertEqual({'a.py': 'a', 'b.bin': None, 'c.bin': None, 'd.py': None}, found)

    def test_the_file_of_an_entry(self):
        for entry, language, file in (('main.main', 'python', 'main.py'), ('pkg.mod.run', 'python', 'pkg/mod.py'),
                                      ('index.handler', 'nodejs', 'index.js'), (None, 'python', 'main.py'),
                                      ('main', 'python', 'main.py')):
            self.assertEqual(file, packages.main_file(entry, language))

    def test_the_language_of_a_runtime(self):
        self.assertEqual('nodejs', packages.language({'interpreter': 'Node.js 18.20.4', 'name': 'x', 'image': 'y'}))
        self.assertEqual('nodejs', packages.language({'interpreter': None, 'name': 'nodejs', 'image': 'y'}))
        self.assertEqual('python', packages.language({'interpreter': 'Python 3.11.2', 'name': None, 'image': 'y'}))
        self.assertEqual('python', packages.language(None))


if __name__ == '__main__':
    unittest.main()
