"""Pages of jobs: functions that are executed once, or by a pattern of time."""
import json

from django import forms
from django import urls
from django.utils.translation import gettext_lazy as _

from faas_dashboard import api
from faas_dashboard import pages
from faas_dashboard.forms import JSONField
from faas_dashboard.forms import target
from faas_dashboard.forms import TargetForm

INDEX = 'horizon:project:faas_jobs:index'


def detail(id: str) -> str:
    return urls.reverse('horizon:project:faas_jobs:detail', args=[id])


class JobForm(TargetForm):
    name = forms.CharField(label=_('Name'), max_length=255, required=False)
    pattern = forms.CharField(label=_('Pattern'), max_length=255, required=False, help_text=_(
        'As of cron: minute, hour, day of the month, month, day of the week; or @hourly, @daily … Nothing: once.'))
    time_zone = forms.CharField(label=_('Time zone of the pattern'), max_length=255, required=False,
                                help_text=_('As Europe/Berlin. UTC if there is none.'))
    first_execution_time = forms.CharField(label=_('First at'), max_length=64, required=False, help_text=_(
        'As 2030-01-31T12:00:00, in UTC. A job without a pattern needs it.'))
    count = forms.IntegerField(label=_('Executions at most'), min_value=1, required=False,
                               help_text=_('Nothing: without end.'))
    function_input = JSONField(label=_('Input'))
    field_order = ['name', 'target', 'function_version', 'pattern', 'time_zone', 'first_execution_time', 'count',
                   'function_input']

    def clean(self):
        values = super().clean()
        if not values.get('pattern') and not values.get('first_execution_time'):
            self.add_error('pattern', _('Give a pattern, or a time.'))
        return values


class Index(pages.ListView):
    template_name = 'faas_dashboard/jobs.html'
    page_title = _('Jobs')
    rule = 'job:get_all'
    collection = 'jobs'
    index = INDEX

    def get_context_data(self, **kwargs):
        return super().get_context_data(names=api.names(self.request), **kwargs)


class Create(pages.FormView):
    rule = 'job:create'
    index = INDEX
    page_title = _('Create a job')
    form_class = JobForm
    submit = _('Create')
    done = _('The job was made.')

    def get_form_kwargs(self):
        return {**super().get_form_kwargs(), 'request': self.request}

    def save(self, client, values):
        fields = {key: values[key] or None for key in ('name', 'pattern', 'time_zone', 'first_execution_time', 'count')}
        if values['function_input'] is not None:
            fields['function_input'] = json.dumps(values['function_input'])
        return detail(client.jobs.create(**target(values), **fields)['id'])


class EditForm(JobForm):
    """What of a job can be changed: when, how often and with what, but not what it calls."""

    target = None
    function_version = None
    first_execution_time = None

    def __init__(self, *args, request=None, **kwargs):
        # There is no field of targets whose choices are to be fetched.
        super(TargetForm, self).__init__(*args, request=request, **kwargs)

    def clean(self):
        return super(JobForm, self).clean()


class Edit(pages.FormView):
    rule = 'job:update'
    index = INDEX
    page_title = _('Change a job')
    form_class = EditForm
    submit = _('Save')
    done = _('The job was changed.')

    def get_form_kwargs(self):
        self.job = api.Thing(api.client(self.request).jobs.get(self.kwargs['id']))
        return {**super().get_form_kwargs(), 'initial': self.job, 'request': self.request}

    def save(self, client, values):
        given = values['function_input']
        now = {**values, 'function_input': None if given is None else json.dumps(given)}
        changed = {key: value for key, value in now.items() if value not in (None, '') and value != self.job.get(key)}
        if changed:
            client.jobs.update(self.job.id, **changed)
        return detail(self.job.id)

    def cancel(self):
        return detail(self.kwargs['id'])


class Detail(pages.View):
    template_name = 'faas_dashboard/job.html'
    rule = 'job:get'
    index = INDEX

    def get_context_data(self, id, **kwargs):
        client = api.client(self.request)
        job = api.Thing(client.jobs.get(id))
        recent, _more = api.page(client.executions, None, 8, description=f'has:{id}')
        return super().get_context_data(page_title=job.title, job=job, names=api.names(self.request), executions=recent,
                                        **kwargs)


class SetStatus(pages.ActionView):
    rule = 'job:update'
    index = INDEX

    def back(self, id, status):
        return detail(id)

    def act(self, client, id, status):
        client.jobs.update(id, status='paused' if status == 'paused' else 'running')
        return detail(id)


class Delete(pages.ConfirmView):
    rule = 'job:delete'
    index = INDEX
    question = _('Delete this job?')
    done = _('The job was deleted.')

    def thing(self, client, id):
        return api.Thing(client.jobs.get(id)).title

    def back(self, id):
        return detail(id)

    def act(self, client, id):
        client.jobs.delete(id)
