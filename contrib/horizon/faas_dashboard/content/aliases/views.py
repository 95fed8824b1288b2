"""Pages of aliases: names for versions, which can be moved."""
from django import forms
from django import urls
from django.utils.translation import gettext_lazy as _

from faas_dashboard import api
from faas_dashboard import pages
from faas_dashboard.forms import Form

INDEX = 'horizon:project:faas_aliases:index'


class AliasForm(Form):
    name = forms.CharField(label=_('Name'), max_length=255, help_text=_('As in "live". It is unique in the project.'))
    function_id = forms.ChoiceField(label=_('Function'))
    function_version = forms.IntegerField(
        label=_('Version'), min_value=0, initial=0, help_text=_('0 is the live code.'))
    description = forms.CharField(label=_('Description'), max_length=255, required=False)
    canary_version = forms.IntegerField(
        label=_('Canary: another version'), min_value=0, required=False,
        help_text=_('It gets a part of the calls, so that you see whether it is good.'))
    canary_percent = forms.IntegerField(label=_('How many of a hundred calls the canary gets'), min_value=0,
                                        max_value=99, required=False, help_text=_('0 or nothing: there is no canary.'))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields['function_id'].choices = [('', _('Choose one'))] + [
            (function.id, function.title) for function in api.functions(self.request)]


class Index(pages.ListView):
    template_name = 'faas_dashboard/aliases.html'
    page_title = _('Aliases')
    rule = 'function_alias:get_all'
    collection = 'aliases'
    index = INDEX

    def get_context_data(self, **kwargs):
        return super().get_context_data(names=api.names(self.request), **kwargs)


def fields_of(values: dict) -> dict:
    fields = {key: values[key] for key in ('function_id', 'function_version', 'description')}
    if values['canary_percent']:
        fields.update(canary_version=values['canary_version'] or 0, canary_percent=values['canary_percent'])
    return fields


class Create(pages.FormView):
    rule = 'function_alias:create'
    index = INDEX
    page_title = _('Create an alias')
    form_class = AliasForm
    submit = _('Create')
    done = _('The alias was made.')
    help_text = _('An alias is a name for a version. What calls the name follows when you move it.')

    def get_form_kwargs(self):
        initial = {'function_id': self.request.GET.get('function'),
                   'function_version': self.request.GET.get('version', 0)}
        return {**super().get_form_kwargs(), 'initial': initial, 'request': self.request}

    def save(self, client, values):
        client.aliases.create(name=values['name'], **fields_of(values))
        return urls.reverse(INDEX)


class Edit(pages.FormView):
    rule = 'function_alias:update'
    index = INDEX
    page_title = _('Move an alias')
    form_class = AliasForm
    submit = _('Save')
    done = _('The alias was moved.')

    def get_form_kwargs(self):
        alias = api.client(self.request).aliases.get(self.kwargs['name'])
        return {**super().get_form_kwargs(), 'initial': alias, 'request': self.request}

    def get_form(self, form_class=None):
        form = super().get_form(form_class)
        form.fields['name'].disabled = True
        return form

    def save(self, client, values):
        fields = fields_of(values)
        if not values['canary_percent'] and self.get_form().initial.get('canary_percent'):
            fields['canary_percent'] = 0
        client.aliases.update(self.kwargs['name'], **fields)
        return urls.reverse(INDEX)


class Delete(pages.ConfirmView):
    rule = 'function_alias:delete'
    index = INDEX
    question = _('Delete this alias?')
    done = _('The alias was deleted.')

    def act(self, client, name):
        client.aliases.delete(name)
