"""What logs --follow gives, and when, of a list that grows as no real one can be made to."""

import itertools
import unittest
from unittest import mock

from faas_openstackclient import executions


class Service:
    """Has executions, of which each look sees more; a look is a list of (second, id, status)."""

    def __init__(self, *looks):
        self.executions = self
        self.looks = iter(looks)
        self.asked = []

    def list(self, created_at='gte:2026-01-01T00:00:00', sort_dirs='asc', **filters):
        if sort_dirs == 'asc':
            self.asked.append(created_at)
        look = next(self.looks)
        since = created_at.partition(':')[2]
        found = [{'created_at': f'2026-01-01 00:{second // 60:02}:{second % 60:02}.000000', 'id': id, 'status': status}
                 for second, id, status in look]
        found = [one for one in found if one['created_at'].replace(' ', 'T') >= since]
        return iter(found if sort_dirs == 'asc' else reversed(found))


def followed(service, number, **filters):
    with mock.patch('time.sleep'):
        return [record['id'] for record in itertools.islice(executions.Followed(service, filters, 1), number)]


class Followed(unittest.TestCase):
    def test_each_is_given_once_when_it_has_ended(self):
        before = [(60, 'old', 'success'), (61, 'slow', 'running')]
        service = Service(
            before, before, before,
            [*before, (62, 'quick', 'success')],
            [(60, 'old', 'success'), (61, 'slow', 'failed'), (62, 'quick', 'success')],
            [(61, 'slow', 'failed'), (62, 'quick', 'success'), (63, 'last', 'error')],
        )
        self.assertEqual(followed(service, 3), ['quick', 'slow', 'last'])

    def test_one_that_is_recorded_late_is_not_missed(self):
        first = [(60, 'a', 'success')]
        service = Service(first, first, first, [(55, 'late', 'success'), *first])
        self.assertEqual(followed(service, 1), ['late'])

    def test_looks_begin_before_what_still_runs(self):
        slow = (60, 'slow', 'running')
        b = (300, 'b', 'success')
        service = Service([slow], [slow], [slow, b], [slow, b, (301, 'c', 'failed')],
                          [(60, 'slow', 'success'), (301, 'c', 'failed')])
        self.assertEqual(followed(service, 3), ['b', 'c', 'slow'])
        self.assertEqual(set(service.asked), {'gte:2026-01-01T00:00:50'})

    def test_a_time_and_a_status(self):
        service = Service([(60, 'a', 'failed'), (61, 'b', 'success'), (62, 'c', 'failed')])
        self.assertEqual(followed(service, 2, created_at='gte:2026-01-01T00:00:30', status='failed'), ['a', 'c'])

    def test_nothing_yet(self):
        service = Service([], [], [], [(60, 'first', 'success')])
        self.assertEqual(followed(service, 1), ['first'])
