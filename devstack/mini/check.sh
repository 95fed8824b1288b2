# What must hold before anything is changed, each with a message that says what
# to do. Sourced by `up`.

check_machine() {
    ((EUID == 0)) || fail "must run as root: containers, network and control groups need it"
    [[ -r /etc/debian_version ]] || fail "needs Debian or a descendant: the parts are its packages"
    [[ $(uname -m) == x86_64 || $(uname -m) == aarch64 ]] || fail "unknown machine $(uname -m)"
    [[ -n $go ]] || fail "no go in PATH: Kubernetes is built from its Go modules"
    [[ -w /proc/sys/net/ipv4/ip_forward ]] || fail "cannot change sysctls: a container without privileges?"
    [[ -d /proc/sys/net/bridge ]] || modprobe br_netfilter 2>/dev/null ||
        fail "the kernel module br_netfilter is missing: without it no NetworkPolicy holds between pods of one bridge"
    grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || fail "the kernel has no overlay file system"
    [[ -z ${CLOUD_CRUN:-} || -z $(cat /sys/fs/cgroup/unified/cgroup.controllers 2>/dev/null) ]] ||
        fail "crun takes no machine with control groups of both versions: unset CLOUD_CRUN, or use devstack/mini/apart"
}

check_room() {
    local memory needed=2048
    [[ $cloud == base ]] || needed=2560
    [[ $cloud != all ]] || needed=4608
    memory=$(awk '/^MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)
    ((memory >= needed)) || fail "$memory MiB of memory available, $needed needed"
    check_disk /var/lib 4
    kubernetes_cached || check_disk "${cache%/*}" 10
}

# check_disk DIRECTORY GIB
check_disk() {
    local free
    mkdir -p "$1"
    free=$(df --output=avail -B1G "$1" | tail -n 1)
    ((free >= $2)) || fail "$((free)) GiB free below $1, $2 needed"
}

# check_ports: a port of a part that does not run yet must be free.
check_ports() {
    check_port mariadb 127.0.0.1 $mariadb_port
    check_port rabbitmq 127.0.0.1 $rabbitmq_port
    check_port epmd 127.0.0.1 $epmd_port
    check_port rabbitmq 127.0.0.1 $rabbitmq_dist_port
    check_port registry 127.0.0.1 $registry_port
    check_port private-registry 127.0.0.1 $private_registry_port
    check_port etcd 127.0.0.1 $etcd_port
    check_port etcd 127.0.0.1 $etcd_peer_port
    check_port kube-apiserver 127.0.0.1 6443
    check_port kube-controller-manager 127.0.0.1 10257
    check_port kube-scheduler 127.0.0.1 10259
    check_port kubelet 127.0.0.1 10248
    check_port kubelet 127.0.0.1 10250
    check_port kube-proxy 127.0.0.1 10249
    check_port kube-proxy 127.0.0.1 10256
}

# A part that was killed a moment ago listens until the last of its threads has ended.
check_port() {
    local by deadline=$((SECONDS + 60))
    while ! runs "$1" && listens "$2" "$3"; do
        if ((SECONDS >= deadline)); then
            by=$(ss -Hltnp "sport = :$3" 2>/dev/null | grep -o 'users:.*' || echo unknown)
            fail "port $3 of $2 is taken ($by); $1 needs it"
        fi
        sleep 0.1
    done
}

# check_network: the addresses must not be somebody else's.
check_network() {
    ip link show "$bridge" >/dev/null 2>&1 && return
    local route
    for route in $node_ip $pod_gateway $api_service_ip; do
        ! ip -4 route show match "$route" | grep -qv '^default' ||
            fail "this machine has a route to $route already, which the mini cloud uses (devstack/mini/settings.sh)"
    done
}
