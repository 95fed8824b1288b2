"""What becomes of the options of functions' retention, environment and secrets."""

import argparse
import io
import tempfile
import unittest
from unittest import mock

from osc_lib import exceptions

from faas_openstackclient import settings, variables


def fields(*words, before=None, stdin=''):
    parser = argparse.ArgumentParser()
    variables.add_options(parser)
    with mock.patch('sys.stdin', io.StringIO(stdin)):
        return variables.given(parser.parse_args(words), None if before is None else lambda: before)


class Retention(unittest.TestCase):
    def test_what_is_not_named_stays(self):
        for days, count, before, after in (
                (None, None, {'days': 1, 'count': 2}, {}),
                (7, None, None, {'retention': {'days': 7}}),
                (None, 5, {'days': 1, 'count': None}, {'retention': {'days': 1, 'count': 5}}),
                (0, 5, {'days': 1, 'count': 2}, {'retention': {'days': None, 'count': 5}})):
            given = argparse.Namespace(keep_days=days, keep_count=count)
            self.assertEqual(settings.retention(given, before), after)


class Variables(unittest.TestCase):
    def test_nothing_is_given(self):
        self.assertEqual(fields(before={'A': '1'}), {})

    def test_the_environment_is_added_to(self):
        before = {'A': '1', 'B': '2'}
        self.assertEqual(fields('--env', 'C=x=y', '--unset-env', 'A', before=before),
                         {'environment': {'B': '2', 'C': 'x=y'}})
        self.assertEqual(fields('--no-env', before=before), {'environment': {}})
        self.assertEqual(fields('--no-env', '--env', 'C=', before=before), {'environment': {'C': ''}})
        self.assertEqual(before, {'A': '1', 'B': '2'})
        self.assertEqual(fields('--env', 'A=1'), {'environment': {'A': '1'}})

    def test_a_file_has_lines(self):
        with tempfile.NamedTemporaryFile('w', suffix='.env') as file:
            file.write('# settings\n\nA=1\nB="two" \n')
            file.flush()
            self.assertEqual(fields('--env-file', file.name, '--env', 'A=3'),
                             {'environment': {'A': '3', 'B': '"two" '}})
            file.write('C\n')
            file.flush()
            with self.assertRaisesRegex(exceptions.CommandError, 'line 5, should be NAME=VALUE'):
                fields('--env-file', file.name)

    def test_secrets_are_read_where_nobody_sees_them(self):
        with tempfile.NamedTemporaryFile('w') as file:
            file.write('of a file\n')
            file.flush()
            got = fields('--secret', 'A', '--secret', 'B', '--secret', 'C=c', '--secret-file', f'D={file.name}',
                         '--unset-secret', 'E', stdin='one\ntwo\n')
        self.assertEqual(got, {'secrets': {'A': 'one', 'B': 'two', 'C': 'c', 'D': 'of a file\n', 'E': None}})
        with self.assertRaisesRegex(exceptions.CommandError, 'no line for the secret A'):
            fields('--secret', 'A')

    def test_secrets_are_asked_for(self):
        with mock.patch('getpass.getpass', return_value='typed') as prompt, \
                mock.patch('sys.stdin') as stdin:
            stdin.isatty.return_value = True
            self.assertEqual(variables.asked('A'), 'typed')
        prompt.assert_called_once_with('Value of the secret A: ')
