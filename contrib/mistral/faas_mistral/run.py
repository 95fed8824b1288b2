"""function.run: runs a function and waits for it, in a way that holds nothing while it does.

The action makes an execution that nobody waits for, and ends; Mistral calls such an action
asynchronous. A job of Mistral's own scheduler, the one that does wait-before and retry, then looks
at the execution, later and later, and completes the action. The scheduler's jobs are in Mistral's
database: when the executor is lost, an engine goes on.
"""

import types
from typing import Any, Dict

import faasclient
from mistral_lib import actions

from faas_mistral import connection
from faas_mistral.verbs import failure

# Seconds until the first look, what each is longer than the one before, and at most.
FIRST_LOOK, LONGER, LONGEST = 0.25, 1.5, 5
# How often in a row the service may be away: that is for ten minutes.
AWAY = 120


class Run(actions.Action):
    """Runs a function and has its output, when it has ended.

    function_id is a name or an id, function_alias an alias in its place. input is what the
    function gets.
    """

    def __init__(self, function_id=None, input=None, function_version=None, function_alias=None, description=None):
        self.fields = {
            name: value for name, value in {
                'function_id': function_id, 'function_version': function_version, 'function_alias': function_alias,
                'input': input, 'description': description,
            }.items() if value is not None
        }

    def is_sync(self):
        return False

    def run(self, context):
        try:
            execution = connection.connect(context.security).executions.create(sync=False, **self.fields)
        except faasclient.Error as error:
            return failure(error)
        look_later(context.execution.action_execution_id, execution['id'], FIRST_LOOK, 0)


def look_later(action_id: str, execution_id: str, delay: float, away: int) -> None:
    """Has look called after so many seconds, with the caller's token, in whatever process of Mistral there is then."""
    from mistral.scheduler import base

    base.get_system_scheduler().schedule(base.SchedulerJob(
        run_after=delay, func_name='faas_mistral.run.look', key='function.run-' + action_id,
        func_args={'action_id': action_id, 'execution_id': execution_id, 'delay': delay, 'away': away},
    ))


def look(action_id: str, execution_id: str, delay: float, away: int) -> None:
    """Completes the action if the execution has ended, and else looks again later.

    The scheduler forgets a job that raises: nothing may.
    """
    longer = min(delay * LONGER, LONGEST)
    try:
        client = connection.connect(current_security())
        if not wanted(action_id):
            cancel(client, execution_id)
            return
        execution = client.executions.get(execution_id)
    except Exception as error:
        if final(error) or away >= AWAY:
            complete(action_id, failure(error) if isinstance(error, faasclient.Error) else
                     actions.Result(error={'message': str(error)}))
        else:
            look_later(action_id, execution_id, LONGEST, away + 1)
        return
    if execution['status'] == 'running':
        look_later(action_id, execution_id, longer, 0)
    else:
        complete(action_id, outcome(execution))


def final(error: Exception) -> bool:
    """Reports whether to look again is of no use: the record is gone, or the token has ended."""
    return isinstance(error, (faasclient.NotFound, faasclient.Forbidden, faasclient.Invalid))


def outcome(execution: Dict[str, Any]) -> actions.Result:
    """Returns what the task has of an execution that has ended."""
    result = faasclient.result(execution)
    about = {
        'output': result.get('output'), 'duration': result.get('duration'),
        'execution_id': execution['id'], 'status': execution['status'],
    }
    if execution['status'] == 'success':
        return actions.Result(data=about)
    error = result.get('error') or {}
    message = error.get('message') or result.get('output') or f'the execution is {execution["status"]}'
    return actions.Result(error=dict(about, type=error.get('type'), message=message))


def wanted(action_id: str) -> bool:
    """Reports whether the workflow still waits for the action: its task may have timed out, or be cancelled."""
    from mistral.db.v2 import api
    from mistral.workflow import states

    with api.transaction(read_only=True):
        action = api.load_action_execution(action_id)
        if action is None or states.is_completed(action.state):
            return False
        task = action.task_execution
        return task is None or not (
            states.is_completed(task.state) or states.is_completed(task.workflow_execution.state))


def cancel(client: faasclient.Client, execution_id: str) -> None:
    """Ends an execution that nobody wants any more."""
    try:
        client.executions.cancel(execution_id)
    except (faasclient.NotFound, faasclient.Conflict):
        pass    # it has ended by itself


def complete(action_id: str, result: actions.Result) -> None:
    from mistral.rpc import clients

    clients.get_engine_client().on_action_complete(action_id, result, async_=True)


def current_security() -> types.SimpleNamespace:
    """Returns what connect needs of the context in which the scheduler runs a job: its maker's."""
    from mistral import context as contexts

    now = contexts.ctx()
    return types.SimpleNamespace(**{
        name: getattr(now, name)
        for name in ('auth_cacert', 'auth_token', 'auth_uri', 'insecure', 'region_name', 'service_catalog')
    })
