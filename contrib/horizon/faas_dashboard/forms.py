"""Fields that several forms have: which function is called, and JSON."""
import json

from django import forms
from django.utils.translation import gettext_lazy as _

from faas_dashboard import api
from faas_dashboard.templatetags.faas import exact


class Exact(forms.Textarea):
    """A field of text that shows what it holds, and not what Horizon's escaping makes of it."""

    def format_value(self, value):
        return exact(value or '')


class JSONField(forms.CharField):
    """JSON of the given type, checked before it is sent; None when empty."""

    def __init__(self, *, of=dict, **options):
        self.of = of
        super().__init__(widget=Exact(attrs={'rows': 6, 'class': 'faas-code', 'spellcheck': 'false'}),
                         required=options.pop('required', False), **options)

    def clean(self, value):
        text = super().clean(value).strip()
        if not text:
            return None
        try:
            found = json.loads(text)
        except ValueError as error:
            raise forms.ValidationError(_('This is not JSON: %s.') % error)
        if not isinstance(found, self.of):     # object: anything
            raise forms.ValidationError(
                _('This must be an object, {…}.') if self.of is dict else _('This must be a list, […].'))
        return found


class Form(forms.Form):
    """A form of a page. It knows the request, and which of its fields belong to which choice (see when)."""

    # field: (field of the choice, its values). Other fields are always shown.
    when: dict = {}

    def __init__(self, *args, request=None, **kwargs):
        self.request = request
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if name in self.when:
                choice, values = self.when[name]
                field.faas_when = f'{self.add_prefix(choice)}={",".join(values)}'

    def chosen(self, values: dict, name: str) -> bool:
        """Whether the field belongs to what was chosen."""
        if name not in self.when:
            return True
        choice, wanted = self.when[name]
        return values.get(choice) in wanted

    def need(self, values: dict, *names: str) -> None:
        """Refuses empty fields that what was chosen needs."""
        for name in names:
            if self.chosen(values, name) and not values.get(name) and name not in self.errors:
                self.add_error(name, _('This field is required.'))


class TargetForm(Form):
    """What is called: a function's live code or a version, or an alias."""

    target = forms.ChoiceField(label=_('Function or alias'))
    function_version = forms.IntegerField(
        label=_('Version'), min_value=0, required=False, initial=0,
        help_text=_('0 is the live code. An alias says itself which version it is.'))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        functions = [(f'function:{f.id}', f.title) for f in api.functions(self.request)]
        aliases = [(f'alias:{a.name}', a.name) for a in api.things(api.client(self.request).aliases.list())]
        groups = [(_('Functions'), functions)] + ([(_('Aliases'), aliases)] if aliases else [])
        self.fields['target'].choices = [('', _('Choose one'))] + groups

    @staticmethod
    def initial_of(thing) -> dict:
        target = f'alias:{thing.function_alias}' if thing.function_alias else f'function:{thing.function_id}'
        return {'target': target, 'function_version': thing.function_version or 0}


def target(values: dict) -> dict:
    """The fields of the API that say what is called."""
    kind, _colon, name = values['target'].partition(':')
    if kind == 'alias':
        return {'function_alias': name}
    return {'function_id': name, 'function_version': values.get('function_version') or 0}
