# How often functions are called, how that goes and how long it takes.
package faas.rules

import data.faas.personas

allow contains "statistics:get" if personas.reader

allow contains "statistics:get" if personas.admin

# Those of other projects, and of all together.
allow contains "statistics:get:all_projects" if personas.admin
