"""Pages of executions: the list by function and status, and one with its result and log."""
from django import urls
from django.utils.translation import gettext_lazy as _

from faas_dashboard import api
from faas_dashboard import outcomes
from faas_dashboard import pages

INDEX = 'horizon:project:faas_executions:index'
STATUSES = ('running', 'success', 'failed', 'error', 'cancelled')


def detail(id: str) -> str:
    return urls.reverse('horizon:project:faas_executions:detail', args=[id])


class Index(pages.ListView):
    template_name = 'faas_dashboard/executions.html'
    page_title = _('Executions')
    rule = 'execution:get_all'
    collection = 'executions'
    filters = ('function_id', 'status')
    index = INDEX

    def get_context_data(self, **kwargs):
        return super().get_context_data(names=api.names(self.request), statuses=STATUSES, **kwargs)


class Detail(pages.View):
    template_name = 'faas_dashboard/execution.html'
    page_title = _('Execution')
    rule = 'execution:get'
    index = INDEX

    def get_context_data(self, id, **kwargs):
        client = api.client(self.request)
        execution = api.Thing(client.executions.get(id))
        log = client.executions.log(id) if api.may(self.request, 'execution:get_log') else ''
        return super().get_context_data(
            execution=execution, outcome=outcomes.of(execution), log=log, names=api.names(self.request), **kwargs)


class Cancel(pages.ActionView):
    rule = 'execution:cancel'
    index = INDEX
    done = _('The execution was cancelled.')

    def back(self, id):
        return detail(id)

    def act(self, client, id):
        client.executions.cancel(id)
        return detail(id)


class Delete(pages.ConfirmView):
    rule = 'execution:delete'
    index = INDEX
    question = _('Delete this record?')
    consequence = _('The input, the result and the log go with it.')
    done = _('The record was deleted.')

    def back(self, id):
        return detail(id)

    def act(self, client, id):
        client.executions.delete(id)
