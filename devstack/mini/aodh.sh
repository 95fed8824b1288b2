# Aodh, which alarms: its API, and what evaluates, notifies and listens. It hears of events by its
# own exchange on the one RabbitMQ. Sourced.

aodh_data=$state/aodh
aodh_conf=$aodh_data/aodh.conf
aodh_url=http://$world_ip:$aodh_port
aodh_parts=(aodh-api aodh-evaluator aodh-notifier aodh-listener)

start_aodh() {
    install -d -o aodh -g aodh -m 700 "$aodh_data"
    aodh_configuration
    [[ -e $aodh_data/made ]] || make_aodh
    run_in_world aodh-api aodh "$aodh_conf" uwsgi_python3 --ini "$aodh_data/uwsgi.ini"
    local part
    for part in evaluator notifier listener; do
        run_in_world "aodh-$part" aodh "$aodh_conf" "/usr/bin/aodh-$part" --config-file "$aodh_conf"
    done
}

# Alarms are looked up anew for each event: a test need not wait for one that it has just made.
aodh_configuration() {
    (umask 077 && put "$aodh_conf" <<CONF
[DEFAULT]
transport_url = $(cloud_rabbitmq_url)
evaluation_interval = 5
event_alarm_cache_ttl = 0
use_stderr = true
[api]
paste_config = $aodh_data/api-paste.ini
auth_mode = keystone
[database]
connection = mysql+pymysql://aodh@localhost/aodh?unix_socket=$mariadb_socket&charset=utf8
[evaluator]
workers = 1
evaluation_interval = 5
[notifier]
workers = 1
[listener]
workers = 1
event_alarm_topic = alarm.all
[oslo_policy]
policy_dirs = $aodh_data/policy.d
$(openstack_authtoken aodh)
[service_credentials]
auth_type = password
auth_url = $keystone_url
project_domain_name = Default
user_domain_name = Default
project_name = service
username = aodh
password = $(once_secret keystone-aodh)
region_name = RegionOne
interface = public
CONF
    )
    chown aodh:aodh "$aodh_conf"
    install -d -o aodh -g aodh "$aodh_data/policy.d"
    # A filter of Paste's does not hear of --config-file.
    put "$aodh_data/api-paste.ini" < <(sed "s#^oslo_config_project = aodh#&\noslo_config_file = $aodh_conf#" \
        /usr/lib/python3/dist-packages/aodh/api/api-paste.ini)
    openstack_uwsgi "$aodh_data/uwsgi.ini" "$aodh_port" /usr/bin/aodh-api \
        "pyargv = --config-file $aodh_conf" 'processes = 1' 'threads = 8'
}

make_aodh() {
    make_tables aodh as_in_world aodh aodh-dbsync --config-file "$aodh_conf"
    touch "$aodh_data/made"
}

# Its healthcheck is not in the pipeline: it shows its versions to anybody.
ready_aodh() { wait_for aodh-api curl -sf -o /dev/null --max-time 10 "$aodh_url/"; }
