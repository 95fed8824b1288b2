# Runtimes are made by administrators and seen by every project that may use them.
package faas.rules

import data.faas.personas

allow contains "runtime:create" if personas.admin

allow contains "runtime:update" if personas.admin

allow contains "runtime:delete" if personas.admin

allow contains "runtime:get" if personas.reader

allow contains "runtime:get" if personas.admin

allow contains "runtime:get_all" if personas.reader

allow contains "runtime:get_all" if personas.admin

# Lists of other projects' private runtimes: all of them, or one project's.
allow contains "runtime:get_all:all_projects" if personas.admin

# How full a pool is tells of other projects' use.
allow contains "runtime_pool:get_all" if personas.admin
