"""Running a function from its page, and seeing what came of it."""
import json

from django.utils.translation import gettext_lazy as _

from faas_dashboard import api
from faas_dashboard import outcomes
from faas_dashboard import pages
from faas_dashboard.content.functions import forms
from faas_dashboard.content.functions.views import at
from faas_dashboard.content.functions.views import OfFunction

# A function that may take longer is not waited for: the web server would give up before it.
PATIENCE = 60


class Run(OfFunction, pages.FormView):
    template_name = 'faas_dashboard/run.html'
    rule = 'execution:create'
    tab = 'run'
    form_class = forms.RunForm
    submit = _('Run')

    def get_form_kwargs(self):
        return {**super().get_form_kwargs(), 'request': self.request}

    def get_form(self, form_class=None):
        form = super().get_form(form_class)
        versions = api.things(api.client(self.request).versions.list(self.function.id))
        form.fields['function_version'].choices = [(0, _('live code'))] + [
            (v.version_number, f'{v.version_number} {v.description or ""}'.strip()) for v in versions]
        if self.function.timeout > PATIENCE:
            form.fields['wait'].initial = False
            form.fields['wait'].disabled = True
        return form

    def get_context_data(self, **kwargs):
        execution, log, outcome = None, '', None
        if self.request.GET.get('execution'):
            client = api.client(self.request)
            execution = api.Thing(client.executions.get(self.request.GET['execution']))
            log = client.executions.log(execution.id)
            outcome = outcomes.of(execution)
        return super().get_context_data(execution=execution, log=log, outcome=outcome, **kwargs)

    def save(self, _client, values):
        sync = bool(values['wait'])
        client = api.client(self.request, self.function.timeout + PATIENCE if sync else api.WAIT)
        made = client.executions.create(
            function_id=self.function.id, function_version=values['function_version'], sync=sync,
            input=None if values['input'] is None else json.dumps(values['input']))
        return f'{at("run", self.function.id)}?execution={made["id"]}#result'
