"""What is done with dead letters: events of which every execution failed."""
from django.utils.translation import gettext as _

from faas_dashboard import pages
from faas_dashboard.content.triggers.views import detail
from faas_dashboard.content.triggers.views import OfTrigger


class Replay(OfTrigger, pages.ActionView):
    """Has one executed again, or the oldest hundred."""

    rule = 'trigger:replay'

    def act(self, client, id, letter=None):
        answer = client.triggers.replay(id, [letter] if letter else None)
        said = _('Executed again: %s.') % len(answer['executions'])
        if answer.get('more'):
            said += ' ' + _('There are more.')
        pages.say(pages.messages.success, self.request, said)
        return detail(id)


class Forget(OfTrigger, pages.ActionView):
    rule = 'trigger:delete_dead_letter'
    done = _('The dead letter is forgotten.')

    def act(self, client, id, letter):
        client.triggers.delete_dead_letter(id, letter)
        return detail(id)
