# Versions belong to their function's project: its members freeze and delete them, its readers see them and their code.
package faas.rules

import data.faas.personas

allow contains "function_version:create" if personas.member

allow contains "function_version:delete" if personas.member

allow contains "function_version:get" if personas.reader

allow contains "function_version:get" if personas.admin

allow contains "function_version:get_all" if personas.reader

allow contains "function_version:get_all" if personas.admin

# Workers are the operator's.
allow contains "function_version:scale_up" if personas.admin

allow contains "function_version:scale_down" if personas.admin

allow contains "function_version:detach" if personas.admin

# Lists of other projects' versions.
allow contains "function_version:get_all:all_projects" if personas.admin
