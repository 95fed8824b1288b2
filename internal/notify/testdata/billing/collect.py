"""CloudKitty's collector of Gnocchi, with the metrics that are delivered.

collect.py CONF PROJECT BEGIN EXECUTIONS GB_SECONDS prints what it collects of the hour that begins at BEGIN (seconds
since 1970), once that is so many executions and GB-seconds in all, or when there was time enough.
"""
import datetime
import json
import sys
import time

from cloudkitty import collector
from cloudkitty import service
from oslo_config import cfg
import yaml

conf, project, begin, *wanted = sys.argv[1:]
service.prepare_service(['collect', '--config-file', conf])
with open(cfg.CONF.collect.metrics_conf) as file:
    valid = collector.validate_conf(yaml.safe_load(file))
begin = datetime.datetime.fromtimestamp(int(begin), datetime.timezone.utc)
end = begin + datetime.timedelta(seconds=cfg.CONF.collect.period)
collects = collector.get_collector()


def points():
    for metric in valid:
        try:
            name, found = collects.retrieve(metric, begin, end, project)
        except collector.NoDataCollected:
            continue
        for point in found:
            yield {'metric': name, 'unit': point.unit, 'quantity': float(point.qty), 'group': dict(point.groupby)}


def sums(found):
    return [sum(point['quantity'] for point in found if point['metric'] == metric)
            for metric in ('function.executions', 'function.gb_seconds')]


for _ in range(1000):
    collected = list(points())
    if sums(collected) == [float(number) for number in wanted]:
        break
    time.sleep(0.1)  # between two looks: Gnocchi tells nobody when it has worked off what came
print(json.dumps(collected))
