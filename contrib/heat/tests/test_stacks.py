"""Stacks that are made, changed and deleted."""

import base64
import json
import urllib.request

from faas_heat import package
from tests.case import Case

HELLO = '''
heat_template_version: 2021-04-16
resources:
  hello:
    type: OS::FunctionEngine::Function
    properties:
      runtime: python3
      code: {text: '%s'}
      timeout: 120
      description: %s
  one:
    type: OS::FunctionEngine::Version
    properties: {function: {get_resource: hello}, revision: {get_attr: [hello, revision]}}
  live:
    type: OS::FunctionEngine::Alias
    properties: {function: {get_resource: hello}, function_version: {get_resource: one}}
  hook:
    type: OS::FunctionEngine::Webhook
    properties: {function_alias: {get_resource: live}, sync: true}
outputs:
  url: {value: {get_attr: [hook, invoke_url]}}
'''


def code(word):
    return f'def main(name): return "{word}, " + name'


class Stacks(Case):
    def call(self, url):
        request = urllib.request.Request(
            url, json.dumps({'name': 'Ada'}).encode(), {'Content-Type': 'application/json'})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def test_code_changes_in_place_and_versions_follow(self):
        stack = self.made(HELLO % (code('Hello'), 'first'))
        function_id, version = stack['hello'].resource_id, stack['one'].resource_id
        url = self.output(stack, 'url')
        self.assertEqual(self.call(url), 'Hello, Ada')
        self.assertEqual(version, function_id + '/1')

        stack = self.changed(stack, HELLO % (code('Goodbye'), 'second'))
        self.assertEqual(stack['hello'].resource_id, function_id)
        self.assertEqual(stack['one'].resource_id, function_id + '/2')
        self.assertEqual([v['version_number'] for v in self.service.versions.list(function_id)], [2])
        self.assertEqual(self.output(stack, 'url'), url)
        self.assertEqual(self.call(url), 'Goodbye, Ada')

        # A description is no new revision.
        stack = self.changed(stack, HELLO % (code('Goodbye'), 'third'))
        self.assertEqual(stack['one'].resource_id, function_id + '/2')
        self.assertEqual(self.service.functions.get(function_id)['description'], 'third')

    def test_environment_and_secrets(self):
        template = '''
heat_template_version: 2021-04-16
resources:
  f:
    type: OS::FunctionEngine::Function
    properties:
      runtime: python3
      timeout: 120
      code: {text: "import os\\ndef main(): return [os.environ.get(n) for n in ('PORT_OF', 'KEY', 'OTHER')]"}
%s
  one:
    type: OS::FunctionEngine::Version
    properties: {function: {get_resource: f}, revision: {get_attr: [f, revision]}}
'''

        def finds(stack, *want):
            run = self.service.executions.create(function_id=stack['f'].resource_id)
            self.assertEqual(json.loads(run['result'])['output'], list(want))

        variables = '      environment: {PORT_OF: 8080}\n      secrets: {KEY: swordfish, OTHER: %s}'
        stack = self.made(template % (variables % 'tuna'))
        finds(stack, '8080', 'swordfish', 'tuna')
        record = self.service.functions.get(stack['f'].resource_id)
        self.assertEqual((record['environment'], record['secrets']), ({'PORT_OF': '8080'}, ['KEY', 'OTHER']))
        kept = json.dumps(self.loaded(stack.id)['f']._stored_properties_data)
        self.assertNotIn('swordfish', kept)
        self.assertIn('KEY', kept)

        # Another secret alone is a change, and worth a version.
        stack = self.changed(stack, template % (variables % 'herring'))
        finds(stack, '8080', 'swordfish', 'herring')
        self.assertEqual(stack['one'].resource_id, stack['f'].resource_id + '/2')
        at = record['updated_at'], self.service.functions.get(stack['f'].resource_id)['updated_at']
        self.assertNotEqual(*at)
        # Nothing of it is none.
        stack = self.changed(stack, template % (variables % 'herring'))
        self.assertEqual(self.service.functions.get(stack['f'].resource_id)['updated_at'], at[1])
        stack = self.changed(stack, template % '      environment: {KEY: plain}')
        finds(stack, None, 'plain', None)

    def test_files_and_packages(self):
        zip64 = base64.b64encode(package.zipped({'main.py': code('Zip')})).decode()
        template = '''
heat_template_version: 2021-04-16
resources:
  f:
    type: OS::FunctionEngine::Function
    properties:
      runtime: python3
      timeout: 120
      code: %s
'''
        files = '{files: {main.py: "from lib.a import main", lib/a.py: %s}}' % json.dumps(code('File'))
        stack = self.made(template % files)
        function_id = stack['f'].resource_id
        for source, want in (('', 'File, Ada'), ('{package: "%s"}' % zip64, 'Zip, Ada')):
            if source:
                stack = self.changed(stack, template % source)
            self.assertEqual(stack['f'].resource_id, function_id)
            run = self.service.executions.create(function_id=function_id, input={'name': 'Ada'})
            self.assertEqual(json.loads(run['result'])['output'], want)

    def test_what_is_replaced_and_what_is_not(self):
        template = '''
heat_template_version: 2021-04-16
resources:
  f:
    type: OS::FunctionEngine::Function
    properties: {runtime: python3, code: {text: 'def main(): pass'}%(f)s}
  g:
    type: OS::FunctionEngine::Function
    properties: {runtime: python3, code: {text: 'def main(): pass'}}
  hook: {type: 'OS::FunctionEngine::Webhook', properties: {function: {get_resource: f}%(hook)s}}
  job: {type: 'OS::FunctionEngine::Job', properties: {function: {get_resource: f}%(job)s}}
  trigger:
    type: OS::FunctionEngine::Trigger
    properties: {function: {get_resource: f}%(trigger)s}
'''
        now = {'f': '', 'hook': '', 'job': ', pattern: "@daily"',
               'trigger': ', source: clock, settings: {pattern: "@daily"}'}
        stack = self.made(template % now)
        ids = {name: stack[name].resource_id for name in now}

        def change(replaced, **more):
            nonlocal stack
            now.update(more)
            stack = self.changed(stack, template % now)
            for name in now:
                if name in replaced:
                    self.assertNotEqual(ids[name], stack[name].resource_id, name)
                else:
                    self.assertEqual(ids[name], stack[name].resource_id, name)
                ids[name] = stack[name].resource_id

        change((), f=', timeout: 7, retention: {days: 3}, on_success: {function: {get_resource: g}}')
        record = self.service.functions.get(ids['f'])
        self.assertEqual((record['timeout'], record['on_success']['function_id']), (7, stack['g'].resource_id))
        self.assertEqual(record['retention'], {'days': 3, 'count': None})
        change((), f='')
        record = self.service.functions.get(ids['f'])
        self.assertIsNone(record['on_success'])
        self.assertIsNone(record['retention'])

        change((), hook=', rate_limit: 5, body: raw',
               job=', pattern: "@hourly", status: paused, function_input: {a: 1}',
               trigger=', source: clock, settings: {pattern: "@hourly"}, input: {b: "${type}"}, retries: 0')
        self.assertEqual(self.service.webhooks.get(ids['hook'])['rate_limit'], 5)
        job = self.service.jobs.get(ids['job'])
        self.assertEqual((job['pattern'], job['status']), ('@hourly', 'paused'))
        self.assertEqual(json.loads(job['function_input']), {'a': 1})
        trigger = self.service.triggers.get(ids['trigger'])
        self.assertEqual(
            (trigger['settings']['pattern'], trigger['input'], trigger['retries']), ('@hourly', {'b': '${type}'}, 0))

        change(('job', 'trigger'), hook='', job=', first_execution_time: "2099-01-01T00:00:00"',
               trigger=', source: webhook')
        hook = self.service.webhooks.get(ids['hook'])
        self.assertEqual((hook['rate_limit'], hook['body']), (None, 'json'))

    def test_secrets_are_not_shown(self):
        template = '''
heat_template_version: 2021-04-16
resources:
  f: {type: 'OS::FunctionEngine::Function', properties: {runtime: python3, code: {text: 'def main(): pass'}}}
  made: {type: 'OS::FunctionEngine::Webhook', properties: {function: {get_resource: f}, signature: github}}
  brought:
    type: OS::FunctionEngine::Webhook
    properties: {function: {get_resource: f}, signature: github, signing_secret: my-own-long-secret%s}
'''
        stack = self.made(template % '')
        self.assertTrue(stack['made'].FnGetAtt('signing_secret'))
        for name in ('made', 'brought'):
            shown = stack[name].FnGetAtt('show')
            self.assertNotIn('webhook_url', shown)
            self.assertNotIn('signing_secret', shown)
            self.assertIn('/invoke?secret=', stack[name].FnGetAtt('webhook_url'))
        kept = stack['brought']._stored_properties_data
        self.assertNotIn('my-own-long-secret', json.dumps(kept))
        before = self.service.webhooks.get(stack['brought'].resource_id)
        stack = self.changed(stack, template % '')
        self.assertEqual(before, self.service.webhooks.get(stack['brought'].resource_id))
        stack = self.changed(stack, template % '-changed')
        self.assertNotEqual(before, self.service.webhooks.get(stack['brought'].resource_id))

    def test_deletes_what_is_gone_already(self):
        stack = self.made(HELLO % (code('Hello'), 'first'))
        self.service.webhooks.delete(stack['hook'].resource_id)
        self.service.aliases.delete(stack['live'].resource_id)
        self.service.functions.delete(stack['hello'].resource_id)
        # made's cleanup deletes the stack.

    def test_what_is_used_stays(self):
        from oslo_config import cfg
        cfg.CONF.set_override('action_retry_limit', 0)
        stack = self.made(HELLO % (code('Hello'), 'first'))
        job = self.service.jobs.create(function_id=stack['hello'].resource_id, pattern='@daily')
        stack.delete()
        self.assertEqual(stack.state, (stack.DELETE, stack.FAILED))
        self.assertIn('job', stack.status_reason)
        self.service.jobs.delete(job['id'])

    def test_what_failed_is_mended(self):
        stack = self.made(HELLO % (code('Hello'), 'first'))
        function_id, url = stack['hello'].resource_id, self.output(stack, 'url')
        too_long = (HELLO % (code('Goodbye'), 'second')).replace('timeout: 120', 'timeout: 99999')
        stack = self.changed(stack, too_long, stack.FAILED)
        self.assertIn('timeout', stack.status_reason)
        self.assertEqual(stack['hello'].state, ('UPDATE', 'FAILED'))
        # Somebody has changed it meanwhile, too; and then it is to be as it was.
        self.service.functions.update(function_id, entry='other.main')
        stack = self.changed(stack, HELLO % (code('Hello'), 'first'))
        self.assertEqual(stack['hello'].resource_id, function_id)
        self.assertEqual(self.service.functions.get(function_id)['entry'], 'main.main')
        self.assertEqual(self.call(url), 'Hello, Ada')

    def test_check_finds_what_is_gone(self):
        stack = self.made(HELLO % (code('Hello'), 'first'))
        stack.check()
        self.assertEqual(stack.state, (stack.CHECK, stack.COMPLETE), stack.status_reason)
        self.service.webhooks.delete(stack['hook'].resource_id)
        stack = self.loaded(stack.id)
        stack.check()
        self.assertEqual(stack.state, (stack.CHECK, stack.FAILED))
        self.assertEqual(stack['hello'].state, ('CHECK', 'COMPLETE'))
        self.assertEqual(stack['hook'].state, ('CHECK', 'FAILED'))
        self.assertTrue(stack['hook'].needs_replace_failed())
