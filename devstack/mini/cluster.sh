# One node of Kubernetes, all of its programs on this machine, for each cluster: the first, whose
# node is the machine itself, and those that ./node starts in namespaces. Sourced.

. "$mini/certificates.sh"
. "$mini/configuration.sh"
. "$mini/control_groups.sh"
. "$mini/network.sh"
. "$mini/images/archive.sh"

# shellcheck disable=SC2034 # read by `up`
cluster_parts=(etcd containerd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy netpol)

kubectl() { "$(kubernetes_binary)" kubectl --kubeconfig="$etc/admin.kubeconfig" --cache-dir="$run/kubectl" "$@"; }

# start_cluster starts what waits for nobody, ready_cluster the rest.
start_cluster() {
    make_certificates
    write_configuration
    make_network
    make_control_groups
    install -d -m 700 "$state/etcd"
    run_on_node etcd etcd --name=mini --data-dir="$state/etcd" \
        --listen-client-urls=http://127.0.0.1:$etcd_port --advertise-client-urls=http://127.0.0.1:$etcd_port \
        --listen-peer-urls=http://127.0.0.1:$etcd_peer_port \
        --initial-advertise-peer-urls=http://127.0.0.1:$etcd_peer_port \
        --initial-cluster=mini=http://127.0.0.1:$etcd_peer_port
    # It starts gVisor's shim by its name, and the shim runsc, when they are there by then.
    run_on_node containerd env "PATH=$(gvisor_folder):$PATH" "FAAS_KUBELET_PODS=$state/kubelet/pods" \
        containerd --config "$etc/containerd.toml"
    start_apiserver
}

start_apiserver() {
    run_on_node kube-apiserver "$(kubernetes_binary)" kube-apiserver --etcd-servers=http://127.0.0.1:$etcd_port \
        --bind-address="$node_ip" --advertise-address="$node_ip" --service-cluster-ip-range=$service_cidr \
        --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
        --client-ca-file="$pki/ca.crt" \
        --kubelet-client-certificate="$pki/apiserver-kubelet.crt" --kubelet-client-key="$pki/apiserver-kubelet.key" \
        --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
        --service-account-issuer=https://kubernetes.default.svc \
        --service-account-signing-key-file="$pki/service-accounts.key" \
        --service-account-key-file="$pki/service-accounts.pub" --authorization-mode=Node,RBAC \
        --enable-admission-plugins=NodeRestriction \
        --requestheader-client-ca-file="$pki/front-proxy-ca.crt" --requestheader-allowed-names=front-proxy-client \
        --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
        --requestheader-extra-headers-prefix=X-Remote-Extra- --proxy-client-cert-file="$pki/front-proxy-client.crt" \
        --proxy-client-key-file="$pki/front-proxy-client.key" --enable-aggregator-routing=true \
        --audit-policy-file="$etc/audit.yaml" --audit-log-path="$logs/audit.log" --audit-log-maxsize=50 \
        --audit-log-maxbackup=2 \
        --profiling=false
}

ready_cluster() {
    wait_for containerd ctr --address "$containerd_socket" version
    provide_images
    wait_for kube-apiserver kubectl get --raw /readyz
    start_controllers
    start_node
    wait_for kubelet node_is_ready
    wait_for kube-controller-manager kubectl get serviceaccount default
    wait_for netpol "${enter[@]}" nft list table inet faas-netpol
    wait_for kube-proxy "${enter[@]}" nft list table ip kube-proxy
    offer_gvisor
}

start_controllers() {
    local of=$etc/controller-manager.kubeconfig
    run_on_node kube-controller-manager "$(kubernetes_binary)" kube-controller-manager --kubeconfig="$of" \
        --authentication-kubeconfig="$of" --authorization-kubeconfig="$of" \
        --service-account-private-key-file="$pki/service-accounts.key" --root-ca-file="$pki/ca.crt" \
        --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" \
        --use-service-account-credentials=true \
        --leader-elect=false --bind-address=127.0.0.1 --kube-api-qps=100 --kube-api-burst=200 --profiling=false
    of=$etc/scheduler.kubeconfig
    run_on_node kube-scheduler "$(kubernetes_binary)" kube-scheduler --kubeconfig="$of" \
        --authentication-kubeconfig="$of" --authorization-kubeconfig="$of" --leader-elect=false \
        --bind-address=127.0.0.1 --kube-api-qps=100 --kube-api-burst=200 --profiling=false
}

start_node() {
    run_on_node kubelet "$(kubernetes_binary)" kubelet --config="$etc/kubelet.yaml" \
        --kubeconfig="$etc/kubelet.kubeconfig" \
        --root-dir="$state/kubelet" --hostname-override="$node" --node-ip="$node_ip"
    run_on_node kube-proxy "$(kubernetes_binary)" kube-proxy --config="$etc/kube-proxy.yaml"
    run_on_node netpol "$(netpol_binary)" -kubeconfig "$etc/admin.kubeconfig"
}

# offer_gvisor has pods ask for gVisor by the RuntimeClass gvisor.
offer_gvisor() {
    [[ -n ${CLOUD_GVISOR:-} ]] || return 0
    kubectl apply -f - >/dev/null <<'CLASS'
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: gvisor}
handler: runsc
CLASS
}

# A node that was there before the last `down` says Ready until it is found out:
# what counts is that this kubelet has said so since it began.
node_is_ready() {
    "${enter[@]}" curl -sf --max-time 10 http://127.0.0.1:10248/healthz >/dev/null &&
        [[ $(kubectl get node "$node" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == True ]]
}

# stop_cluster ends Kubernetes from the top, then the pods, then what is beneath.
stop_cluster() {
    local part
    for part in netpol kube-proxy kubelet kube-scheduler kube-controller-manager; do
        stop "$part" TERM 5
    done
    stop kube-apiserver KILL 5    # asked politely it waits a minute for its watchers
    end_pods
    stop containerd TERM 10
    stop etcd TERM 10
    remove_control_groups
    remove_mounts
    remove_network
    rm -rf --one-file-system "$state/kubelet" "$run/containerd" "$run/addresses" "$run/runsc"
}

# end_pods kills every container and forgets it, then the shims: a shim outlives
# its containerd by design, and is told by our socket's path in its arguments. A cloud that is apart
# has the same path: only processes of our own namespace count.
end_pods() {
    local ctr=(ctr --address "$containerd_socket" --namespace k8s.io) id process
    if runs containerd; then
        for id in $("${ctr[@]}" tasks ls -q 2>/dev/null); do
            "${ctr[@]}" tasks kill -s KILL "$id" >/dev/null 2>&1 || true
        done
        for id in $("${ctr[@]}" tasks ls -q 2>/dev/null); do
            "${ctr[@]}" tasks delete -f "$id" >/dev/null 2>&1 || true
        done
        for id in $("${ctr[@]}" containers ls -q 2>/dev/null); do
            "${ctr[@]}" containers delete "$id" >/dev/null 2>&1 || true
        done
    fi
    local shims="/containerd-shim-run(c-v2|sc-v1) .*-address $containerd_socket"
    for process in $(pgrep --ns $$ --nslist pid -f "$shims" || true); do
        kill -s KILL "$process" 2>/dev/null || true
    done
}

remove_mounts() {
    local mount
    awk -v a="$state/" -v b="$run/" 'index($2, a) == 1 || index($2, b) == 1 {print $2}' /proc/mounts | sort -r |
        while read -r mount; do umount -l "$mount" || true; done
}
