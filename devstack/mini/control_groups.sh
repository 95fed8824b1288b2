# One control group that holds every pod of a cluster, so that `down` finds their processes
# even when containerd is gone. Sourced by cluster.sh.

# control_groups prints the group's folder: the one of version 2, or one in each
# hierarchy of version 1.
control_groups() {
    local root=/sys/fs/cgroup
    if [[ -e $root/cgroup.controllers ]]; then
        echo "$root/$pods_group"
    else
        printf "%s/$pods_group\n" $root/*
    fi
}

make_control_groups() {
    local all=/sys/fs/cgroup
    [[ ! -e $all/cgroup.subtree_control ]] || echo '+cpu +cpuset +io +memory +pids' >$all/cgroup.subtree_control
    control_groups | xargs mkdir -p
    mkdir -p "$(node_group_folder)"
    weigh_pods
}

# node_group_folder prints the group of the node's own programs and the cluster's: on a real node
# the system's services are one group beside the pods, and on other machines than the
# database, the message bus and our services, with which they have to share this one.
node_group_folder() {
    local all=/sys/fs/cgroup
    [[ -e $all/cgroup.controllers ]] || all+=/cpu
    echo "$all/$node_group"
}

# run_on_node starts a part unless it runs, as a service of the node: run_on_node NAME COMMAND…
run_on_node() {
    local name=$1
    shift
    run "$name" "${enter[@]}" "$@"
    pid_of "$name" >"$(node_group_folder)/cgroup.procs" || true # it may have ended: wait_for tells
}

# weigh_pods gives all pods together the processor that they have on a node of their own: our
# services, the database and the message bus are processes of the root here, each of which
# would weigh as much as all pods together.
weigh_pods() {
    local all=/sys/fs/cgroup
    if [[ -e $all/$pods_group/cpu.weight ]]; then
        echo 800 >"$all/$pods_group/cpu.weight"
    else
        echo 20480 >"$all/cpu/$pods_group/cpu.shares"
    fi
}

# remove_control_groups kills what is left in a pod, and waits until it is gone.
remove_control_groups() {
    local group deadline=$((SECONDS + 5))
    for group in $(control_groups); do
        [[ -d $group ]] || continue
        while ((SECONDS < deadline)) && kill_group "$group"; do sleep 0.05; done
        find "$group" -depth -type d -exec rmdir {} \; || true
    done
    [[ ! -d $(node_group_folder) ]] || rmdir "$(node_group_folder)" || true
}

# kill_group kills every process of the group, and fails when there is none.
kill_group() {
    local processes
    mapfile -t processes < <(find "$1" -name cgroup.procs -exec cat {} +)
    ((${#processes[@]})) && { kill -s KILL "${processes[@]}" 2>/dev/null || true; }
}
