"""Every command that pyproject.toml names, as --help shows it."""

import importlib
import importlib.metadata
import pathlib
import re
import unittest
from unittest import mock

from faas_openstackclient import basics_plugin

PROJECT = pathlib.Path(__file__).parent.parent / 'pyproject.toml'
# Words that the openstack command takes for itself wherever they stand, abbreviated, too.
GLOBAL = ('--debug', '--help', '--insecure', '--log-file', '--quiet', '--timing', '--verbose', '--verify', '--version')


def commands():
    for name, module, factory in re.findall(r'^(\w+) = "([\w.]+):(\w+)"$', PROJECT.read_text(), re.MULTILINE):
        yield name.replace('_', ' '), getattr(importlib.import_module(module), factory)


def group(name):
    """Returns the names of the commands of a group of pyproject.toml."""
    section = PROJECT.read_text().partition(f'[project.entry-points."{name}"]')[2].partition('\n[')[0]
    return set(re.findall(r'^(\w+) = ', section, re.MULTILINE))


class Beside(unittest.TestCase):
    """The commands beside those of python-qinlingclient, and in their place."""

    def setUp(self):
        points = importlib.metadata.entry_points(group='openstack.function_engine.v1')
        self.theirs = {point.name for point in points}
        if not self.theirs:
            self.skipTest('python-qinlingclient is not installed')

    def test_no_name_is_there_twice(self):
        self.assertGreater(len(group('openstack.faas.v1')), 25)
        self.assertEqual(group('openstack.faas.v1') & (self.theirs | group('openstack.faas_basics.v1')), set())
        self.assertEqual(basics_plugin.DEFAULT_API_VERSION, '')  # so the client loads none of the basics

    def test_what_stands_for_theirs(self):
        self.assertEqual(group('openstack.faas_basics.v1') - self.theirs, set())
        missing = self.theirs - group('openstack.faas_basics.v1')
        # What ours has under other names: invoke, logs, set.
        self.assertEqual(missing, {
            'function_execution_create', 'function_execution_log_show', 'function_alias_update', 'job_update',
            'webhook_update', 'function_version_detach'})


class Help(unittest.TestCase):
    def test_everything_is_explained(self):
        found = 0
        for name, factory in commands():
            command = factory(mock.Mock(), None)
            parser = command.get_parser('openstack ' + name)
            with self.subTest(name):
                found += 1
                self.assertGreater(len(command.get_description()), 5)
                self.assertIn('usage: openstack ' + name, parser.format_help())
                for action in parser._actions:
                    self.assertTrue(action.help, action)  # cliff hides some of its own, which is help of a kind
        self.assertGreater(found, 25)

    def test_no_option_is_taken_for_one_of_the_client_itself(self):
        for name, factory in commands():
            for option in factory(mock.Mock(), None).get_parser(name)._option_string_actions:
                taken = [word for word in GLOBAL if word.startswith(option) and option.startswith('--')]
                self.assertFalse(taken and option != '--help', f'{name}: {option} is read as {taken}')
