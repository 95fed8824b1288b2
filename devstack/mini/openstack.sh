# What CLOUD=core adds: memcached, Keystone and Swift; and what CLOUD=all adds to that: Aodh, Zaqar,
# Glance, Magnum, Heat, Mistral and Horizon. They are in the world, a machine of their own as it
# were: services and functions reach them there as they would any cloud. Sourced.

. "$mini/memcached.sh"
. "$mini/keystone.sh"
. "$mini/swift.sh"
. "$mini/aodh.sh"
. "$mini/zaqar.sh"
. "$mini/glance.sh"
. "$mini/magnum.sh"
. "$mini/plugins.sh"
. "$mini/heat.sh"
. "$mini/mistral.sh"
. "$mini/horizon.sh"

core_parts=(memcached keystone swift-proxy swift-object swift-container swift-account)
all_services=(aodh zaqar glance magnum heat mistral horizon)    # each with start_… and ready_…
all_parts=("${aodh_parts[@]}" zaqar glance "${magnum_parts[@]}" "${heat_parts[@]}" "${mistral_parts[@]}" horizon)

start_core() {
    start_memcached
    cloud_rabbitmq_user
    start_swift
    start_keystone
}

ready_core() {
    ready_memcached
    ready_swift
    ready_keystone
}

# They have users in Keystone, which one that was made for core has not yet. The first time each
# makes a database, which takes a while: side by side.
start_all() {
    local service begun=()
    seed_keystone
    install_plugins
    for service in "${all_services[@]}"; do
        "start_$service" &
        begun+=($!)
    done
    for service in "${begun[@]}"; do
        wait "$service" || exit 1    # it has said why
    done
}

ready_all() {
    local service
    for service in "${all_services[@]}"; do "ready_$service"; done
}

stop_core() {
    local part
    for part in "${all_parts[@]}" "${core_parts[@]}"; do
        stop "$part" TERM 5 &
    done
    wait
}

# world_listens PORT tells whether something in it accepts connections at its loopback address.
world_listens() { ip netns exec "$world" bash -c "exec 3<>/dev/tcp/127.0.0.1/$1" 2>/dev/null; }

# run_in_world NAME USER FILE COMMAND… starts a part there as a user of its own, again if its
# configuration in FILE has changed.
run_in_world() {
    local name=$1 user=$2 file=$3
    shift 3
    stop_if_changed "$name" "$file"
    run "$name" ip netns exec "$world" setpriv --reuid="$user" --regid="$user" --init-groups "$@"
}

# as_in_world USER COMMAND… runs one there as a user.
as_in_world() {
    local user=$1
    shift
    ip netns exec "$world" setpriv --reuid="$user" --regid="$user" --init-groups "$@"
}

# openstack_database NAME makes an empty one for the user of this machine of that name, who comes by
# the socket: no password.
openstack_database() {
    mariadb_root <<SQL
DROP DATABASE IF EXISTS $1;    -- one that was interrupted half way
CREATE DATABASE $1 CHARACTER SET utf8mb3;
CREATE USER IF NOT EXISTS $1@localhost IDENTIFIED VIA unix_socket;
GRANT ALL ON $1.* TO $1@localhost;
SQL
}

# make_tables NAME COMMAND… makes a service's database and has the command make its tables, in which
# there is nothing secret yet. That takes a processor for 2 seconds and more, so they are kept for
# the next cloud, until the service's package changes, or the KEY of what else they depend on.
make_tables() {
    local name=$1 kept
    shift
    kept=$cache/tables-$name-$({ dpkg-query -W "python3-$name" mariadb-server && echo "$* ${KEY:-}"; } |
        sha256sum | cut -c 1-12).sql
    openstack_database "$name"
    if [[ -s $kept ]]; then
        mariadb_root "$name" <"$kept" || fail "$kept cannot be used: remove it, and the tables are made anew"
        return
    fi
    "$@" >>"$logs/$name-tables.log" 2>&1 || fail "the tables of $name could not be made; see $logs/$name-tables.log"
    keep "$cache/tables-$name" "$kept" mariadb-dump --no-defaults --user=root --socket="$mariadb_socket" "$name"
}

# keep FAMILY FILE COMMAND… keeps what a command prints as a file of the cache, in one step, and
# nothing else of its family.
keep() {
    local family=$1 file=$2 part
    shift 2
    mkdir -p "$cache"
    part=$(mktemp -p "$cache")    # several clouds may do so at once
    if ! "$@" >"$part"; then
        rm -f "$part"
        fail "$* failed"
    fi
    rm -f "$family"-*
    mv "$part" "$file"
}

# openstack_authtoken USER prints the section by which a service checks its callers' tokens.
openstack_authtoken() {
    cat <<CONF
[keystone_authtoken]
www_authenticate_uri = ${keystone_url%/v3}
auth_url = ${keystone_url%/v3}
memcached_servers = 127.0.0.1:$memcached_port
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = $1
password = $(once_secret "keystone-$1")
region_name = RegionOne
service_token_roles_required = true
CONF
}

# openstack_uwsgi FILE PORT WSGI LINE… writes how uwsgi serves an API, with some lines of its own. A
# connection is closed after each answer: with uwsgi's own HTTP a client that keeps it finds it cut
# now and then.
openstack_uwsgi() {
    local file=$1 port=$2 wsgi=$3
    shift 3
    put "$file" <<CONF
[uwsgi]
http-socket = $world_ip:$port
wsgi-file = $wsgi
$(printf '%s\n' "$@")
master = true
die-on-term = true
no-orphans = true
need-app = true
lazy-apps = true
enable-threads = true
buffer-size = 65535
tcp-nodelay = true
add-header = Connection: close
disable-logging = true
CONF
}

# What of OpenStack talks by RabbitMQ does so as a user of its own.
cloud_rabbitmq_user() {
    local done=$rabbitmq_data/cloud-user
    [[ ! -e $done ]] || return 0
    { rabbitmqctl_here add_user cloud < <(once_secret rabbitmq-cloud) || true; } >>"$logs/rabbitmq.log" 2>&1
    rabbitmqctl_here set_permissions cloud '.*' '.*' '.*' >>"$logs/rabbitmq.log" 2>&1 ||
        fail "RabbitMQ takes no user cloud; see $logs/rabbitmq.log"
    touch "$done"
}

# consumes NAME QUEUE tells whether something takes messages from a queue of the part NAME: how one
# that has no port is known to be ready. Asking RabbitMQ takes a second, so a process is asked about
# until it is, and no more. grep reads to the end: else the writer fails, and pipefail says no.
consumes() {
    [[ ! $pids/$1.ready -nt $pids/$1 ]] || return 0
    rabbitmqctl_here list_queues --no-table-headers name consumers | grep -P "^$2\t[1-9]" && touch "$pids/$1.ready"
}

cloud_rabbitmq_url() { echo "rabbit://cloud:$(once_secret rabbitmq-cloud)@$node_ip:$rabbitmq_port/"; }
