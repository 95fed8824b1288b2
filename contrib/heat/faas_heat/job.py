"""OS::FunctionEngine::Job."""

import json

from heat.engine import attributes
from heat.engine import constraints
from heat.engine import properties
from heat.engine import resource

from faas_heat.base import (
    CALLED, UNKNOWN, FunctionEngineResource, attribute, called_fields, called_schema, check_called, function_rule,
    invalid,
)
from faas_heat.checks import check_pattern, check_time

# As many bytes as the API takes of an input.
MAX_INPUT = 4096


class Job(FunctionEngineResource):
    """A function that is executed at a time, or again and again."""

    entity = 'jobs'

    OWN = NAME, PATTERN, TIME_ZONE, FIRST_EXECUTION_TIME, COUNT, FUNCTION_INPUT = (
        'name', 'pattern', 'time_zone', 'first_execution_time', 'count', 'function_input')
    STATUS = 'status'
    PROPERTIES = CALLED + OWN + (STATUS,)

    properties_schema = {
        **called_schema(update_allowed=False),
        NAME: properties.Schema(
            properties.Schema.STRING, 'The name; Heat makes one by default.', update_allowed=True,
            constraints=[constraints.Length(max=255)]),
        PATTERN: properties.Schema(
            properties.Schema.STRING,
            'When: a pattern of cron of five fields, or six with the seconds at the end, or a name such as @daily.',
            update_allowed=True,
        ),
        TIME_ZONE: properties.Schema(
            properties.Schema.STRING, 'The clock that the pattern is read by: Europe/Berlin.', update_allowed=True,
            constraints=[constraints.CustomConstraint('timezone')]),
        FIRST_EXECUTION_TIME: properties.Schema(
            properties.Schema.STRING, 'The only time without a pattern, the first one with it: 2030-01-31T12:00:00Z.'),
        COUNT: properties.Schema(
            properties.Schema.INTEGER, 'How many executions there will be.', constraints=[constraints.Range(min=1)]),
        FUNCTION_INPUT: properties.Schema(
            properties.Schema.MAP, 'What the function is given.', update_allowed=True),
        STATUS: properties.Schema(
            properties.Schema.STRING, 'running or paused.', default='running', update_allowed=True,
            constraints=[constraints.AllowedValues(['running', 'paused'])]),
    }

    attributes_schema = {
        'status': attribute('How it is: running, paused, cancelled, done or error.', live=True),
        'status_reason': attribute('Why the last execution could not be made.', live=True),
        'next_execution_time': attribute('The next time, in UTC.', live=True),
        'count': attribute('How many executions are still to come.', attributes.Schema.INTEGER, live=True),
    }

    def translation_rules(self, props):
        return [function_rule(props, self.client_plugin())]

    def validate(self):
        super().validate()
        known = {name: self.known(name) for name in self.PROPERTIES}
        check_called(known, 'A job')
        if not known[self.PATTERN] and not known[self.FIRST_EXECUTION_TIME]:
            raise invalid('A job must have pattern or first_execution_time, which say when.')
        if known[self.TIME_ZONE] and not known[self.PATTERN]:
            raise invalid('time_zone is of pattern; first_execution_time names its own: 2030-01-31T12:00:00+01:00.')
        check_pattern(self.PATTERN, known[self.PATTERN])
        check_time(self.FIRST_EXECUTION_TIME, known[self.FIRST_EXECUTION_TIME])
        given = known[self.FUNCTION_INPUT]
        if given and UNKNOWN not in given.values() and len(json.dumps(given, default=str).encode()) > MAX_INPUT:
            raise invalid(f'function_input has more than {MAX_INPUT} bytes.')

    def handle_create(self):
        own = {name: self.properties[name] for name in self.OWN if self.properties[name] is not None}
        own[self.NAME] = self.name_or_made()
        made = self.client().jobs.create(**called_fields(self.properties), **own)
        self.resource_id_set(made['id'])
        if self.properties[self.STATUS] != 'running':
            self.client().jobs.update(made['id'], status=self.properties[self.STATUS])

    def needs_replace_with_prop_diff(self, changed_properties_set, after_props, before_props):
        """A job of one execution can be given no pattern, nor the other way round."""
        return bool(before_props[self.PATTERN]) != bool(after_props[self.PATTERN])

    def handle_update(self, json_snippet, tmpl_diff, prop_diff):
        if not prop_diff:
            return
        if self.record()['status'] not in ('running', 'paused'):
            raise resource.UpdateReplace(self)  # it has ended, and can not be changed any more
        nothing = {self.TIME_ZONE: 'UTC', self.FUNCTION_INPUT: {}, self.NAME: self.physical_resource_name()}
        fields = {name: nothing.get(name) if value is None else value for name, value in prop_diff.items()}
        if not json_snippet.properties(self.properties_schema, self.context)[self.PATTERN]:
            fields.pop(self.TIME_ZONE, None)
        self.client().jobs.update(self.resource_id, **fields)
