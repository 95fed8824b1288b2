"""What Heat asks of a folder of plugins: its types of resources."""

from faas_heat import alias
from faas_heat import function
from faas_heat import job
from faas_heat import runtime
from faas_heat import trigger
from faas_heat import version
from faas_heat import webhook


def resource_mapping():
    return {
        'OS::FunctionEngine::Runtime': runtime.Runtime,
        'OS::FunctionEngine::Function': function.Function,
        'OS::FunctionEngine::Version': version.Version,
        'OS::FunctionEngine::Alias': alias.Alias,
        'OS::FunctionEngine::Webhook': webhook.Webhook,
        'OS::FunctionEngine::Trigger': trigger.Trigger,
        'OS::FunctionEngine::Job': job.Job,
    }
