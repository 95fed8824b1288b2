# Keystone, with users of a cloud that has just been set up, and one openrc file for each of them.
# Sourced.

keystone_data=$state/keystone
keystone_conf=$keystone_data/keystone.conf
keystone_url=http://$world_ip:$keystone_port/v3
keystone_users=(admin:admin demo:demo demo_reader:demo alt:alt faas:service swift:service
    aodh:service zaqar:service glance:service magnum:service heat:service mistral:service)    # each with its project
keystone_domain_admins=(magnum heat)    # the domains that a service makes users of its own in
openrc=$repository/.cloud/openrc

start_keystone() {
    install -d -o keystone -g keystone -m 700 "$keystone_data" "$keystone_data/fernet" "$keystone_data/credential"
    keystone_configuration
    [[ -e $keystone_data/made ]] || make_keystone
    run_in_world keystone keystone "$keystone_conf" uwsgi_python3 --ini "$keystone_data/uwsgi.ini"
}

# It comes to the database by the socket, as the user that it runs as: no password.
# CLOUD_TOKEN_LIFE is how long a token is valid, in seconds, for tests that wait for the end of one.
# It tells of what it does on RabbitMQ, and does not wait for that when RabbitMQ is away.
keystone_configuration() {
    (umask 077 && put "$keystone_conf" <<CONF
[DEFAULT]
public_endpoint = http://$world_ip:$keystone_port
transport_url = $(cloud_rabbitmq_url)
[oslo_messaging_notifications]
driver = messagingv2
topics = notifications
retry = 2
[database]
connection = mysql+pymysql://keystone@localhost/keystone?unix_socket=$mariadb_socket&charset=utf8
max_pool_size = 10
[token]
expiration = ${CLOUD_TOKEN_LIFE:-3600}
[fernet_tokens]
key_repository = $keystone_data/fernet
[fernet_receipts]
key_repository = $keystone_data/fernet
[credential]
key_repository = $keystone_data/credential
[identity]
password_hash_rounds = 4
max_password_length = 72
[cache]
enabled = true
backend = dogpile.cache.memcached
memcache_servers = 127.0.0.1:$memcached_port
CONF
    )
    chown keystone:keystone "$keystone_conf"
    openstack_uwsgi "$keystone_data/uwsgi.ini" $keystone_port /usr/bin/keystone-wsgi-public \
        "env = OS_KEYSTONE_CONFIG_FILES=$keystone_conf" 'processes = 2' 'threads = 4'
}

make_keystone() {
    make_tables keystone keystone_manage db_sync
    {
        keystone_manage fernet_setup --keystone-user keystone --keystone-group keystone &&
            keystone_manage credential_setup --keystone-user keystone --keystone-group keystone &&
            OS_BOOTSTRAP_PASSWORD=$(once_secret keystone-admin) keystone_manage bootstrap \
                --bootstrap-region-id RegionOne --bootstrap-public-url "$keystone_url" \
                --bootstrap-internal-url "$keystone_url" --bootstrap-admin-url "$keystone_url"
    } >>"$logs/keystone-manage.log" 2>&1 || fail "Keystone could not be set up; see $logs/keystone-manage.log"
    touch "$keystone_data/made"
}

keystone_manage() {
    ip netns exec "$world" setpriv --reuid=keystone --regid=keystone --init-groups keystone-manage \
        --config-file "$keystone_conf" "$@"
}

ready_keystone() {
    wait_for keystone curl -sf --max-time 10 "$keystone_url"
    [[ -s $keystone_data/seeded ]] || seed_keystone
    write_openrcs
}

# catalogue_endpoint prints where the world finds our API, and everybody else, too: not at a
# loopback address of this machine.
catalogue_endpoint() {
    # shellcheck disable=SC2154 # pods.sh says where the API is
    if [[ ${CLOUD_SERVICES:-} == pods ]]; then echo "$endpoint"; else echo "http://$world_gateway:7070"; fi
}

# seed_keystone makes users, projects and the catalogue with our API in it, unless the same has been
# made.
seed_keystone() {
    local key entry more=()
    [[ $cloud != all ]] || more=(
        "alarming=aodh=$aodh_url" "messaging=zaqar=$zaqar_url"
        "image=glance=$glance_url" "container-infra=magnum=$magnum_url/v1"
        "orchestration=heat=$heat_url/v1/%(project_id)s" "workflow=mistral=$mistral_url/v2")
    key=$(cat "$mini/keystone_seed.py" - <<<"$(catalogue_endpoint) $cloud" | sha256sum)
    [[ ! -s $keystone_data/seeded || $(<"$keystone_data/seeded") != "$key" ]] || return 0
    for entry in "${keystone_users[@]}"; do once_secret "keystone-${entry%:*}" >/dev/null; done
    for entry in "${keystone_domain_admins[@]}"; do once_secret "keystone-${entry}_domain_admin" >/dev/null; done
    /usr/bin/python3 "$mini/keystone_seed.py" "$keystone_url" "$state/secrets" "http://$world_ip:$swift_port" \
        "$(catalogue_endpoint)" "${more[@]}" >>"$logs/keystone-seed.log" 2>&1 ||
        fail "Keystone's users and catalogue could not be made; see $logs/keystone-seed.log"
    echo "$key" >"$keystone_data/seeded"
    say "keystone has its users and catalogue"
}

write_openrcs() {
    local entry
    mkdir -p "$repository/.cloud"
    for entry in "${keystone_users[@]}"; do
        [[ $entry == @(swift|aodh|zaqar|glance|magnum|heat|mistral):* ]] || write_openrc "${entry%:*}" "${entry#*:}"
    done
}

# write_openrc USER PROJECT
write_openrc() {
    (umask 077 && put "$openrc-$1" <<RC
unset \${!OS_*}
export OS_AUTH_TYPE=password OS_AUTH_URL=$keystone_url OS_IDENTITY_API_VERSION=3
export OS_REGION_NAME=RegionOne OS_INTERFACE=public
export OS_USERNAME=$1 OS_USER_DOMAIN_NAME=Default OS_PROJECT_NAME=$2 OS_PROJECT_DOMAIN_NAME=Default
export OS_PASSWORD=$(once_secret "keystone-$1")
RC
    )
}

# keystone_token USER PROJECT prints a token of theirs. The password is in no argument.
keystone_token() {
    curl -sf --max-time 60 -o /dev/null -D - -H 'Content-Type: application/json' -d @- "$keystone_url/auth/tokens" < <(
        printf '{"auth": {"identity": {"methods": ["password"], "password": {"user": {'
        printf '"name": "%s", "domain": {"id": "default"}, "password": "%s"}}},' "$1" "$(once_secret "keystone-$1")"
        printf ' "scope": {"project": {"name": "%s", "domain": {"id": "default"}}}}}' "$2"
    ) | tr -d '\r' | awk 'tolower($1) == "x-subject-token:" {print $2}'
}
