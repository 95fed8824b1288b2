# memcached, where Keystone and Swift remember what they have looked up. Only the world itself
# reaches it. Sourced.

start_memcached() {
    put "$state/memcached.conf" <<<"-l 127.0.0.1 -p $memcached_port -U 0 -m 64"
    # shellcheck disable=SC2046 # the file holds words
    run_in_world memcached memcache "$state/memcached.conf" memcached $(<"$state/memcached.conf")
}

ready_memcached() { wait_for memcached world_listens $memcached_port; }
