import argparse
import datetime
import os
import tempfile
import unittest
from unittest import mock

from osc_lib import exceptions

from faas_openstackclient import base, settings, sources, triggers


class Options(unittest.TestCase):
    def refused(self, read, text, words):
        with self.assertRaises(argparse.ArgumentTypeError) as refusal:
            read(text)
        self.assertIn(words, str(refusal.exception))

    def test_bytes(self):
        for text, number in (('67108864', 64 << 20), ('64M', 64 << 20), ('64MiB', 64 << 20),
                             ('1.5g', 3 << 29), ('0', 0)):
            self.assertEqual(base.number_of_bytes(text), number, text)
        for text in ('', 'M', '-1', '64X', '1e3'):
            self.refused(base.number_of_bytes, text, '64M or 1.5G')

    def test_moments(self):
        utc = datetime.timezone.utc
        for text, at in (('2026-01-31T12:00:00', datetime.datetime(2026, 1, 31, 12, tzinfo=utc)),
                         ('2026-01-31T12:00:00Z', datetime.datetime(2026, 1, 31, 12, tzinfo=utc)),
                         ('2026-01-31T12:00:00+02:00', datetime.datetime(2026, 1, 31, 10, tzinfo=utc)),
                         ('2026-01-31 12:00:00.5', datetime.datetime(2026, 1, 31, 12, 0, 0, 500000, tzinfo=utc))):
            self.assertEqual(base.moment(text), at, text)
        now = datetime.datetime.now(utc)
        self.assertAlmostEqual((now - base.moment('3d')).total_seconds(), 3 * 86400, delta=60)
        for text in ('yesterday', '3w', ''):
            self.refused(base.moment, text, '90s, 15m, 2h, 3d')

    def test_pairs(self):
        self.assertEqual(base.pair('a=b=c'), ['a', 'b=c'])
        self.refused(base.pair, 'a', 'NAME=VALUE')
        self.refused(base.pair, '=a', 'NAME=VALUE')
        self.assertEqual(base.arguments([['a', '1'], ['b', 'x'], ['c', '{"d": null}'], ['e', '"1"']]),
                         {'a': 1, 'b': 'x', 'c': {'d': None}, 'e': '1'})

    def test_destinations(self):
        for text, of in (('function:f', {'function_id': 'f'}), ('alias:a', {'function_alias': 'a'}),
                         ('queue:q', {'queue': 'q'}), ('https://x/y', {'url': 'https://x/y'}), ('none', '')):
            self.assertEqual(settings.destination(text), of)
        self.refused(settings.destination, 'ftp://x', 'function:NAME')

    def test_texts_and_files(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'f')
            with open(path, 'wb') as file:
                file.write(b'{"a": "\xc3\xbc"}')
            self.assertEqual(base.json_of('--x', '@' + path), {'a': 'ü'})
            with open(path, 'wb') as file:
                file.write(b'ab\xff')
            with self.assertRaisesRegex(exceptions.CommandError, 'byte 2 is 0xff'):
                base.text_or_file('@' + path)
        with self.assertRaisesRegex(exceptions.CommandError, 'No such file'):
            base.text_or_file('@/nowhere')
        with self.assertRaisesRegex(exceptions.CommandError, '--x must be JSON'):
            base.json_of('--x', '{')

    def test_plurals(self):
        self.assertEqual([base.plural(kind) for kind in ('function', 'alias')], ['functions', 'aliases'])


class Settings(unittest.TestCase):
    """The settings that options of a source make."""

    def made(self, source, *args, before=None):
        parser = argparse.ArgumentParser()
        sources.add_options(parser)
        return sources.settings(source, parser.parse_args(args), before or {})

    def test_options(self):
        self.assertEqual(self.made('clock'), {})
        self.assertEqual(self.made('swift', '--container', 'c', '--events', 'created', '--events', 'deleted',
                                   '--object-prefix', 'p', '--interval', '5'),
                         {'container': 'c', 'events': ['created', 'deleted'], 'prefix': 'p', 'interval': 5})
        self.assertEqual(self.made('notification', '--event-type', 'a.*'), {'event_type': 'a.*'})
        self.assertEqual(self.made('zaqar', '--queue', 'q', '--action', 'trust+http'),
                         {'queue': 'q', 'action': 'trust+http'})

    def test_alarms(self):
        rule = {'event_type': 'x', 'query': [{'field': 'traits.a', 'op': 'eq', 'value': 'b'}]}
        made = self.made('aodh', '--event-type', 'x', '--query', 'traits.a=b', '--repeat', 'false')
        self.assertEqual(made, {'alarm': {'type': 'event', 'rule': rule}, 'repeat': False})
        changed = self.made('aodh', '--event-type', 'y', before=made)
        self.assertEqual(changed['alarm']['rule'], dict(rule, event_type='y'))
        self.assertEqual(self.made('aodh', '--alarm', '{"type": "composite"}'), {'alarm': {'type': 'composite'}})
        with self.assertRaisesRegex(exceptions.CommandError, 'not both|whole rule'):
            self.made('aodh', '--alarm', '{}', '--event-type', 'x')

    def test_options_of_another_source(self):
        with self.assertRaisesRegex(exceptions.CommandError, '--queue: not of the source clock.*--pattern'):
            self.made('clock', '--queue', 'q')

    def test_changes(self):
        before = {'pattern': '* * * * *', 'time_zone': 'UTC'}
        self.assertEqual(self.made('clock', '--time-zone', 'Asia/Tokyo', before=before),
                         {'pattern': '* * * * *', 'time_zone': 'Asia/Tokyo'})
        self.assertEqual(self.made('clock', '--settings', '{"pattern": "@daily"}', '--time-zone', 'UTC', before=before),
                         {'pattern': '@daily', 'time_zone': 'UTC'})


class Near(unittest.TestCase):
    """What is said to somebody who has mistyped a name."""

    def words(self, name, *names):
        command = triggers.Pause(mock.MagicMock(), None)
        command.app.client_manager.faas.functions.list.return_value = [{'name': name} for name in names]
        return command._near('function', name)

    def test_words(self):
        self.assertEqual(self.words('helo', 'hello', 'other'), ' Is it hello?')
        self.assertEqual(self.words('xyz', 'b', 'a', None), ' There are a, b.')
        self.assertIn(' and others', self.words('xyz', *'abcdefg'))
        self.assertEqual(self.words('xyz'), ' The project has no function.')
