"""OS::FunctionEngine::Alias."""

from heat.engine import attributes
from heat.engine import constraints
from heat.engine import properties

from faas_heat.base import (
    FUNCTION, FUNCTION_VERSION, UNKNOWN, FunctionEngineResource, attribute, called_schema, function_rule,
    function_schema, invalid,
)


class Alias(FunctionEngineResource):
    """A name in the project that stands for a version of a function, or for its live code.

    The alias is known by its name, which is what get_resource gives.
    """

    entity = 'aliases'

    PROPERTIES = NAME, DESCRIPTION, FUNCTION, FUNCTION_VERSION, CANARY_VERSION, CANARY_PERCENT = (
        'name', 'description', FUNCTION, FUNCTION_VERSION, 'canary_version', 'canary_percent')

    properties_schema = {
        # A single segment of a path.
        NAME: properties.Schema(
            properties.Schema.STRING,
            'The name, which nothing else has in the project; Heat makes one by default.',
            constraints=[
                constraints.Length(min=1, max=255),
                constraints.AllowedPattern(r'(?!\.{1,2}$)[^/\s]([^/\n\t]*[^/\s])?'),
            ],
        ),
        DESCRIPTION: properties.Schema(
            properties.Schema.STRING, 'For people.', update_allowed=True, constraints=[constraints.Length(max=255)]),
        FUNCTION: function_schema(update_allowed=True, required=True),
        FUNCTION_VERSION: called_schema(True)[FUNCTION_VERSION],
        CANARY_VERSION: properties.Schema(
            properties.Schema.INTEGER,
            'Another version of the function that gets a part of the calls; 0 is the live code.',
            update_allowed=True,
            constraints=[constraints.Range(min=0)],
        ),
        CANARY_PERCENT: properties.Schema(
            properties.Schema.INTEGER,
            'How many of a hundred calls the canary gets.',
            update_allowed=True,
            constraints=[constraints.Range(min=0, max=99)],
        ),
    }

    attributes_schema = {
        'id': attribute('The id.'),
        'name': attribute('The name.'),
        'function_id': attribute('The id of the function.', live=True),
        'function_version': attribute(
            'The version that it stands for; 0 is the live code.', attributes.Schema.INTEGER, live=True),
        'canary_version': attribute('The version of the canary.', attributes.Schema.INTEGER, live=True),
        'canary_percent': attribute('The share of the canary.', attributes.Schema.INTEGER, live=True),
    }

    def translation_rules(self, props):
        return [function_rule(props, self.client_plugin())]

    def validate(self):
        super().validate()
        version, percent = self.known(self.CANARY_VERSION), self.known(self.CANARY_PERCENT)
        if UNKNOWN in (version, percent):
            return
        if percent and version is None or version is not None and percent is None:
            raise invalid('canary_version and canary_percent go together: the version, and how many of a hundred '
                          'calls it gets.')

    def handle_create(self):
        name = self.name_or_made()
        self.client().aliases.create(
            name=name, description=self.properties[self.DESCRIPTION], **self._target(self.properties))
        self.resource_id_set(name)

    def handle_update(self, json_snippet, tmpl_diff, prop_diff):
        fields = {}
        if self.DESCRIPTION in prop_diff:
            fields[self.DESCRIPTION] = prop_diff[self.DESCRIPTION] or ''
        if set(prop_diff) - {self.DESCRIPTION}:
            # All at once: calls meet the canary of before with the version of before, or both anew.
            fields.update(self._target(json_snippet.properties(self.properties_schema, self.context)))
            fields.setdefault(self.CANARY_PERCENT, 0)
        if fields:
            self.client().aliases.update(self.resource_id, **fields)

    def _target(self, props):
        fields = {'function_id': props[FUNCTION], 'function_version': props[FUNCTION_VERSION] or 0}
        if props[self.CANARY_PERCENT]:
            fields.update({name: props[name] for name in (self.CANARY_VERSION, self.CANARY_PERCENT)})
        return fields
