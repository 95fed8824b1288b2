# Triggers belong to a project. Whoever makes one delegates roles to it, and whoever has the URL of one can have its
# function run: those who may run functions make triggers and know the URLs, and readers do not.
package faas.rules

import data.faas.personas

allow contains "trigger:create" if personas.member

allow contains "trigger:update" if personas.member

allow contains "trigger:delete" if personas.member

# Gives a trigger another URL.
allow contains "trigger:rotate" if personas.member

allow contains "trigger:get" if personas.reader

allow contains "trigger:get" if personas.admin

# Has the events of dead letters executed again.
allow contains "trigger:replay" if personas.member

allow contains "trigger:delete_dead_letter" if personas.member

# Dead letters have the events whole, as executions have their inputs.
allow contains "trigger:get_dead_letters" if personas.reader

allow contains "trigger:get_dead_letters" if personas.admin

allow contains "trigger:get_all" if personas.reader

allow contains "trigger:get_all" if personas.admin

# Lists of other projects' triggers: all of them, or one project's.
allow contains "trigger:get_all:all_projects" if personas.admin

# Shows the URL, which is null to all others.
allow contains "trigger:get_url" if personas.member

# Asked when a trigger's URL is called, by nobody of Keystone's.
allow contains "trigger:notify" if personas.webhook
