# Quotas are the administrator's to set. Everyone in a project may know its own.
package faas.rules

import data.faas.personas

allow contains "quota:get" if personas.reader

allow contains "quota:get" if personas.admin

allow contains "quota:update" if personas.admin

allow contains "quota:delete" if personas.admin

# What a project may have, and what it has.
allow contains "limits:get" if personas.reader

allow contains "limits:get" if personas.admin
