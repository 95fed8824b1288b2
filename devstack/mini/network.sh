# The bridge of the pods, the kernel's switches for it, the way out, and a world
# there: a host of our own, in a network namespace, that functions may call as they
# would one on the internet. All of it is undone by `down`. Sourced by cluster.sh.

sysctls=(net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables)

# make_network makes the bridge before the first pod does, because the node's
# address is on it: an address that only this machine has.
make_network() {
    make_bridge
    [[ -e $run/sysctls ]] || sysctl "${sysctls[@]}" >"$run/sysctls"
    sysctl -qw "${sysctls[@]/%/=1}"
    masquerade
    make_world
}

make_bridge() {
    local ip=("${enter[@]}" ip) own
    "${ip[@]}" link show "$bridge" >/dev/null 2>&1 || "${ip[@]}" link add "$bridge" type bridge
    # Its own address, said aloud: else it takes the lowest of the pods' and changes as they come
    # and go, and who knows the old one is cut off for a minute.
    own=$("${ip[@]}" -brief link show "$bridge" | awk '{print $3}')
    "${ip[@]}" link set "$bridge" address "$own"
    "${ip[@]}" addr replace "$pod_gateway/${pod_cidr#*/}" dev "$bridge"
    "${ip[@]}" addr replace "$node_ip/32" dev "$bridge"
    "${ip[@]}" link set "$bridge" up
    # Services' addresses become pods' only after a route was found, and no other may lead anywhere.
    "${ip[@]}" route replace "$service_cidr" dev "$bridge"
}

# masquerade gives what pods send elsewhere the node's own address.
masquerade() {
    "${enter[@]}" nft -f - <<RULES
add table ip faas-mini
delete table ip faas-mini
table ip faas-mini {
  chain outwards {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr $pod_cidr oifname != "$bridge" masquerade
  }
}
RULES
}

make_world() {
    ip netns list | grep -qw "^$world" || ip netns add "$world"
    ip link show "$world" >/dev/null 2>&1 || ip link add "$world" type veth peer name eth0 netns "$world"
    ip addr replace "$world_gateway/24" dev "$world"
    ip link set "$world" up
    ip -n "$world" addr replace "$world_ip/24" dev eth0
    ip -n "$world" link set lo up
    ip -n "$world" link set eth0 up
    ip -n "$world" route replace default via "$world_gateway"
}

remove_network() {
    local table
    ip netns delete "$world" 2>/dev/null || true
    ip link delete "$world" 2>/dev/null || true
    for table in 'inet faas-netpol' 'ip faas-mini' 'ip kube-proxy' 'ip6 kube-proxy'; do
        # shellcheck disable=SC2086 # family and name are two words
        nft delete table $table 2>/dev/null || true
    done
    ip link delete "$bridge" 2>/dev/null || true
    [[ ! -e $run/sysctls ]] || sysctl -qp "$run/sysctls"
}
