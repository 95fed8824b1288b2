"""What the actions decide by themselves. The rest is tested in a real Mistral, with the mini cloud."""

import types
import unittest
from unittest import mock

import faasclient
from mistral_lib import exceptions

from faas_mistral import connection, provider, run, verbs

CATALOGUE = [
    {'type': 'identity', 'endpoints': [{'interface': 'public', 'region_id': 'one', 'url': 'http://keystone'}]},
    {'type': 'function-engine', 'endpoints': [
        {'interface': 'internal', 'region_id': 'one', 'url': 'http://inside'},
        {'interface': 'public', 'region_id': 'two', 'url': 'http://two'},
        {'interface': 'public', 'region_id': 'one', 'url': 'http://one'},
    ]},
]


class Endpoints(unittest.TestCase):
    def test_public_one_of_the_region(self):
        security = types.SimpleNamespace(service_catalog={'catalog': CATALOGUE}, region_name='one')
        self.assertEqual(connection.endpoint(security), 'http://one')
        security.region_name = None
        self.assertEqual(connection.endpoint(security), 'http://two')
        security.region_name = 'three'
        self.assertEqual(connection.endpoint(security), '')
        security.service_catalog = None
        self.assertEqual(connection.endpoint(security), '')


class Descriptors(unittest.TestCase):
    def setUp(self):
        self.provider = provider.Provider()

    def test_names(self):
        names = [one.name for one in self.provider.find_all()]
        self.assertEqual(len(names), len(set(names)))
        for name in ('run', 'create_execution', 'get_execution_log', 'list_dead_letters', 'get_limits', 'update_alias'):
            self.assertIn('function.' + name, names)
        self.assertIsNone(self.provider.find('function.wait_execution'))

    def test_what_is_wrong_is_refused_before_it_runs(self):
        get = self.provider.find('function.get_version')
        get.check_parameters({'function_id': 'f', 'number': 1})
        with self.assertRaises(exceptions.ActionException):
            get.check_parameters({'function_id': 'f'})
        with self.assertRaises(exceptions.ActionException):
            get.check_parameters({'function_id': 'f', 'number': 1, 'colour': 'red'})

    def test_run_is_asynchronous(self):
        self.assertFalse(self.provider.find('function.run').instantiate({'function_id': 'f'}, {}).is_sync())

    def test_packages_are_no_paths(self):
        with self.assertRaises(faasclient.Invalid):
            verbs.checked({'package': '/etc/passwd'})
        self.assertEqual(verbs.checked({'package': 'UEs=', 'name': 'x'})['package'].read(), b'PK')


class Looks(unittest.TestCase):
    """look, with what it does to the outside replaced."""

    def look(self, execution, wanted=True, away=0):
        """Returns what it does then, {'complete': arguments, ...}."""
        client = mock.Mock()
        client.executions.get.side_effect = [execution]
        with mock.patch.multiple(run, current_security=mock.Mock(), wanted=mock.Mock(return_value=wanted),
                                 complete=mock.DEFAULT, look_later=mock.DEFAULT) as calls, \
                mock.patch.object(connection, 'connect', return_value=client):
            run.look('action', 'execution', 2, away)
        done = {name: call.call_args[0] for name, call in calls.items() if call.called}
        if client.executions.cancel.called:
            done['cancel'] = client.executions.cancel.call_args[0]
        return done

    def test_running_is_looked_at_later(self):
        self.assertEqual(self.look({'status': 'running'}, away=3), {'look_later': ('action', 'execution', 3, 0)})

    def test_success(self):
        done = self.look({'id': 'x', 'status': 'success', 'result': '{"duration": 1.5, "output": {"a": 1}}'})
        self.assertEqual(done['complete'][1].data, {
            'output': {'a': 1}, 'duration': 1.5, 'execution_id': 'x', 'status': 'success'})

    def test_failure_has_type_and_message(self):
        done = self.look({'id': 'x', 'status': 'failed', 'result':
                          '{"duration": 1, "output": "KeyError: 1", "error": {"type": "KeyError", "message": "1"}}'})
        result = done['complete'][1]
        self.assertTrue(result.is_error())
        self.assertEqual((result.error['type'], result.error['message']), ('KeyError', '1'))

    def test_no_longer_wanted_is_cancelled(self):
        self.assertEqual(self.look({'status': 'running'}, wanted=False), {'cancel': ('execution',)})

    def test_a_service_that_is_away_is_asked_again_but_not_for_ever(self):
        self.assertEqual(self.look(faasclient.Unavailable('away')),
                         {'look_later': ('action', 'execution', run.LONGEST, 1)})
        done = self.look(faasclient.Unavailable('away'), away=run.AWAY)
        self.assertEqual(done['complete'][1].error['message'], 'away')

    def test_a_record_that_is_gone_ends_it(self):
        self.assertEqual(self.look(faasclient.NotFound('gone', 404))['complete'][1].error['status'], 404)


if __name__ == '__main__':
    unittest.main()
