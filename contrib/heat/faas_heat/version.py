"""OS::FunctionEngine::Version."""

from typing import Tuple

from heat.common import exception
from heat.engine import attributes
from heat.engine import constraints
from heat.engine import properties

from faas_heat.base import FUNCTION, FunctionEngineResource, attribute, function_rule, function_schema


class Version(FunctionEngineResource):
    """A frozen copy of a function. It never changes: a change makes another, and deletes this one after.

    With revision: {get_attr: [hello, revision]} there is a new version whenever the function's code,
    entry or limits are others, and what refers to the version follows it.
    """

    entity = 'versions'

    PROPERTIES = FUNCTION, DESCRIPTION, REVISION = FUNCTION, 'description', 'revision'

    properties_schema = {
        FUNCTION: function_schema(update_allowed=False, required=True),
        DESCRIPTION: properties.Schema(
            properties.Schema.STRING, 'For people.', constraints=[constraints.Length(max=255)]),
        REVISION: properties.Schema(
            properties.Schema.STRING, 'Anything. When it is another one, there is another version.'),
    }

    attributes_schema = {
        'version_number': attribute('The number.', attributes.Schema.INTEGER),
        'function_id': attribute('The id of the function.'),
        'image_digest': attribute('The image that it runs, where the code is one.'),
        'count': attribute('How many executions of it there were.', attributes.Schema.INTEGER, live=True),
    }

    def translation_rules(self, props):
        return [function_rule(props, self.client_plugin())]

    def handle_create(self):
        function_id = self.properties[FUNCTION]
        made = self.client().versions.create(function_id, description=self.properties[self.DESCRIPTION])
        self.resource_id_set('%s/%d' % (function_id, made['version_number']))

    def needs_replace_with_prop_diff(self, changed_properties_set, after_props, before_props):
        """The service makes no version that is the same as the newest, but for a new description."""
        if changed_properties_set == {self.DESCRIPTION}:
            raise exception.NotSupported(
                feature=f'{self.name}: another description of a version, without another revision: '
                        'a version never changes')
        return True

    def get_reference_id(self):
        """Returns the number, which is what takes a version asks for; 0 while there is none."""
        return str(self._key()[1]) if self.resource_id else '0'

    def record(self):
        return self.client().versions.get(*self._key())

    def _key(self) -> Tuple[str, int]:
        function_id, number = self.resource_id.split('/')
        return function_id, int(number)

    def handle_delete(self):
        if self.resource_id is None:
            return
        with self.client_plugin().ignore_not_found:
            self.client().versions.delete(*self._key())
