# One control group that holds every pod, so that `down` finds their processes even
# when containerd is gone. Sourced by cluster.sh.

# control_groups prints the group's folder: the one of version 2, or one in each
# hierarchy of version 1.
control_groups() {
    local root=/sys/fs/cgroup
    if [[ -e $root/cgroup.controllers ]]; then
        echo $root/faas-mini
    else
        printf '%s/faas-mini\n' $root/*
    fi
}

make_control_groups() {
    local all=/sys/fs/cgroup
    [[ ! -e $all/cgroup.subtree_control ]] || echo '+cpu +cpuset +io +memory +pids' >$all/cgroup.subtree_control
    control_groups | xargs mkdir -p
    weigh_pods
}

# weigh_pods gives all pods together the processor that they have on a real node, where the
# system's services are one group beside them: here those are processes of the root, each of
# which would weigh as much as all pods together.
weigh_pods() {
    local all=/sys/fs/cgroup
    if [[ -e $all/faas-mini/cpu.weight ]]; then
        echo 800 >$all/faas-mini/cpu.weight
    else
        echo 20480 >$all/cpu/faas-mini/cpu.shares
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
}

# kill_group kills every process of the group, and fails when there is none.
kill_group() {
    local processes
    mapfile -t processes < <(find "$1" -name cgroup.procs -exec cat {} +)
    ((${#processes[@]})) && { kill -s KILL "${processes[@]}" 2>/dev/null || true; }
}
