# What is otherwise for a node in a namespace of its own than for the first cluster's: the network,
# of a cable to this machine and routes both ways, so that this machine reaches pods as it does its
# own, and where images come from. Sourced by ./node after cluster.sh, whose functions these
# replace.

# make_network. $first_node_ip is where this machine's own requests come from, whichever cluster
# they go to: the rules of NetworkPolicies then hold for all clusters.
make_network() {
    local ip=("${enter[@]}" ip)
    [[ -e /run/netns/$netns ]] || ip netns add "$netns"
    ip link show "$cable" >/dev/null 2>&1 || ip link add "$cable" type veth peer name eth0 netns "$netns"
    ip addr replace "$cable_ip/32" dev "$cable"
    ip link set "$cable" up
    "${ip[@]}" link set lo up
    "${ip[@]}" link set eth0 up
    make_bridge
    ip route replace "$node_ip/32" dev "$cable" src "$first_node_ip"
    ip route replace "$pod_cidr" via "$node_ip" dev "$cable" src "$first_node_ip"
    "${ip[@]}" route replace "$cable_ip/32" dev eth0 src "$node_ip"
    "${ip[@]}" route replace default via "$cable_ip" dev eth0 src "$node_ip"
    "${enter[@]}" sysctl -qw "${sysctls[@]/%/=1}"
    masquerade
    # What goes on from this machine has this machine's address.
    nft -f - <<RULES
add table ip $cable
delete table ip $cable
table ip $cable {
  chain outwards {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr $node_ip oifname != "$cable" ip daddr != 10.250.0.0/16 masquerade
  }
}
RULES
    plug_in
}

# pull_plug makes the node silent, as a machine is that has lost its power: nothing is refused, and
# nothing answered.
pull_plug() {
    "${enter[@]}" nft -f - <<RULES
add table inet faas-off
delete table inet faas-off
table inet faas-off {
  chain nothing { type filter hook prerouting priority raw; policy drop; }
}
RULES
}

plug_in() { "${enter[@]}" nft delete table inet faas-off 2>/dev/null || true; }

remove_network() {
    ip netns delete "$netns" 2>/dev/null || true
    ip link delete "$cable" 2>/dev/null || true
    ip route delete unreachable "$pod_cidr" 2>/dev/null || true
    nft delete table ip "$cable" 2>/dev/null || true
}

# provide_images copies what pods here may be made of from the first cluster's containerd.
provide_images() {
    local name pairs=()
    mkdir -p "$images"
    for name in pause agent python3 nodejs; do
        [[ -s $first_images/$name ]] || fail "there is no image $name yet: devstack/mini/up"
        cmp -s "$first_images/$name" "$images/$name" || pairs+=("$name")
    done
    for name in "${pairs[@]}"; do
        ctr --address "$first_containerd_socket" --namespace k8s.io images export - "docker.io/faas-mini/$name:dev" \
            2>>"$logs/images.log" |
            ctr --address "$containerd_socket" --namespace k8s.io images import --digests=false - \
                >>"$logs/images.log" 2>&1 || fail "image $name could not be copied; see $logs/images.log"
        cp "$first_images/$name" "$images/$name"
    done
    [[ ! -x $repository/bin/faas-gateway ]] ||
        image gateway '"Entrypoint": ["/usr/bin/faas-gateway"], "User": "10001:10001"' "$repository/bin/faas-gateway"
}

# hide_pods takes back the route to the pods: this machine reaches the node, and what it offers by
# its own address, and no pod. Without a route of its own they would be looked for elsewhere.
hide_pods() { ip route replace unreachable "$pod_cidr"; }
