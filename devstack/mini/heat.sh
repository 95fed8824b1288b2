# Heat, which makes what a template says: its API and its engine, with the resources that
# contrib/heat adds. Sourced.

heat_data=$state/heat
heat_conf=$heat_data/heat.conf
heat_url=http://$world_ip:$heat_port
heat_parts=(heat-api heat-engine)

start_heat() {
    install -d -o heat -g heat -m 700 "$heat_data" "$heat_data/policy.d"
    heat_configuration
    [[ -e $heat_data/made ]] || make_heat
    run_in_world heat-api heat "$heat_conf" uwsgi_python3 --ini "$heat_data/uwsgi.ini"
    run_in_world heat-engine heat "$heat_conf" env PYTHONPATH="$plugins" /usr/bin/heat-engine \
        --config-file "$heat_conf"
}

# What a stack does later, it does by a trust of its owner. The domain is where it keeps the users
# that it makes for resources.
heat_configuration() {
    (umask 077 && put "$heat_conf" <<CONF
# Started again when these change: $(plugins_key client heat)
[DEFAULT]
transport_url = $(cloud_rabbitmq_url)
use_stderr = true
num_engine_workers = 1
plugin_dirs = $plugins/faas_heat,/usr/lib64/heat,/usr/lib/heat
environment_dir = $heat_data/environment.d
auth_encryption_key = $(once_secret heat-encryption)
deferred_auth_method = trusts
region_name_for_services = RegionOne
heat_metadata_server_url = $heat_url
stack_user_domain_name = heat
stack_domain_admin = heat_domain_admin
stack_domain_admin_password = $(once_secret keystone-heat_domain_admin)
[paste_deploy]
api_paste_config = $heat_data/api-paste.ini
[database]
connection = mysql+pymysql://heat@localhost/heat?unix_socket=$mariadb_socket&charset=utf8
[clients]
endpoint_type = publicURL
[clients_keystone]
auth_uri = $keystone_url
[oslo_policy]
policy_dirs = $heat_data/policy.d
$(openstack_authtoken heat)
[trustee]
auth_type = password
auth_url = ${keystone_url%/v3}
username = heat
password = $(once_secret keystone-heat)
user_domain_name = Default
CONF
    )
    chown heat:heat "$heat_conf"
    # A filter of Paste's does not hear of --config-file.
    put "$heat_data/api-paste.ini" < <(sed "s#^oslo_config_project = heat#&\noslo_config_file = $heat_conf#" \
        /etc/heat/api-paste.ini)
    openstack_uwsgi "$heat_data/uwsgi.ini" "$heat_port" /usr/bin/heat-wsgi-api \
        "pyargv = --config-file $heat_conf" 'processes = 1' 'threads = 8'
}

make_heat() {
    make_tables heat as_in_world heat heat-manage --config-file "$heat_conf" db_sync
    touch "$heat_data/made"
}

# Anybody may ask for its versions; the answer is 300 Multiple Choices. The engine has no port: it
# answers by RabbitMQ, once it has taken up its queues.
ready_heat() {
    wait_for heat-api curl -sf -o /dev/null --max-time 10 "$heat_url/"
    wait_for heat-engine consumes heat-engine engine
}
