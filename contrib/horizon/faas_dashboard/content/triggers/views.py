"""Pages of triggers: the list, making one of each source, how one is doing."""
import json

from django import http
from django import urls
from django.utils.translation import gettext_lazy as _

from faas_dashboard import api
from faas_dashboard import pages
from faas_dashboard import ways
from faas_dashboard.content.triggers import forms
from faas_dashboard.forms import target
from faas_dashboard.forms import TargetForm

INDEX = 'horizon:project:faas_triggers:index'


def detail(id: str) -> str:
    return urls.reverse('horizon:project:faas_triggers:detail', args=[id])


class Index(pages.ListView):
    template_name = 'faas_dashboard/triggers.html'
    page_title = _('Triggers')
    rule = 'trigger:get_all'
    collection = 'triggers'
    index = INDEX

    def get_context_data(self, **kwargs):
        return super().get_context_data(names=api.names(self.request), senders=ways.SENDERS, **kwargs)


class Sources(pages.View):
    """The first step: what is to send the events."""

    template_name = 'faas_dashboard/sources.html'
    page_title = _('Create a trigger: what sends the events?')
    rule = 'trigger:create'
    index = INDEX

    def get_context_data(self, **kwargs):
        sources = [{'key': key, 'name': name, 'help': help} for key, (_form, name, help) in forms.SOURCES.items()]
        return super().get_context_data(sources=sources, function=self.request.GET.get('function', ''), **kwargs)


class OfSource(pages.FormView):
    """A form of a trigger, which depends on its source."""

    index = INDEX

    def source(self) -> str:
        return self.kwargs['source']

    def get_form_class(self):
        if self.source() not in forms.SOURCES:
            raise http.Http404()
        return forms.SOURCES[self.source()][0]

    def fields(self, values: dict) -> dict:
        settings = self.get_form_class().settings(self.get_form(), values)
        return {**target(values), 'name': values['name'], 'settings': settings, 'filter': values['filter'] or [],
                'input': values['input'] or {}, 'retries': values['retries'], 'retry_delay': values['retry_delay']}


class Create(OfSource):
    rule = 'trigger:create'
    submit = _('Create')

    def get_form_kwargs(self):
        function = self.request.GET.get('function')
        initial = {'target': f'function:{function}'} if function else {}
        return {**super().get_form_kwargs(), 'initial': initial, 'request': self.request}

    def get_context_data(self, **kwargs):
        _form, name, help = forms.SOURCES[self.source()]
        return super().get_context_data(page_title=_('Create a trigger: %s') % name, **{**kwargs}) | {'help_text': help}

    def save(self, client, values):
        made = client.triggers.create(source=self.source(), **self.fields(values))
        secret = (made.get('settings') or {}).get('signing_secret')
        if secret:
            pages.say(pages.messages.warning, self.request, _(
                'The senders sign with this secret, which is shown this once: %s') % secret)
        pages.say(pages.messages.success, self.request, _('The trigger was made.'))
        return detail(made['id'])

    def cancel(self):
        return urls.reverse('horizon:project:faas_triggers:create')


class Edit(OfSource):
    rule = 'trigger:update'
    page_title = _('Change a trigger')
    submit = _('Save')
    done = _('The trigger was changed.')

    _trigger = None

    @property
    def trigger(self) -> api.Thing:
        if self._trigger is None:
            self._trigger = api.Thing(api.client(self.request).triggers.get(self.kwargs['id']))
        return self._trigger

    def source(self):
        return self.trigger.source

    def get_form_kwargs(self):
        t = self.trigger
        initial = {**TargetForm.initial_of(t), 'name': t.name, 'retries': t.retries, 'retry_delay': t.retry_delay,
                   **self.get_form_class().initial_of_settings(t.settings or {})}
        for name, value in (('filter', t.filter), ('input', t.input), ('rule', initial.get('rule'))):
            initial[name] = json.dumps(value, indent=2) if value else ''
        return {**super().get_form_kwargs(), 'initial': initial, 'request': self.request}

    def save(self, client, values):
        fields = self.fields(values)
        # What this form has no field for stays. Settings that are the same are not sent: that would
        # need a new trust.
        kept = {key: value for key, value in (self.trigger.settings or {}).items()
                if key not in self.get_form_class().own and key not in fields['settings'] and key != 'signing_secret'}
        fields['settings'] = {**kept, **fields['settings']}
        if fields['settings'] == self.trigger.settings:
            del fields['settings']
        client.triggers.update(self.trigger.id, **fields)
        return detail(self.trigger.id)

    def cancel(self):
        return detail(self.trigger.id)


class Detail(pages.View):
    template_name = 'faas_dashboard/trigger.html'
    rule = 'trigger:get'
    index = INDEX

    def get_context_data(self, id, **kwargs):
        client = api.client(self.request)
        trigger = api.Thing(client.triggers.get(id))
        names = api.names(self.request)
        alias, function_id = None, trigger.function_id
        if trigger.function_alias:
            alias = next(iter(api.things(client.aliases.list(name=trigger.function_alias), 1)), None)
            function_id = alias.function_id if alias else None
        function = api.Thing(client.functions.get(function_id)) if function_id in names else None
        letters = []
        if api.may(self.request, 'trigger:get_dead_letters'):
            letters = api.things(client.triggers.dead_letters(id, limit=50), 50)
        recent, _more = api.page(client.executions, None, 8, trigger_id=id)
        return super().get_context_data(
            page_title=trigger.title, trigger=trigger, names=names,
            way=ways.of_trigger(trigger, alias, function, names),
            letters=letters, executions=recent, sender=ways.SENDERS.get(trigger.source, trigger.source), **kwargs)


class OfTrigger:
    index = INDEX

    def back(self, id, **kwargs):
        return detail(id)


class SetStatus(OfTrigger, pages.ActionView):
    rule = 'trigger:update'

    def act(self, client, id, status):
        client.triggers.update(id, status='paused' if status == 'paused' else 'active')
        return detail(id)


class Rotate(OfTrigger, pages.ConfirmView):
    rule = 'trigger:rotate'
    question = _('Give this trigger another URL?')
    consequence = _('The URL that it has now leads nowhere at once.')
    verb = _('Make another URL')
    done = _('The trigger has another URL.')

    def thing(self, client, id):
        return api.Thing(client.triggers.get(id)).title

    def act(self, client, id):
        client.triggers.rotate(id)
        return detail(id)


class Delete(OfTrigger, pages.ConfirmView):
    rule = 'trigger:delete'
    question = _('Delete this trigger?')
    consequence = _('Its URL leads nowhere at once, and what it keeps in other services is deleted.')
    done = _('The trigger is being deleted.')

    def thing(self, client, id):
        return api.Thing(client.triggers.get(id)).title

    def act(self, client, id):
        client.triggers.delete(id)
