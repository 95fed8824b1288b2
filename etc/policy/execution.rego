# Executions belong to the project of their function. Running a function changes things, so a reader may not.
package faas.rules

import data.faas.personas

allow contains "execution:create" if personas.member

allow contains "execution:delete" if personas.member

# Ends one that is queued or runs.
allow contains "execution:cancel" if personas.member

# Deletes the records of all executions of a function that have ended.
allow contains "execution:purge" if personas.member

allow contains "execution:get" if personas.reader

allow contains "execution:get" if personas.admin

allow contains "execution:get_log" if personas.reader

allow contains "execution:get_log" if personas.admin

# What happened to an execution, and when.
allow contains "execution:get_events" if personas.reader

allow contains "execution:get_events" if personas.admin

# Beside each event, which process of the service says so.
allow contains "execution:get_events:process" if personas.admin

allow contains "execution:get_all" if personas.reader

allow contains "execution:get_all" if personas.admin

# Lists of other projects' executions: all of them, or one project's.
allow contains "execution:get_all:all_projects" if personas.admin
