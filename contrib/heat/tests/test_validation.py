"""What is wrong with a template is said while nothing has been made."""

from heat.common import exception

from tests.case import Case

FUNCTION = '''
heat_template_version: 2021-04-16
resources:
  f: {type: 'OS::FunctionEngine::Function', properties: %s}
'''

CALLER = '''
heat_template_version: 2021-04-16
resources:
  f: {type: 'OS::FunctionEngine::Function', properties: {runtime: python3, code: {text: 'def main(): pass'}}}
  x: {type: 'OS::FunctionEngine::%s', properties: {%s}}
'''

F = 'function: {get_resource: f}'


class Validation(Case):
    def setUp(self):
        super().setUp()
        before = self.functions()
        self.addCleanup(lambda: self.assertEqual(before, self.functions()))

    def functions(self):
        return {f['id'] for f in self.service.functions.list()}

    def refused(self, template, words):
        refusal = self.assertRaises(exception.StackValidationFailed, self.stack(template).validate)
        self.assertIn(words, str(refusal))

    def test_functions(self):
        for props, words in (
            ('{runtime: python3}', 'Property code not assigned'),
            ('{runtime: python3, code: {}}', 'exactly one of text, files, package, swift, image; it has none'),
            ('{runtime: python3, code: {text: a, image: b}}', 'it has text and image'),
            ('{runtime: python3, code: {swift: {container: a}}}', 'Property object not assigned'),
            ('{runtime: python3, code: {text: a, source: b}}', 'Unknown Property source'),
            ('{runtime: python3, code: {image: b}}', 'takes no runtime'),
            ('{code: {text: a}}', 'runtime is required'),
            ('{runtime: none-such, code: {text: a}}', 'The Runtime (none-such) could not be found'),
            ('{runtime: python3, code: {text: a, protocol: run}}', 'code.protocol is of container images'),
            ('{code: {image: a, registry_username: u}}', 'go together'),
            ('{code: {image: a, protocol: tcp}}', '"tcp" is not an allowed value'),
            ('{runtime: python3, entry: main, code: {text: a}}', '"main" does not match pattern'),
            ('{runtime: python3, entry: app.main, code: {files: {main.py: a}}}', 'has no module app'),
            ('{runtime: python3, code: {files: {../main.py: a}}}', 'can not be the path'),
            ('{runtime: python3, code: {files: {main.py: [a]}}}', 'must be a text'),
            ('{runtime: python3, code: {package: abcde}}', 'must be a zip in base64'),
            ('{runtime: python3, timeout: 0, code: {text: a}}', '0 is out of range'),
            ('{runtime: python3, retention: {days: 0}, code: {text: a}}', '0 is out of range'),
            ('{runtime: python3, code: {text: a}, on_success: {}}', 'it has none'),
            ('{runtime: python3, code: {text: a}, on_success: {queue: a, url: "http://b"}}', 'it has queue and url'),
            ('{runtime: python3, code: {text: a}, on_failure: {url: "ftp://b"}}', 'does not match pattern'),
            ('{runtime: python3, code: {text: a}, on_failure: {function: none-such}}', 'could not be found'),
        ):
            self.refused(FUNCTION % props, words)

    def test_what_is_called(self):
        for kind in ('Webhook', 'Job', 'Trigger'):
            more = {'Webhook': '', 'Job': ', pattern: "@daily"', 'Trigger': ', source: webhook'}[kind]
            for called, words in (
                ('description: none', 'either function or function_alias'),
                (F + ', function_alias: {get_resource: f}', 'either function or function_alias'),
                ('function: none-such', 'The Function (none-such) could not be found'),
                ('function_alias: none-such', 'The Function alias (none-such) could not be found'),
            ):
                if kind == 'Job' and called.startswith('description'):
                    called = 'name: none'
                self.refused(CALLER % (kind, called + more), words)

    def test_aliases(self):
        for props, words in (
            ('name: live', 'Property function not assigned'),
            (F + ', name: a/b', 'does not match pattern'),
            (F + ', name: ..', 'does not match pattern'),
            (F + ', canary_version: 1', 'go together'),
            (F + ', canary_percent: 10', 'go together'),
            (F + ', canary_version: 1, canary_percent: 100', 'out of range'),
        ):
            self.refused(CALLER % ('Alias', props), words)

    def test_webhooks(self):
        for props, words in (
            ('signature: gitlab', 'not an allowed value'),
            ('signing_secret: abcdefghijklmnop', 'only with a signature'),
            ('expires_at: tomorrow', 'a time is like'),
            ('body: xml', 'not an allowed value'),
            ('rate_limit: -1', 'out of range'),
        ):
            self.refused(CALLER % ('Webhook', F + ', ' + props), words)

    def test_jobs(self):
        for props, words in (
            ('name: a', 'must have pattern or first_execution_time'),
            ('pattern: often', "pattern is 'often'"),
            ('pattern: "61 * * * *"', 'out of range'),
            ('pattern: "@reboot"', 'or @hourly'),
            ('pattern: "@daily", time_zone: Mars/Base', 'Invalid timezone'),
            ('first_execution_time: soon', 'a time is like'),
            ('first_execution_time: "2099-01-01T00:00:00", time_zone: UTC', 'time_zone is of pattern'),
            ('pattern: "@daily", count: 0', 'out of range'),
            ('pattern: "@daily", status: cancelled', 'not an allowed value'),
            ('pattern: "@daily", function_input: {a: %s}' % ('x' * 5000), 'more than 4096 bytes'),
        ):
            self.refused(CALLER % ('Job', F + ', ' + props), words)

    def test_triggers(self):
        for props, words in (
            ('source: kafka', 'not an allowed value'),
            ('source: clock', 'settings.pattern is required'),
            ('source: clock, settings: {pattern: often}', "settings.pattern is 'often'"),
            ('source: clock, settings: {pattern: "@daily", zone: UTC}', 'settings has no zone'),
            ('source: clock, settings: {pattern: "@daily", time_zone: Mars}', 'a time zone is like'),
            ('source: swift, settings: {prefix: a}', 'settings.container is required'),
            ('source: swift, settings: {container: a, interval: 1}', 'a number from 2 to 3600'),
            ('source: swift, settings: {container: a, events: [moved]}', 'one of created, deleted'),
            ('source: zaqar, settings: {queue: "a b"}', 'a queue has letters'),
            ('source: zaqar, settings: {queue: a, batch: 3}', 'of the mode pull only'),
            ('source: zaqar, settings: {queue: a, mode: pull, action: http}', 'of the mode push only'),
            ('source: aodh', 'must have alarm'),
            ('source: aodh, settings: {alarm: {type: event}}', 'settings.alarm.rule is required'),
            ('source: aodh, settings: {alarm: {type: event, rule: {query: [{op: eq}]}}}', 'field is required'),
            ('source: aodh, settings: {alarm_id: a, severity: low}', 'one of them'),
            ('source: notification, settings: {event_type: "a b"}', 'it may have letters'),
            ('source: webhook, settings: {signing_secret: abc}', 'only with a signature'),
            ('source: webhook, retries: 11', 'out of range'),
        ):
            self.refused(CALLER % ('Trigger', F + ', ' + props), words)

    def test_values_that_come_later_are_not_judged(self):
        self.stack('''
heat_template_version: 2021-04-16
resources:
  name: {type: 'OS::Heat::RandomString'}
  f: {type: 'OS::FunctionEngine::Function', properties: {runtime: python3, code: {text: {get_resource: name}}}}
  v: {type: 'OS::FunctionEngine::Version', properties: {function: {get_resource: f}}}
  a:
    type: OS::FunctionEngine::Alias
    properties: {function: {get_resource: f}, function_version: {get_resource: v}, canary_version: {get_resource: v},
                 canary_percent: 10}
  t:
    type: OS::FunctionEngine::Trigger
    properties:
      source: swift
      function_alias: {get_resource: a}
      settings:
        container: {get_resource: name}
        prefix: {str_replace: {template: a/b, params: {b: {get_resource: name}}}}
  j:
    type: OS::FunctionEngine::Job
    properties: {function: {get_resource: f}, pattern: {get_attr: [name, value]}}
''').validate()
