# Magnum, which makes clusters: its API and its conductor, with a driver of our own that has a real
# Kubernetes started on the cluster's own authority. There is no Nova and no Heat in that:
# machines.py on this machine is what they are elsewhere. Sourced.

magnum_data=$state/magnum
magnum_conf=$magnum_data/magnum.conf
magnum_url=http://$world_ip:$magnum_port
magnum_run=$run/magnum
magnum_parts=(magnum-api magnum-conductor machines)
magnum_template=kubernetes-mini

start_magnum() {
    install -d -o magnum -g magnum -m 700 "$magnum_data" "$magnum_data/policy.d" "$magnum_data/lock"
    install -d -o root -g magnum -m 750 "$magnum_run"
    magnum_driver
    magnum_configuration
    [[ -e $magnum_data/made ]] || make_magnum
    stop_if_changed machines "$mini/magnum/machines.py"
    run machines env XDG_CACHE_HOME="${cache%/*}" /usr/bin/python3 "$mini/magnum/machines.py" \
        "$magnum_run/machines.sock" "$mini/node" "$state/machines"
    run_in_world magnum-api magnum "$magnum_conf" uwsgi_python3 --ini "$magnum_data/uwsgi.ini"
    stop_if_changed magnum-conductor "$magnum_conf" "$magnum_data/driver/mini_magnum.py"
    run magnum-conductor ip netns exec "$world" setpriv --reuid=magnum --regid=magnum --init-groups \
        env PYTHONPATH="$magnum_data/driver" MINI_MACHINES="$magnum_run/machines.sock" \
        /usr/bin/magnum-conductor --config-file "$magnum_conf"
}

# The driver as an installed distribution: Magnum finds drivers by their entry points.
magnum_driver() {
    local about=$magnum_data/driver/mini_magnum-1.dist-info
    install -d "$magnum_data/driver" "$about"
    put "$magnum_data/driver/mini_magnum.py" <"$mini/magnum/mini_magnum.py"
    put "$about/METADATA" <<<$'Metadata-Version: 2.1\nName: mini-magnum\nVersion: 1'
    put "$about/entry_points.txt" <<<$'[magnum.drivers]\nmini = mini_magnum:Driver'
}

# magnum_drivers are those that come with Magnum. All of them need Heat.
magnum_drivers() {
    sed -n '/^\[magnum.drivers\]/,/^$/s/ = .*//p' /usr/lib/python3/dist-packages/magnum-*.egg-info/entry_points.txt |
        paste -sd ,
}

# No cluster gets a trust to the cloud. Statuses are looked at every ten seconds, in Magnum's code.
magnum_configuration() {
    (umask 077 && put "$magnum_conf" <<CONF
[DEFAULT]
transport_url = $(cloud_rabbitmq_url)
host = mini
use_stderr = true
[api]
api_paste_config = $magnum_data/api-paste.ini
[conductor]
workers = 1
[database]
connection = mysql+pymysql://magnum@localhost/magnum?unix_socket=$mariadb_socket&charset=utf8
[certificates]
cert_manager_type = x509keypair
[trust]
trustee_domain_name = magnum
trustee_domain_admin_name = magnum_domain_admin
trustee_domain_admin_domain_name = magnum
trustee_domain_admin_password = $(once_secret keystone-magnum_domain_admin)
trustee_keystone_interface = public
trustee_keystone_region_name = RegionOne
cluster_user_trust = false
[drivers]
disabled_drivers = $(magnum_drivers)
[oslo_policy]
policy_dirs = $magnum_data/policy.d
[oslo_concurrency]
lock_path = $magnum_data/lock
$(openstack_authtoken magnum | sed "s#^www_authenticate_uri.*#www_authenticate_uri = $keystone_url\nauth_version = v3#")
$(openstack_authtoken magnum | sed "s#^\[keystone_authtoken\]#[keystone_auth]#; s#^auth_url.*#auth_url = $keystone_url#
    /^memcached_servers/d; /^www_authenticate_uri/d; /^service_token/d")
$(printf '[%s_client]\nregion_name = RegionOne\nendpoint_type = publicURL\n' magnum glance heat nova neutron cinder)
CONF
    )
    chown magnum:magnum "$magnum_conf"
    # A filter of Paste's does not hear of --config-file.
    put "$magnum_data/api-paste.ini" < <(sed "s#^oslo_config_project = magnum#&\noslo_config_file = $magnum_conf#" \
        /etc/magnum/api-paste.ini)
    openstack_uwsgi "$magnum_data/uwsgi.ini" "$magnum_port" /usr/bin/magnum-api-wsgi \
        "pyargv = --config-file $magnum_conf" "env = PYTHONPATH=$magnum_data/driver" \
        "pythonpath = $magnum_data/driver" 'processes = 1' 'threads = 4'
}

make_magnum() {
    make_tables magnum as_in_world magnum magnum-db-manage --config-file "$magnum_conf" upgrade
    touch "$magnum_data/made"
}

# Anybody may see its versions.
ready_magnum() {
    wait_for machines test -S "$magnum_run/machines.sock"
    wait_for magnum-api curl -sf -o /dev/null --max-time 10 "$magnum_url/"
    wait_for magnum-conductor conductor_listens
    [[ -e $magnum_data/seeded ]] || seed_magnum
}

# What is sent to a conductor before it has ever listened is lost.
conductor_listens() { grep -q "Starting server in PID $(pid_of magnum-conductor)" "$logs/magnum-conductor.log"; }

# seed_magnum makes what every cluster is made from: an image that says which driver it is for, and
# a public template.
seed_magnum() {
    keystone_token admin admin |
        /usr/bin/python3 "$mini/magnum/seed.py" "$glance_url" "$magnum_url" "$magnum_template" \
            >>"$logs/magnum-seed.log" 2>&1 || fail "Magnum has no template; see $logs/magnum-seed.log"
    touch "$magnum_data/seeded"
}
