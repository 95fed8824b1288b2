# Horizon, the dashboard, as Debian has it, with the panels that contrib/horizon adds. Sourced.

horizon_data=$state/horizon
horizon_conf=$horizon_data/etc
horizon_netns_conf=/etc/netns/$world/openstack-dashboard
horizon_url=http://$world_ip:$horizon_port

# Debian's Horizon reads /etc/openstack-dashboard; in the world that is our own folder, by what `ip
# netns exec` does with /etc/netns. This machine's own is not touched.
start_horizon() {
    install -d -o horizon -g horizon -m 700 "$horizon_data"
    install -d "$horizon_conf/local_settings.d" "$horizon_conf/enabled" "${horizon_netns_conf%/*}"
    ln -sfn "$horizon_conf" "$horizon_netns_conf"
    cp -r /etc/openstack-dashboard/policy "$horizon_conf/"
    # Debian's secret key is that of a Horizon of this machine; horizon_settings has another.
    put "$horizon_conf/local_settings.py" < <(
        sed 's/secret_key.generate_or_read_from_file(/str(/' /etc/openstack-dashboard/local_settings.py)
    cp /etc/openstack-dashboard/local_settings.d/*.py "$horizon_conf/local_settings.d/"
    horizon_panels
    horizon_settings
    horizon_statics
    openstack_uwsgi "$horizon_data/uwsgi.ini" "$horizon_port" /usr/share/openstack-dashboard/wsgi.py \
        'processes = 2' 'threads = 4' "pythonpath = $plugins" "static-map = /static=$horizon_data/static"
    run_in_world horizon horizon "$horizon_conf/local_settings.d/_9999_mini.py" uwsgi_python3 \
        --ini "$horizon_data/uwsgi.ini"
}

# horizon_panels copies what the distributions say of their panels to where a deployer would put it.
horizon_panels() {
    local file
    rm -f "$horizon_conf"/enabled/*
    for file in "$plugins"/*/enabled/_[0-9]*.py; do
        [[ ! -e $file ]] || cp "$file" "$horizon_conf/enabled/"
    done
}

# horizon_statics collects the files for browsers and compresses them, Debian's and the panels', as
# a deployer has to: offline compression is what Debian's Horizon is set to. They are kept as they
# are, too: making them takes a processor for 14 seconds.
horizon_statics() {
    local key kept
    key=$({
        dpkg-query -W openstack-dashboard
        cat "$mini/horizon.sh" "$horizon_conf"/local_settings.d/_000*.py "$horizon_conf"/enabled/*.py
        plugins_key client horizon
    } 2>/dev/null | sha256sum | cut -c 1-16)
    [[ ! -s $horizon_data/static.key || $(<"$horizon_data/static.key") != "$key" ]] || return 0
    kept=$cache/horizon-$key.tar
    if [[ ! -s $kept ]]; then
        { horizon_manage collectstatic --noinput --clear && horizon_manage compress --force; } \
            >"$logs/horizon-static.log" 2>&1 ||
            fail "Horizon's static files cannot be made; see $logs/horizon-static.log"
        keep "$cache/horizon" "$kept" tar -C "$horizon_data" -c static
    else
        rm -rf "$horizon_data/static"
        tar -C "$horizon_data" -xf "$kept"
    fi
    echo "$key" >"$horizon_data/static.key"
}

horizon_manage() {
    as_in_world horizon env --chdir="$horizon_data" PYTHONPATH="$plugins" PYTHONWARNINGS=ignore \
        /usr/bin/python3 /usr/share/openstack-dashboard/manage.py "$@"
}

# Debian does not look into /etc/openstack-dashboard/enabled: its package's own folder, to which one
# is told to link, is not ours to write to. Settings are executed in Horizon's own module, in which
# the name enabled is that of its dashboards. The browser's cookie has a session's name alone.
horizon_settings() {
    (umask 027 && put "$horizon_conf/local_settings.d/_9999_mini.py" <<SETTINGS
# Started again when these change: $(plugins_key client horizon)
from openstack_dashboard.local import enabled as panels
panels.__path__ = ['/etc/openstack-dashboard/enabled']
STATIC_ROOT = '$horizon_data/static'
ALLOWED_HOSTS = ['*']
SECRET_KEY = '$(once_secret horizon)'
OPENSTACK_HOST = '$world_ip'
OPENSTACK_KEYSTONE_URL = '$keystone_url'
OPENSTACK_KEYSTONE_DEFAULT_ROLE = 'member'
OPENSTACK_API_VERSIONS = {'identity': 3}
OPENSTACK_ENDPOINT_TYPE = 'publicURL'
SESSION_ENGINE = 'django.contrib.sessions.backends.cache'
CACHES = {'default': {
    'BACKEND': 'django.core.cache.backends.memcached.PyMemcacheCache',
    'LOCATION': '127.0.0.1:$memcached_port',
}}
SETTINGS
    )
    chown root:horizon "$horizon_conf/local_settings.d/_9999_mini.py"
}

ready_horizon() { wait_for horizon curl -sf -o /dev/null --max-time 60 "$horizon_url/auth/login/"; }

remove_horizon_configuration() {
    rm -f "$horizon_netns_conf"
    rmdir "${horizon_netns_conf%/*}" "${horizon_netns_conf%/*/*}" 2>/dev/null || true
}
