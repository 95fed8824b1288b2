#!/bin/bash
# Sourced by kolla_start, after the configuration is in place and before the service. Whoever sets
# KOLLA_BOOTSTRAP, to whatever, wants the database brought up to date and nothing else.
if [[ -n ${KOLLA_BOOTSTRAP+set} ]]; then
    faas-manage --config-file /etc/faas/faas.conf db sync
    exit $?
fi
