# Mistral, which runs workflows: its API, its engine and its executor, with the actions that
# contrib/mistral adds to the latter two. Sourced.

mistral_data=$state/mistral
mistral_conf=$mistral_data/mistral.conf
mistral_url=http://$world_ip:$mistral_port
mistral_parts=(mistral-api mistral-engine mistral-executor)

start_mistral() {
    install -d -o mistral -g mistral -m 700 "$mistral_data" "$mistral_data/policy.d"
    mistral_configuration
    [[ -e $mistral_data/made ]] || make_mistral
    local part
    for part in api engine executor; do
        run_in_world "mistral-$part" mistral "$mistral_conf" env PYTHONPATH="$plugins" /usr/bin/mistral-server \
            --config-file "$mistral_conf" --server $part
    done
}

# mistral-server itself serves the API: its WSGI program reads /etc/mistral and nothing else.
mistral_configuration() {
    (umask 077 && put "$mistral_conf" <<CONF
# Started again when these change: $(plugins_key client mistral)
[DEFAULT]
transport_url = $(cloud_rabbitmq_url)
use_stderr = true
auth_type = keystone
scheduler_type = default
[api]
host = $world_ip
port = $mistral_port
api_workers = 1
[database]
connection = mysql+pymysql://mistral@localhost/mistral?unix_socket=$mariadb_socket&charset=utf8
max_pool_size = 10
[pecan]
auth_enable = true
[oslo_policy]
policy_dirs = $mistral_data/policy.d
$(openstack_authtoken mistral)
[keystone]
auth_url = $keystone_url
CONF
    )
    chown mistral:mistral "$mistral_conf"
}

make_mistral() {
    KEY=$(plugins_key client mistral) make_tables mistral mistral_tables
    touch "$mistral_data/made"
}

mistral_tables() { mistral_manage upgrade head && mistral_manage populate; }

mistral_manage() {
    as_in_world mistral env PYTHONPATH="$plugins" mistral-db-manage --config-file "$mistral_conf" "$@"
}

ready_mistral() {
    wait_for mistral-api curl -sf -o /dev/null --max-time 10 "$mistral_url/"
    wait_for mistral-engine consumes mistral-engine mistral_engine
    wait_for mistral-executor consumes mistral-executor mistral_executor
}
