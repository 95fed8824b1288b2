"""OS::FunctionEngine::Webhook."""

from heat.engine import attributes
from heat.engine import constraints
from heat.engine import properties

from faas_heat.base import (
    CALLED, FunctionEngineResource, attribute, called_fields, called_schema, check_called, function_rule, invalid,
)
from faas_heat.checks import check_time

SIGNING_SECRET = 'signing_secret'


class Webhook(FunctionEngineResource):
    """A URL that has a function run for senders that have no token."""

    entity = 'webhooks'
    secrets = ((SIGNING_SECRET,),)

    OWN = DESCRIPTION, SIGNATURE, SIGNING_SECRET, EXPIRES_AT, RATE_LIMIT, BODY, SYNC = (
        'description', 'signature', SIGNING_SECRET, 'expires_at', 'rate_limit', 'body', 'sync')
    PROPERTIES = CALLED + OWN

    properties_schema = {
        **called_schema(update_allowed=True),
        DESCRIPTION: properties.Schema(
            properties.Schema.STRING, 'For people.', update_allowed=True, constraints=[constraints.Length(max=255)]),
        SIGNATURE: properties.Schema(
            properties.Schema.STRING,
            'How senders sign: not at all, as GitHub, or as Standard Webhooks has it.',
            default='none',
            update_allowed=True,
            constraints=[constraints.AllowedValues(['none', 'github', 'standard'])],
        ),
        SIGNING_SECRET: properties.Schema(
            properties.Schema.STRING,
            'What senders sign with, if they have chosen it: give it by a hidden parameter. By default one is made.',
            update_allowed=True,
        ),
        EXPIRES_AT: properties.Schema(
            properties.Schema.STRING, 'When the URL ends: 2030-01-31T12:00:00Z.', update_allowed=True),
        RATE_LIMIT: properties.Schema(
            properties.Schema.INTEGER, 'Calls a minute; 0 for as many as the installation allows.',
            update_allowed=True, constraints=[constraints.Range(min=0)]),
        BODY: properties.Schema(
            properties.Schema.STRING,
            'What the function gets: the members of a JSON body, or the request as it came.',
            default='json',
            update_allowed=True,
            constraints=[constraints.AllowedValues(['json', 'raw'])],
        ),
        SYNC: properties.Schema(
            properties.Schema.BOOLEAN, 'Whether callers may ask for the result.', default=False, update_allowed=True),
    }

    attributes_schema = {
        'webhook_url': attribute('The URL, a secret; null for those who may not know it.', live=True),
        'url': attribute('The same as webhook_url.', live=True),
        'invoke_url': attribute('The URL that answers with the result, of a webhook that has sync.', live=True),
        SIGNING_SECRET: attribute('What senders sign with, if it was made for you.', live=True),
        'expires_at': attribute('When the URL ends.', live=True),
        'sync': attribute('Whether callers may ask for the result.', attributes.Schema.BOOLEAN, live=True),
    }

    def translation_rules(self, props):
        return [function_rule(props, self.client_plugin())]

    def validate(self):
        super().validate()
        known = {name: self.known(name) for name in self.PROPERTIES}
        check_called(known, 'A webhook')
        if known[SIGNING_SECRET] and (known[self.SIGNATURE] or 'none') == 'none':
            raise invalid('signing_secret is of use only with a signature: set signature to github or standard.')
        check_time(self.EXPIRES_AT, known[self.EXPIRES_AT])

    def handle_create(self):
        own = {name: self.properties[name] for name in self.OWN if self.properties[name] is not None}
        made = self.client().webhooks.create(**called_fields(self.properties), **own)
        self.resource_id_set(made['id'])
        self._keep_secret(made)

    def handle_update(self, json_snippet, tmpl_diff, prop_diff):
        nothing = {self.DESCRIPTION: '', self.EXPIRES_AT: '', self.RATE_LIMIT: 0}
        fields = {name: nothing.get(name) if value is None else value
                  for name, value in prop_diff.items() if name in self.OWN}
        if set(prop_diff) & set(CALLED):
            fields.update(called_fields(json_snippet.properties(self.properties_schema, self.context)))
        if fields:
            self._keep_secret(self.client().webhooks.update(self.resource_id, **fields))

    def _keep_secret(self, record) -> None:
        """Keeps a secret that the service has made, encrypted: it is shown this once."""
        if record.get(SIGNING_SECRET) and not self.properties[SIGNING_SECRET]:
            self.data_set(SIGNING_SECRET, record[SIGNING_SECRET], redact=True)

    def _resolve_attribute(self, name):
        if self.resource_id is None:
            return None
        record = self.record()
        if name == SIGNING_SECRET:  # for those who may know the URL
            return record['webhook_url'] and self.data().get(SIGNING_SECRET)
        if name == 'url':
            return record['webhook_url']
        if name == 'invoke_url':
            return record['webhook_url'] and record['sync'] and record['webhook_url'] + '&sync=true' or None
        return record.get(name)
