# Zaqar, which queues messages: in Swift, with queues and subscriptions in the database. A
# subscriber confirms before it gets anything. Sourced.

zaqar_data=$state/zaqar
zaqar_conf=$zaqar_data/zaqar.conf
zaqar_url=http://$world_ip:$zaqar_port

start_zaqar() {
    install -d -o zaqar -g zaqar -m 700 "$zaqar_data"
    zaqar_configuration
    [[ -e $zaqar_data/made ]] || make_zaqar
    run_in_world zaqar zaqar "$zaqar_conf" uwsgi_python3 --ini "$zaqar_data/uwsgi.ini"
}

zaqar_configuration() {
    (umask 077 && put "$zaqar_conf" <<CONF
[DEFAULT]
auth_strategy = keystone
admin_mode = true
pooling = false
unreliable = true
use_stderr = true
[drivers]
transport = wsgi
message_store = swift
management_store = sqlalchemy
[drivers:management_store:sqlalchemy]
uri = mysql+pymysql://zaqar@localhost/zaqar?unix_socket=$mariadb_socket&charset=utf8
[drivers:message_store:swift]
auth_url = $keystone_url/
uri = swift://zaqar:$(once_secret keystone-zaqar)@/service
project_domain_name = Default
user_domain_name = Default
region_name = RegionOne
[notification]
require_confirmation = true
[signed_url]
secret_key = $(once_secret zaqar-signing)
[storage]
queue_pipeline = zaqar.notification.notifier
message_pipeline = zaqar.notification.notifier
topic_pipeline = zaqar.notification.notifier
[transport]
default_message_ttl = 3600
[oslo_policy]
policy_dirs = $zaqar_data/policy.d
$(openstack_authtoken zaqar)
[trustee]
auth_type = password
auth_url = $keystone_url
username = zaqar
password = $(once_secret keystone-zaqar)
user_domain_name = Default
CONF
    )
    chown zaqar:zaqar "$zaqar_conf"
    install -d -o zaqar -g zaqar "$zaqar_data/policy.d"
    # Before its security update Zaqar passes over its arguments, and looks in its home instead.
    openstack_uwsgi "$zaqar_data/uwsgi.ini" "$zaqar_port" \
        /usr/lib/python3/dist-packages/zaqar/transport/wsgi/app.py \
        "env = HOME=$zaqar_data" "pyargv = --config-file $zaqar_conf" 'processes = 1' 'threads = 8'
}

make_zaqar() {
    make_tables zaqar as_in_world zaqar zaqar-sql-db-manage --config-file "$zaqar_conf" upgrade head
    touch "$zaqar_data/made"
}

# Anybody may ask for its versions; the answer is 300 Multiple Choices.
ready_zaqar() { wait_for zaqar curl -s -o /dev/null --fail --max-time 10 "$zaqar_url/"; }
