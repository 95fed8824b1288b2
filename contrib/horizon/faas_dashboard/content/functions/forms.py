"""Forms of functions."""
import zipfile

from django import forms
from django.utils.translation import gettext_lazy as _

from faas_dashboard import api
from faas_dashboard.content.functions import packages
from faas_dashboard.forms import Exact
from faas_dashboard.forms import Form
from faas_dashboard.forms import JSONField

PYTHON = '''def main(name="world"):
    print("greeting", name)
    return f"Hello, {name}!"
'''
NODEJS = '''exports.main = async ({ name = "world" }) => {
  console.log("greeting", name);
  return `Hello, ${name}!`;
};
'''
MEMORY = [(size * 1048576, f'{size} MiB') for size in (32, 64, 128, 256, 512, 1024, 2048)]


class Code(Exact):
    """Where code is written. Its script adds numbers of lines and the tab key; without it, it is a field of text."""

    def __init__(self, attrs=None):
        super().__init__({'class': 'faas-editor', 'rows': 16, 'spellcheck': 'false', 'autocapitalize': 'off',
                          'autocomplete': 'off', 'wrap': 'off', **(attrs or {})})


class SettingsForm(Form):
    """What a function may use, and where its outcomes go."""

    name = forms.CharField(label=_('Name'), max_length=255, required=False)
    description = forms.CharField(label=_('Description'), max_length=255, required=False)
    entry = forms.CharField(
        label=_('Entry'), max_length=255, required=False, initial='main.main',
        help_text=_('file.function: main.main is the function main in main.py or main.js.'))
    memory_size = forms.TypedChoiceField(label=_('Memory'), coerce=int, choices=MEMORY, initial=64 * 1048576)
    cpu = forms.IntegerField(label=_('Processor, in thousandths'), min_value=100, max_value=2000, initial=100,
                             help_text=_('100 to 2000; 1000 is one core.'))
    timeout = forms.IntegerField(label=_('Timeout, in seconds'), min_value=1, max_value=300, initial=5)
    environment = JSONField(label=_('Environment'), help_text=_('Names and values: {"LANGUAGE": "en"}'))
    secrets = JSONField(label=_('Secrets'), help_text=_('Names and values that are never shown: {"KEY": "…"}'))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        size = self.initial.get('memory_size')
        if size and size not in dict(MEMORY):   # set elsewhere: it must not change because somebody edits the name
            self.fields['memory_size'].choices = sorted([*MEMORY, (size, f'{size / 1048576:g} MiB')])


class CreateForm(SettingsForm):
    source = forms.ChoiceField(label=_('Code'), initial='inline', choices=[
        ('inline', _('Write it here')), ('package', _('Upload a zip')), ('swift', _('Object in Swift')),
        ('image', _('Container image'))])
    runtime_id = forms.ChoiceField(label=_('Runtime'), required=False)
    code = forms.CharField(label=_('Source code'), required=False, initial=PYTHON, strip=False, widget=Code(
        {'data-faas-python': PYTHON, 'data-faas-nodejs': NODEJS, 'data-faas-runtime': 'runtime_id'}))
    package = forms.FileField(label=_('Zip'), required=False, help_text=_('50 MB at most.'))
    container = forms.CharField(label=_('Container'), required=False)
    object = forms.CharField(label=_('Object'), required=False)
    image = forms.CharField(label=_('Image'), required=False, help_text=_('As in registry.example.org/team/image:1.2'))
    protocol = forms.ChoiceField(label=_('How it is called'), required=False, choices=[
        ('run', _('A container for each call')), ('http', _('By HTTP, in a container that stays'))])

    when = {
        'runtime_id': ('source', ('inline', 'package', 'swift')), 'code': ('source', ('inline',)),
        'package': ('source', ('package',)), 'container': ('source', ('swift',)), 'object': ('source', ('swift',)),
        'image': ('source', ('image',)), 'protocol': ('source', ('image',)),
        'entry': ('source', ('inline', 'package', 'swift')),
    }
    field_order = ['name', 'description', 'source', 'runtime_id', 'code', 'package', 'container', 'object', 'image',
                   'protocol', 'entry', 'memory_size', 'cpu', 'timeout', 'environment', 'secrets']

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.runtimes = api.things(api.client(self.request).runtimes.list())
        self.fields['runtime_id'].choices = [
            (runtime.id, runtime.title if runtime.status == 'available' else f'{runtime.title} ({runtime.status})')
            for runtime in self.runtimes]
        tongues = ','.join(f'{r.id}={packages.language(r)}' for r in self.runtimes)
        self.fields['code'].widget.attrs['data-faas-languages'] = tongues
        if not self.runtimes:
            self.fields['runtime_id'].help_text = _('There is none yet: an administrator makes runtimes.')

    def clean(self):
        values = super().clean()
        self.need(values, 'runtime_id', 'code', 'package', 'container', 'object', 'image')
        if values.get('source') == 'package' and values.get('package') and not zipfile.is_zipfile(values['package']):
            self.add_error('package', _('This is no zip.'))
        return values

    def language_of(self, runtime_id: str) -> str:
        chosen = [runtime for runtime in self.runtimes if runtime.id == runtime_id]
        return packages.language(chosen[0] if chosen else None)


class CodeForm(Form):
    """One file of the package, or another package."""

    code = forms.CharField(label=_('Source code'), required=False, strip=False, widget=Code())
    package = forms.FileField(label=_('Or upload a zip'), required=False,
                              help_text=_('It takes the place of all files of the function.'))

    def clean_package(self):
        package = self.cleaned_data['package']
        if package and not zipfile.is_zipfile(package):
            raise forms.ValidationError(_('This is no zip.'))
        return package


class EditForm(SettingsForm):
    KINDS = [('', _('Nowhere')), ('function_id', _('A function')), ('function_alias', _('An alias')),
             ('queue', _('A queue of Zaqar')), ('url', _('A URL'))]
    success_kind = forms.ChoiceField(label=_('When it succeeds, send the outcome to'), choices=KINDS, required=False)
    success_place = forms.CharField(label=_('Its name, id or address'), required=False, max_length=2048)
    failure_kind = forms.ChoiceField(label=_('When it fails, send the outcome to'), choices=KINDS, required=False)
    failure_place = forms.CharField(label=_('Its name, id or address'), required=False, max_length=2048)

    NAMED = ('function_id', 'function_alias', 'queue', 'url')
    when = {'success_place': ('success_kind', NAMED), 'failure_place': ('failure_kind', NAMED)}

    def __init__(self, *args, names=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.fields['secrets'].help_text = _(
            'Those to set, and to remove with null: {"KEY": "…", "OLD": null}. There are: %s.') % (
                ', '.join(names) or _('none'))

    def clean(self):
        values = super().clean()
        self.need(values, 'success_place', 'failure_place')
        return values


class RunForm(Form):
    input = JSONField(label=_('Input'), of=object, initial='{"name": "Ada"}',
                      help_text=_('JSON: the members of an object are the function\'s arguments.'))
    function_version = forms.TypedChoiceField(label=_('Version'), coerce=int, initial=0)
    wait = forms.BooleanField(label=_('Wait for the result'), required=False, initial=True, help_text=_(
        'Otherwise it is queued, as executions of triggers are, and its outcome goes where the function says.'))


class VersionForm(Form):
    description = forms.CharField(label=_('Description'), max_length=255, required=False)
