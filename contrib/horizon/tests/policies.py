"""Makes conf/default_policies.yaml of docs/admin/policy-rules.md: python3 -m tests.policies, in contrib/horizon."""
import pathlib
import re
import typing

HERE = pathlib.Path(__file__).resolve().parent.parent
POLICIES = HERE / 'faas_dashboard' / 'conf' / 'default_policies.yaml'
RULES = HERE.parent.parent / 'docs' / 'admin' / 'policy-rules.md'
HEAD = '# Made of docs/admin/policy-rules.md by python3 -m tests.policies: who is shown which button.'
ROLES = ['reader', 'member', 'manager', 'admin']
COLUMNS = [*ROLES, 'another', 'system', 'service']


def rules() -> typing.Iterator[typing.Tuple[str, str, set]]:
    """Each rule, what it is about, and the columns of the table that have yes."""
    for line in RULES.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        name = re.fullmatch(r'`([a-z_]+:[a-z_:]+)`', cells[0])
        if name:
            yield name.group(1), cells[1].replace('`', ''), {
                column for column, cell in zip(COLUMNS, cells[2:]) if cell == 'yes'}


def check(who: set) -> str:
    """The rule as oslo.policy writes it. A role includes those that Keystone implies by default."""
    parts = ['role:admin'] if 'another' in who else []
    least = next((role for role in ROLES if role in who), None)
    if least and not (parts and least == 'admin'):
        names = ' or '.join(f'role:{role}' for role in ROLES[ROLES.index(least):])
        parts.append(f'(({names}) and project_id:%(project_id)s)')
    return ' or '.join(parts) or '!'


def made() -> str:
    lines = [HEAD]
    for name, about, who in rules():
        lines += [f'- name: {name}', f'  check_str: "{check(who)}"', f'  description: "{about}"', '  scope_types: null']
    return '\n'.join(lines) + '\n'


if __name__ == '__main__':
    POLICIES.write_text(made())
