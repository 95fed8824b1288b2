# Swift: one of each of its servers, one copy of everything. Tenants' projects are its accounts.
# Sourced.

swift_data=$state/swift
swift_conf=$swift_data/etc
swift_netns_conf=/etc/netns/$world/swift

start_swift() {
    install -d -o swift -g swift -m 700 "$swift_data" "$swift_conf" "$swift_data/devices" "$swift_data/devices/sdb1" \
        "$swift_data/cache"
    swift_configuration
    start_swift_server object $swift_object_port
    start_swift_server container $swift_container_port
    start_swift_server account $swift_account_port
    swift_proxy_configuration
    run_in_world swift-proxy swift "$swift_conf/proxy-server.conf" env PYTHONPATH="$swift_data/python" \
        swift-proxy-server "$swift_conf/proxy-server.conf" --verbose
}

# Swift looks for its name of this cluster in /etc/swift and nowhere else; in the world that is
# our own folder, by what `ip netns exec` does with /etc/netns. This machine's own is not touched.
swift_configuration() {
    mkdir -p "${swift_netns_conf%/*}"
    ln -sfn "$swift_conf" "$swift_netns_conf"
    put_for_swift swift.conf <<CONF
[swift-hash]
swift_hash_path_prefix = $(once_secret swift-hash-prefix)
swift_hash_path_suffix = $(once_secret swift-hash-suffix)
[storage-policy:0]
name = Policy-0
default = yes
CONF
}

# put_for_swift FILE writes one that only Swift reads.
put_for_swift() {
    (umask 077 && put "$swift_conf/$1")
    chown swift:swift "$swift_conf/$1"
}

# start_swift_server KIND PORT. There is no updater: an object that its container is not told of in
# time would never be listed, so that time is long.
start_swift_server() {
    local kind=$1 port=$2
    [[ -e $swift_conf/$kind.ring.gz ]] || make_swift_ring "$kind" "$port"
    put_for_swift "$kind-server.conf" <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $port
workers = 0
user = swift
swift_dir = $swift_conf
devices = $swift_data/devices
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
log_name = swift-$kind
log_level = WARNING
conn_timeout = 20
node_timeout = 60
container_update_timeout = 60
[pipeline:main]
pipeline = healthcheck $kind-server
[app:$kind-server]
use = egg:swift#$kind
[filter:healthcheck]
use = egg:swift#healthcheck
CONF
    run_in_world "swift-$kind" swift "$swift_conf/$kind-server.conf" "swift-$kind-server" \
        "$swift_conf/$kind-server.conf" --verbose
}

# make_swift_ring KIND PORT: one device, one copy.
make_swift_ring() {
    local builder=$swift_conf/$1.builder
    rm -f "$builder"
    {
        swift-ring-builder "$builder" create 6 1 1 && swift-ring-builder "$builder" add "r1z1-127.0.0.1:$2/sdb1" 1 &&
            swift-ring-builder "$builder" rebalance && chown swift:swift "$swift_conf/$1".*
    } >>"$logs/swift-rings.log" 2>&1 || fail "Swift's rings could not be made; see $logs/swift-rings.log"
}

# A reader reads and a member writes what is of their project. RabbitMQ is told of each request, by
# a thread that no request waits for.
swift_proxy_configuration() {
    install -D -m 644 -t "$swift_data/python" "$repository/contrib/swift/faas_swift_notifications.py"
    put_for_swift proxy-server.conf <<CONF
[DEFAULT]
bind_ip = $world_ip
bind_port = $swift_port
workers = 0
user = swift
swift_dir = $swift_conf
log_name = swift-proxy
log_level = INFO
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk tempurl authtoken
  keystoneauth copy slo dlo versioned_writes symlink proxy-logging ceilometer proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:proxy-logging]
use = egg:swift#proxy_logging
reveal_sensitive_prefix = 0
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$memcached_port
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:tempurl]
use = egg:swift#tempurl
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = ${keystone_url%/v3}
auth_url = ${keystone_url%/v3}
auth_type = password
username = swift
user_domain_name = Default
password = $(once_secret keystone-swift)
project_name = service
project_domain_name = Default
region_name = RegionOne
service_token_roles_required = true
delay_auth_decision = true
include_service_catalog = false
cache = swift.cache
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
project_reader_roles = reader
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
[filter:ceilometer]
paste.filter_factory = faas_swift_notifications:filter_factory
url = $(cloud_rabbitmq_url)
control_exchange = swift
driver = messagingv2
topic = notifications
nonblocking_notify = true
CONF
}

ready_swift() {
    wait_for swift-object world_listens $swift_object_port
    wait_for swift-container world_listens $swift_container_port
    wait_for swift-account world_listens $swift_account_port
    wait_for swift-proxy curl -sf --max-time 10 "http://$world_ip:$swift_port/healthcheck"
    # The first request that RabbitMQ is told of makes the exchange, for which engines look.
    curl -s -o /dev/null --max-time 10 "http://$world_ip:$swift_port/v1/AUTH_nobody" || true
}

remove_swift_configuration() {
    rm -f "$swift_netns_conf"
    rmdir "${swift_netns_conf%/*}" "${swift_netns_conf%/*/*}" 2>/dev/null || true
}
