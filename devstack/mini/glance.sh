# Glance, which keeps images. Magnum asks it which driver a template's image is for. Sourced.

glance_data=$state/glance
glance_conf=$glance_data/glance-api.conf
glance_url=http://$world_ip:$glance_port

start_glance() {
    install -d -o glance -g glance -m 700 "$glance_data" "$glance_data"/{images,staging,tasks,policy.d}
    glance_configuration
    [[ -e $glance_data/made ]] || make_glance
    run_in_world glance glance "$glance_conf" uwsgi_python3 --ini "$glance_data/uwsgi.ini"
}

glance_configuration() {
    (umask 077 && put "$glance_conf" <<CONF
[DEFAULT]
enabled_backends = file:file
use_stderr = true
[database]
connection = mysql+pymysql://glance@localhost/glance?unix_socket=$mariadb_socket&charset=utf8
[glance_store]
default_backend = file
[file]
filesystem_store_datadir = $glance_data/images
[os_glance_staging_store]
filesystem_store_datadir = $glance_data/staging
[os_glance_tasks_store]
filesystem_store_datadir = $glance_data/tasks
[paste_deploy]
flavor = keystone
config_file = $glance_data/glance-api-paste.ini
[oslo_policy]
policy_dirs = $glance_data/policy.d
$(openstack_authtoken glance)
CONF
    )
    chown glance:glance "$glance_conf"
    # Its program wants that beside its configuration.
    put "$glance_data/glance-api-paste.ini" </etc/glance/glance-api-paste.ini
    openstack_uwsgi "$glance_data/uwsgi.ini" "$glance_port" /usr/bin/glance-wsgi-api \
        "env = OS_GLANCE_CONFIG_DIR=$glance_data" 'env = OS_GLANCE_CONFIG_FILES=glance-api.conf' \
        'processes = 1' 'threads = 4'
}

make_glance() {
    make_tables glance as_in_world glance glance-manage --config-file "$glance_conf" db_sync
    touch "$glance_data/made"
}

ready_glance() { wait_for glance curl -sf -o /dev/null --max-time 10 "$glance_url/healthcheck"; }
