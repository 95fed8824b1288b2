# Jobs belong to their project: its members make and change them, its readers see them.
package faas.rules

import data.faas.personas

allow contains "job:create" if personas.member

allow contains "job:update" if personas.member

allow contains "job:delete" if personas.member

allow contains "job:get" if personas.reader

allow contains "job:get" if personas.admin

allow contains "job:get_all" if personas.reader

allow contains "job:get_all" if personas.admin

# Lists of other projects' jobs.
allow contains "job:get_all:all_projects" if personas.admin
