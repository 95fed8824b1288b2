# Aliases belong to a project: its members make and move them, its readers see them.
package faas.rules

import data.faas.personas

allow contains "function_alias:create" if personas.member

allow contains "function_alias:update" if personas.member

allow contains "function_alias:delete" if personas.member

allow contains "function_alias:get" if personas.reader

allow contains "function_alias:get" if personas.admin

allow contains "function_alias:get_all" if personas.reader

allow contains "function_alias:get_all" if personas.admin

# Lists of other projects' aliases: all of them, or one project's.
allow contains "function_alias:get_all:all_projects" if personas.admin
