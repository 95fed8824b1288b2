"""Pages of functions: the list, what one is and does, its versions and workers."""
import json

from django import urls
from django.utils.translation import gettext_lazy as _

from faas_dashboard import api
from faas_dashboard import pages
from faas_dashboard import usage
from faas_dashboard import ways
from faas_dashboard.content.functions import forms

INDEX = 'horizon:project:faas_functions:index'


def at(name: str, function_id: str) -> str:
    return urls.reverse(f'horizon:project:faas_functions:{name}', args=[function_id])


class OfFunction:
    """A page of one function, with the tabs that lead to the others."""

    index = INDEX
    tab = 'detail'
    rule = 'function:get'

    _function = None

    @property
    def function(self) -> api.Thing:
        if self._function is None:
            self._function = api.Thing(api.client(self.request).functions.get(self.kwargs['id']))
        return self._function

    def tabs(self) -> list:
        tabs = [('detail', _('Overview'), 'function:get')]
        if self.function.code['source'] == 'package':
            tabs.append(('code', _('Code'), 'function:get'))
        tabs += [('run', _('Run'), 'execution:create'), ('versions', _('Versions'), 'function_version:get_all'),
                 ('workers', _('Workers'), 'function_worker:get_all')]
        return [{'url': at(name, self.function.id), 'label': label, 'here': name == self.tab}
                for name, label, rule in tabs if api.may(self.request, rule)]

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            function=self.function, tabs=self.tabs(), page_title=self.function.title, **kwargs)


class Index(pages.ListView):
    template_name = 'faas_dashboard/functions.html'
    page_title = _('Functions')
    rule = 'function:get_all'
    collection = 'functions'
    index = INDEX

    def get_context_data(self, **kwargs):
        runtimes = {r.id: r.title for r in api.things(api.client(self.request).runtimes.list())}
        return super().get_context_data(runtimes=runtimes, **kwargs)


class Detail(OfFunction, pages.View):
    template_name = 'faas_dashboard/function.html'

    def get_context_data(self, **kwargs):
        client = api.client(self.request)
        names = api.names(self.request)
        picture, hidden = ways.of_function(self.request, self.function, names)
        recent, _more = api.page(client.executions, None, 8, function_id=self.function.id)
        runtime = None
        if self.function.runtime_id:
            runtime = api.Thing(client.runtimes.get(self.function.runtime_id))
        return super().get_context_data(
            names=names, runtime=runtime, way=picture, hidden=hidden, executions=recent,
            usage=usage.draw(self.request, function_id=self.function.id), **kwargs)


class Edit(OfFunction, pages.FormView):
    rule = 'function:update'
    form_class = forms.EditForm
    submit = _('Save')
    done = _('The function was changed.')

    def get_form_kwargs(self):
        f = self.function
        initial = {key: f.get(key) for key in ('name', 'description', 'entry', 'memory_size', 'cpu', 'timeout')}
        for outcome in ('success', 'failure'):
            place = f.get(f'on_{outcome}') or {}
            kind = next((kind for kind in forms.EditForm.NAMED if place.get(kind)), '')
            initial.update({f'{outcome}_kind': kind, f'{outcome}_place': place.get(kind, '')})
        if f.environment:
            initial['environment'] = json.dumps(f.environment, indent=2, ensure_ascii=False)
        return {**super().get_form_kwargs(), 'initial': initial, 'request': self.request, 'names': f.secrets or ()}

    def save(self, client, values):
        changed = {key: values[key] for key in ('name', 'description', 'entry', 'memory_size', 'cpu', 'timeout')}
        if self.function.code['source'] == 'image':
            del changed['entry']
        before = self.get_form().initial
        for outcome in ('success', 'failure'):
            kind, place = values[f'{outcome}_kind'], values[f'{outcome}_place']
            if (kind, place) != (before[f'{outcome}_kind'], before[f'{outcome}_place']):
                changed[f'on_{outcome}'] = {kind: place} if kind else ''
        if (values['environment'] or {}) != (self.function.environment or {}):
            changed['environment'] = values['environment'] or {}
        if values['secrets']:
            changed['secrets'] = values['secrets']
        client.functions.update(self.function.id, **changed)
        return at('detail', self.function.id)

    def cancel(self):
        return at('detail', self.function.id)


class Delete(pages.ConfirmView):
    rule = 'function:delete'
    index = INDEX
    question = _('Delete this function?')
    consequence = _('Its versions go with it. The records of its executions stay.')
    done = _('The function was deleted.')

    def thing(self, client, id):
        return api.Thing(client.functions.get(id)).title

    def back(self, id):
        return at('detail', id)

    def act(self, client, id):
        client.functions.delete(id)


class Versions(OfFunction, pages.View):
    template_name = 'faas_dashboard/versions.html'
    rule = 'function_version:get_all'
    tab = 'versions'

    def get_context_data(self, **kwargs):
        client = api.client(self.request)
        versions = api.things(client.versions.list(self.function.id))
        aliases = api.things(client.aliases.list(function_id=self.function.id))
        for version in versions:
            version['aliases'] = [a for a in aliases if a.function_version == version.version_number]
        versions.sort(key=lambda version: -version.version_number)
        return super().get_context_data(versions=versions, **kwargs)


class CreateVersion(OfFunction, pages.FormView):
    rule = 'function_version:create'
    tab = 'versions'
    form_class = forms.VersionForm
    submit = _('Freeze')
    help_text = _('A version is a copy of what the function runs now, under a number. It never changes.')
    done = _('The version was made.')

    def get_form_kwargs(self):
        return {**super().get_form_kwargs(), 'request': self.request}

    def save(self, client, values):
        client.versions.create(self.function.id, **values)
        return at('versions', self.function.id)

    def cancel(self):
        return at('versions', self.function.id)


class DeleteVersion(pages.ConfirmView):
    rule = 'function_version:delete'
    index = INDEX
    question = _('Delete this version?')
    consequence = _('Its number is not given again.')
    done = _('The version was deleted.')

    def thing(self, client, id, number):
        return _('Version %(number)s of %(name)s') % {
            'number': number, 'name': api.Thing(client.functions.get(id)).title}

    def back(self, id, number):
        return at('versions', id)

    def act(self, client, id, number):
        client.versions.delete(id, number)
        return at('versions', id)


class Workers(OfFunction, pages.View):
    template_name = 'faas_dashboard/workers.html'
    rule = 'function_worker:get_all'
    tab = 'workers'

    def get_context_data(self, **kwargs):
        workers = api.things(api.client(self.request).workers.list(self.function.id), 1000)
        return super().get_context_data(workers=workers, **kwargs)


class Scale(pages.ActionView):
    """More workers, fewer, or none."""

    index = INDEX
    done = _('It has begun. Load the page again to see it.')
    VERBS = {'up': 'scale_up', 'down': 'scale_down', 'detach': 'detach'}

    def dispatch(self, request, *args, **kwargs):
        self.rule = 'function:' + self.VERBS.get(kwargs['verb'], 'none')
        return super().dispatch(request, *args, **kwargs)

    def back(self, id, verb):
        return at('workers', id)

    def act(self, client, id, verb):
        getattr(client.functions, self.VERBS[verb])(id)
        return at('workers', id)
