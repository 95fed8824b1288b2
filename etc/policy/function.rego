# Functions belong to a project: its members make them, its readers see them and their code.
package faas.rules

import data.faas.personas

allow contains "function:create" if personas.member

allow contains "function:update" if personas.member

allow contains "function:delete" if personas.member

allow contains "function:get" if personas.reader

allow contains "function:get" if personas.admin

allow contains "function:get_all" if personas.reader

allow contains "function:get_all" if personas.admin

# Workers are the operator's: how many a function has, and which they are.
allow contains "function:scale_up" if personas.admin

allow contains "function:scale_down" if personas.admin

allow contains "function:detach" if personas.admin

allow contains "function_worker:get_all" if personas.admin

# Lists of other projects' functions: all of them, or one project's.
allow contains "function:get_all:all_projects" if personas.admin
