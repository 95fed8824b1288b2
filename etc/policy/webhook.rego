# Webhooks belong to a project. Whoever has the URL of one can have its function run, so those who may run functions make
# webhooks and know the URLs, and readers do not.
package faas.rules

import data.faas.personas

allow contains "webhook:create" if personas.member

allow contains "webhook:update" if personas.member

allow contains "webhook:delete" if personas.member

# Gives a webhook another URL.
allow contains "webhook:rotate" if personas.member

allow contains "webhook:get" if personas.reader

allow contains "webhook:get" if personas.admin

allow contains "webhook:get_all" if personas.reader

allow contains "webhook:get_all" if personas.admin

# Lists of other projects' webhooks: all of them, or one project's.
allow contains "webhook:get_all:all_projects" if personas.admin

# Shows webhook_url, which is null to all others.
allow contains "webhook:get_url" if personas.member

# Asked when a webhook's URL is called, by nobody of Keystone's.
allow contains "webhook:invoke" if personas.webhook
