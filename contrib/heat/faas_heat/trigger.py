"""OS::FunctionEngine::Trigger."""

import time

import faasclient
from heat.engine import attributes
from heat.engine import constraints
from heat.engine import properties

from faas_heat import settings
from faas_heat.base import (
    CALLED, FunctionEngineResource, attribute, called_fields, called_schema, check_called, function_rule, in_error,
)

# Seconds for which a trigger may be in error before the resource fails: a source may be a bit late.
PATIENCE = 15

SECRET = 'signing_secret'


class Trigger(FunctionEngineResource):
    """A function that is executed when something happens.

    The resource is complete when the trigger's source is asked for events.
    """

    entity = 'triggers'
    secrets = (('settings', SECRET),)

    OWN = NAME, DESCRIPTION, SETTINGS, FILTER, INPUT, RETRIES, RETRY_DELAY, STATUS = (
        'name', 'description', 'settings', 'filter', 'input', 'retries', 'retry_delay', 'status')
    SOURCE = 'source'
    PROPERTIES = (SOURCE,) + CALLED + OWN

    properties_schema = {
        SOURCE: properties.Schema(
            properties.Schema.STRING,
            'Where events come from.',
            required=True,
            constraints=[constraints.AllowedValues(sorted(settings.SOURCES))],
        ),
        **called_schema(update_allowed=True),
        NAME: properties.Schema(
            properties.Schema.STRING, 'The name; Heat makes one by default.', update_allowed=True,
            constraints=[constraints.Length(max=255)]),
        DESCRIPTION: properties.Schema(
            properties.Schema.STRING, 'For people.', update_allowed=True, constraints=[constraints.Length(max=255)]),
        SETTINGS: properties.Schema(
            properties.Schema.MAP, 'What the source needs: see the manual on triggers.', update_allowed=True),
        FILTER: properties.Schema(
            properties.Schema.LIST, 'Which events are wanted, in the dialects of CloudEvents.', update_allowed=True,
            schema=properties.Schema(properties.Schema.MAP)),
        INPUT: properties.Schema(
            properties.Schema.MAP,
            'What the function is given beside the event: texts may hold ${data.name}.',
            update_allowed=True,
        ),
        RETRIES: properties.Schema(
            properties.Schema.INTEGER, 'How often an event is tried again.', default=2, update_allowed=True,
            constraints=[constraints.Range(min=0, max=10)]),
        RETRY_DELAY: properties.Schema(
            properties.Schema.INTEGER, 'Seconds before that, twice as many each next time.', default=30,
            update_allowed=True, constraints=[constraints.Range(min=1, max=3600)]),
        STATUS: properties.Schema(
            properties.Schema.STRING, 'active or paused.', default='active', update_allowed=True,
            constraints=[constraints.AllowedValues(['active', 'paused'])]),
    }

    attributes_schema = {
        'name': attribute('The name.'),
        'url': attribute('Where events are sent, a secret; null for sources that need none.', live=True),
        SECRET: attribute('What senders sign with, if it was made for you.', live=True),
        'status': attribute('How it is: pending, active, paused or error.', live=True),
        'status_reason': attribute('Why it is in error.', live=True),
        'delivered': attribute('How many events became executions.', attributes.Schema.INTEGER, live=True),
        'failed': attribute('How many events could be none.', attributes.Schema.INTEGER, live=True),
        'last_event_at': attribute('When the last event came.', live=True),
    }

    def translation_rules(self, props):
        return [function_rule(props, self.client_plugin())]

    def validate(self):
        super().validate()
        check_called({name: self.known(name) for name in CALLED}, 'A trigger')
        settings.check(self.known(self.SOURCE), self.known(self.SETTINGS))

    def add_dependencies(self, deps):
        """A container or a queue that the settings name, and that the template makes, is made first."""
        super().add_dependencies(deps)
        named = self.known(self.SETTINGS)
        if not isinstance(named, dict):
            return
        wanted = {'OS::Swift::Container': named.get('container'), 'OS::Zaqar::Queue': named.get('queue')}
        for other in self.stack.values():
            name = wanted.get(other.type())
            if isinstance(name, str) and name in (other.properties.get('name'), other.physical_resource_name()):
                deps += (self, other)

    def handle_create(self):
        own = {name: self.properties[name] for name in self.OWN if self.properties[name] is not None}
        own[self.NAME] = self.name_or_made()
        made = self.client().triggers.create(
            source=self.properties[self.SOURCE], **called_fields(self.properties), **own)
        self.resource_id_set(made['id'])
        self._keep_secret(made)
        return {}

    def check_create_complete(self, waiting):
        return self._ready(waiting)

    def handle_update(self, json_snippet, tmpl_diff, prop_diff):
        nothing = {self.NAME: self.physical_resource_name(), self.DESCRIPTION: '', self.SETTINGS: {}, self.FILTER: [],
                   self.INPUT: {}}
        fields = {name: nothing.get(name) if value is None else value
                  for name, value in prop_diff.items() if name in self.OWN}
        if set(prop_diff) & set(CALLED):
            fields.update(called_fields(json_snippet.properties(self.properties_schema, self.context)))
        if fields:
            self._keep_secret(self.client().triggers.update(self.resource_id, **fields))
        return {}

    def check_update_complete(self, waiting):
        return self._ready(waiting)

    def handle_check(self):
        record = self.record()
        if record['status'] == 'error':
            raise in_error('trigger', record)

    def _ready(self, waiting) -> bool:
        """Reports whether events are heard. waiting has since when the trigger is in error."""
        record = self.record()
        if record['status'] != 'error':
            waiting.pop('since', None)
            return record['status'] in ('active', 'paused')
        if time.monotonic() - waiting.setdefault('since', time.monotonic()) < PATIENCE:
            return False
        self.handle_check()
        return False

    def check_delete_complete(self, trigger_id):
        """Reports whether the trigger is gone: what it has in other services goes first."""
        if trigger_id is None:
            return True
        try:
            self.client().triggers.get(trigger_id)
        except faasclient.NotFound:
            return True
        return False

    def _show_resource(self):
        record = super()._show_resource()
        record['settings'] = {name: value for name, value in record['settings'].items() if name not in self.hidden}
        return record

    def _keep_secret(self, record) -> None:
        """Keeps a secret that the service has made, encrypted: it is shown this once."""
        if record['settings'].get(SECRET) and not (self.properties[self.SETTINGS] or {}).get(SECRET):
            self.data_set(SECRET, record['settings'][SECRET], redact=True)

    def _resolve_attribute(self, name):
        if name == SECRET and self.resource_id is not None:  # for those who may know the URL
            return self.record()['url'] and self.data().get(SECRET)
        return super()._resolve_attribute(name)
