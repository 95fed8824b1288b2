# What CLOUD=core adds: memcached, Keystone and Swift. They are in the world, a machine of
# their own as it were: services and functions reach them there as they would any cloud. Sourced.

. "$mini/memcached.sh"
. "$mini/keystone.sh"
. "$mini/swift.sh"

core_parts=(memcached keystone swift-proxy swift-object swift-container swift-account)

start_core() {
    start_memcached
    start_swift
    start_keystone
}

ready_core() {
    ready_memcached
    ready_swift
    ready_keystone
}

stop_core() {
    local part
    for part in "${core_parts[@]}"; do
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
