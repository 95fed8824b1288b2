"""Tests against a real service without Keystone, whose URL is in FAAS_ENDPOINT."""

import io
import os
import tempfile
import time
import unittest
import uuid
import zipfile

from keystoneauth1 import noauth, session

import faasclient

CODE = '''
import time
def main(name='World', nap=0, **kwargs):
    print('greeting', name, flush=True)
    time.sleep(nap)
    return {'greeting': 'Hello, ' + name}
'''


def package(code=CODE, ballast=0):
    """Returns a zip, as a file; ballast is bytes that do not compress."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('main.py', code)
        archive.writestr('ballast', os.urandom(ballast))
    file.seek(0)
    return file


def connect(**options):
    options.setdefault('endpoint_override', os.environ['FAAS_ENDPOINT'])
    return faasclient.Client(session.Session(auth=noauth.NoAuth()), **options)


class Case(unittest.TestCase):
    def setUp(self):
        self.client = connect()

    def function(self, **fields):
        fields = dict({'runtime_id': 'python3', 'name': self.name(), 'timeout': 120}, **fields)
        return self.client.functions.create(package(), **fields)

    def name(self):
        return f'{self._testMethodName}-{uuid.uuid4().hex[:8]}'

    def refused(self, kind, words, call, *args, **fields):
        with self.assertRaises(kind) as refusal:
            call(*args, **fields)
        self.assertIn(words, refusal.exception.message)
        return refusal.exception


class Transport(Case):
    def test_older_servers_say_their_greatest_microversion(self):
        client = connect(microversion='1.999')
        runtime = next(client.runtimes.list())
        self.assertRegex(client.microversion, r'^1\.\d{1,2}$')
        self.assertIn('modules', runtime)  # which came with 1.9

    def test_an_upload_is_sent_again_with_the_older_microversion(self):
        client = connect(microversion='1.999')
        content = package(ballast=1 << 20)
        made = client.functions.create(content, runtime_id='python3', name=self.name())
        self.assertEqual(client.functions.download(made['id']), content.getvalue())

    def test_other_microversions_are_asked_for(self):
        self.assertNotIn('modules', next(connect(microversion='1.0').runtimes.list()))
        self.assertIn('modules', next(connect(microversion='latest').runtimes.list()))
        refusal = self.refused(faasclient.Invalid, '0.9', connect(microversion='0.9').limits)
        self.assertEqual(refusal.status, 406)

    def test_an_endpoint_may_end_with_the_version(self):
        client = connect(endpoint_override=os.environ['FAAS_ENDPOINT'] + '/v1/')
        self.assertTrue(list(client.runtimes.list()))

    def test_no_endpoint(self):
        self.refused(faasclient.Unavailable, 'function-engine', connect(endpoint_override=None).limits)

    def test_nobody_answers(self):
        client = connect(endpoint_override='http://127.0.0.1:1')  # a port that nobody listens to
        words = 'http://127.0.0.1:1 can not be reached: Connection refused.'
        refusal = self.refused(faasclient.Unavailable, words, client.jobs.create, function_id='x')
        self.assertIsNone(refusal.status)

    def test_errors_have_the_words_of_the_server(self):
        refusal = self.refused(faasclient.Invalid, 'cpu must be from 100', self.function, cpu=50)
        self.assertEqual(refusal.status, 400)
        self.assertRegex(refusal.request_id, '^req-')
        refusal = self.refused(faasclient.NotFound, 'nobody', self.client.functions.get, 'nobody')
        self.assertEqual(refusal.status, 404)
        name = self.name()
        ids = {self.function(name=name)['id'] for _ in range(2)}
        refusal = self.refused(faasclient.Conflict, name, self.client.functions.get, name)
        self.assertEqual({candidate['id'] for candidate in refusal.candidates}, ids)


class Functions(Case):
    def test_a_package_comes_back_as_it_went(self):
        content = package(ballast=3 << 20)
        with tempfile.TemporaryDirectory() as folder:
            path, back = os.path.join(folder, 'in.zip'), os.path.join(folder, 'out.zip')
            with open(path, 'wb') as file:
                file.write(content.getvalue())
            made = self.client.functions.create(path, runtime_id='python3', description='grün, "quoted"')
            self.assertEqual(made['description'], 'grün, "quoted"')
            self.assertEqual(self.client.functions.download(made['id'], back), os.path.getsize(path))
            with open(back, 'rb') as file:
                self.assertEqual(file.read(), content.getvalue())
            with self.assertRaises(faasclient.NotFound):
                self.client.functions.download('nobody', os.path.join(folder, 'none'))
            self.assertFalse(os.path.exists(os.path.join(folder, 'none')))

    def test_a_package_from_a_pipe(self):
        read, write = os.pipe()
        content = package().getvalue()  # less than a pipe holds
        with os.fdopen(write, 'wb') as end:
            end.write(content)
        with os.fdopen(read, 'rb') as end:
            made = self.client.functions.create(end, runtime_id='python3')
        self.assertEqual(self.client.functions.download(made['id']), content)

    def test_change(self):
        made = self.function()
        changed = self.client.functions.update(made['id'], description='new', memory_size=64 << 20)
        self.assertEqual((changed['description'], changed['memory_size']), ('new', 64 << 20))
        other = self.client.functions.update(made['id'], package('def main():\n    return 2\n'))
        self.assertNotEqual(other['code']['md5sum'], made['code']['md5sum'])
        run = self.client.executions.create(function_id=made['id'])
        self.assertEqual(faasclient.result(run)['output'], 2)
        self.client.functions.delete(made['id'])
        self.refused(faasclient.NotFound, made['id'], self.client.functions.get, made['id'])

    def test_versions_and_aliases(self):
        made = self.function()
        version = self.client.versions.create(made['id'], description='first')
        self.assertEqual(version['version_number'], 1)
        self.assertEqual(self.client.versions.get(made['id'], 1), version)
        self.assertEqual(list(self.client.versions.list(made['id'])), [version])
        self.assertTrue(self.client.versions.download(made['id'], 1).startswith(b'PK'))
        alias = self.client.aliases.create(name=self.name(), function_id=made['id'], function_version=1)
        self.refused(faasclient.Conflict, alias['name'], self.client.versions.delete, made['id'], 1)
        self.assertEqual(self.client.aliases.update(alias['name'], function_version=0)['function_version'], 0)
        self.assertEqual([a['id'] for a in self.client.aliases.list(function_id=made['id'])], [alias['id']])
        self.client.versions.delete(made['id'], 1)
        self.client.aliases.delete(alias['name'])
        self.refused(faasclient.NotFound, alias['name'], self.client.aliases.get, alias['name'])

    def test_workers(self):
        made = self.function()
        self.client.executions.create(function_id=made['id'])
        workers = list(self.client.workers.list(made['id']))
        self.assertEqual([w['function_id'] for w in workers], [made['id']])
        self.client.functions.scale_up(made['id'], 1)
        self.client.functions.scale_down(made['id'], 1)
        self.client.functions.detach(made['id'])

    def test_runtimes(self):
        self.assertEqual(self.client.runtimes.get('python3')['name'], 'python3')
        self.assertGreaterEqual(self.client.runtimes.pool('python3')['capacity']['total'], 0)


class Executions(Case):
    def test_run(self):
        made = self.function()
        run = self.client.executions.create(function_id=made['id'], input={'name': 'Ada'})
        self.assertEqual((run['status'], faasclient.result(run)['output']), ('success', {'greeting': 'Hello, Ada'}))
        self.assertEqual(self.client.executions.log(run['id']), 'greeting Ada\n')

    def test_later(self):
        made = self.function()
        run = self.client.executions.create(function_id=made['id'], sync=False)
        self.assertEqual(self.client.executions.wait(run['id'])['status'], 'success')

    def test_events(self):
        made = self.function()
        run = self.client.executions.create(function_id=made['id'])
        cold, *_, ended = [event for event in self.client.executions.events(run['id'])
                           if event['event'] in ('cold_start', 'ended')]
        self.assertEqual((cold['event'], ended['event'], ended['detail']), ('cold_start', 'ended', 'success'))
        run = self.client.executions.create(function_id=made['id'])
        self.assertEqual([event['event'] for event in self.client.executions.events(run['id'])],
                         ['accepted', 'started', 'ended'])

    def test_cancel(self):
        made = self.function()
        run = self.client.executions.create(function_id=made['id'], sync=False, input={'nap': 100})
        self.assertEqual(self.client.executions.wait(run['id'], timeout=0.2)['status'], 'running')
        self.assertEqual(self.client.executions.cancel(run['id'])['status'], 'cancelled')
        self.refused(faasclient.Conflict, run['id'], self.client.executions.cancel, run['id'])
        self.client.executions.delete(run['id'])

    def test_pages(self):
        made = self.function()
        for _ in range(5):
            self.client.executions.create(function_id=made['id'])
        ids = [run['id'] for run in self.client.executions.list(function_id=made['id'], limit=2)]
        self.assertEqual(len(set(ids)), 5)
        self.assertEqual(len(ids), 5)
        newest = next(self.client.executions.list(function_id=made['id'], sort_keys='created_at', sort_dirs='desc'))
        self.assertEqual(newest['id'], ids[-1])
        self.assertEqual(self.client.executions.purge(made['id']), 5)


class Statistics(Case):
    def test_calls_are_counted(self):
        made = self.function()
        self.client.executions.create(function_id=made['id'])
        for _ in range(6000):  # they are added up every few seconds
            found = self.client.statistics(function_id=made['id'], step=300)
            if found['total']['calls']:
                break
            time.sleep(0.1)
        self.assertEqual((found['total']['calls'], found['total']['succeeded']), (1, 1))
        self.assertEqual([point['calls'] for point in found['points']], [1])
        self.assertEqual(self.client.statistics(end='2026-01-02T00:00:00Z', start='2026-01-01T00:00:00Z')['points'], [])


class Events(Case):
    def test_webhooks(self):
        made = self.function()
        hook = self.client.webhooks.create(function_id=made['id'])
        other = self.client.webhooks.rotate(hook['id'], overlap=60)
        self.assertNotEqual(hook['webhook_url'], other['webhook_url'])
        self.assertEqual(self.client.webhooks.update(hook['id'], description='new')['description'], 'new')
        self.client.webhooks.delete(hook['id'])

    def test_jobs(self):
        made = self.function()
        job = self.client.jobs.create(function_id=made['id'], pattern='0 3 * * *', name=self.name())
        self.assertEqual(self.client.jobs.update(job['id'], status='paused')['status'], 'paused')
        self.assertIn(job['id'], [j['id'] for j in self.client.jobs.list(status='paused')])
        self.client.jobs.delete(job['id'])

    def test_triggers(self):
        made = self.function()
        trigger = self.client.triggers.create(function_id=made['id'], source='webhook', name=self.name())
        self.assertNotEqual(self.client.triggers.rotate(trigger['name'])['url'], trigger['url'])
        self.assertEqual(list(self.client.triggers.dead_letters(trigger['id'])), [])
        self.assertEqual(self.client.triggers.replay(trigger['id']), {'executions': [], 'more': False})
        self.refused(faasclient.NotFound, '', self.client.triggers.delete_dead_letter, trigger['id'], made['id'])
        self.client.triggers.delete(trigger['id'])


class Quotas(Case):
    def test_quotas(self):
        project = uuid.uuid4().hex
        before = self.client.quotas.get(project)
        self.assertEqual(self.client.quotas.update(project, functions=3)['functions'], 3)
        self.client.quotas.delete(project)
        self.assertEqual(self.client.quotas.get(project), before)

    def test_limits(self):
        self.function()
        self.assertGreaterEqual(self.client.limits()['functions']['used'], 1)


if __name__ == '__main__':
    unittest.main()
