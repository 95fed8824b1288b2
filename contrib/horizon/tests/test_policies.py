import unittest

from oslo_config import cfg
from oslo_policy import opts
from oslo_policy import policy
import yaml

from tests import policies


class PoliciesTest(unittest.TestCase):

    def test_are_those_of_the_service(self):
        self.assertEqual(policies.made(), policies.POLICIES.read_text(),
                         'run python3 -m tests.policies in contrib/horizon')

    def test_mean_what_the_table_says(self):
        conf = cfg.ConfigOpts()
        conf([])
        opts.set_defaults(conf, policy_file=str(policies.POLICIES.with_name('policy.yaml')))
        enforcer = policy.Enforcer(conf)
        for rule in yaml.safe_load(policies.POLICIES.read_text()):
            enforcer.register_default(policy.RuleDefault(rule['name'], rule['check_str']))
        enforcer.load_rules()
        for name, _about, who in policies.rules():
            for role in policies.ROLES:
                roles = policies.ROLES[:policies.ROLES.index(role) + 1]
                for project, column in (('own', role), ('other', 'another' if role == 'admin' else None)):
                    may = enforcer.enforce(name, {'project_id': project}, {'roles': roles, 'project_id': 'own'})
                    self.assertEqual(column in who, may, f'{name} for {role} in the project {project}')


if __name__ == '__main__':
    unittest.main()
