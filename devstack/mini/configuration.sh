# What containerd, the CNI plugin, kubelet, kube-proxy and the API server read.
# Sourced by cluster.sh.

write_configuration() {
    mkdir -p "$etc/cni"
    containerd_configuration
    registry_hosts
    pod_network_configuration
    kubelet_configuration
    proxy_configuration
    audit_policy
}

# Everything that containerd mounts is below $state and $run, where `down` finds
# it. OOM scores are restricted: a root without CAP_SYS_RESOURCE cannot lower them.
# Images' own volumes would be writable beside a read-only root, and without bound.
containerd_configuration() {
    put "$etc/containerd.toml" <<CONFIG
version = 2
root = "$state/containerd"
state = "$run/containerd"
[grpc]
  address = "$containerd_socket"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$pause_image"
  restrict_oom_score_adj = true
  disable_tcp_service = true
  ignore_image_defined_volumes = true
  stream_server_address = "127.0.0.1"
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$etc/certs.d"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$etc/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
      BinaryName = "${CLOUD_CRUN:+crun}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runsc]
    runtime_type = "io.containerd.runsc.v1"
    pod_annotations = ["dev.gvisor.*"]
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runsc.options]
      TypeUrl = "io.containerd.runsc.v1.options"
      ConfigPath = "$etc/runsc.toml"
CONFIG
    # gVisor is there once CLOUD_GVISOR=1 has built it: see cluster.sh.
    put "$etc/runsc.toml" <<CONFIG
root = "$run/runsc"
[runsc_config]
  platform = "systrap"
CONFIG
}

# Leaving the bridge by masquerade is cluster.sh's own nftables rule: the plugin
# would write one iptables chain for each pod, and leave it after a crash.
pod_network_configuration() {
    put "$etc/cni/10-pods.conflist" <<CONFIG
{"cniVersion": "0.4.0", "name": "mini", "plugins": [
  {"type": "bridge", "bridge": "$bridge", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$run/addresses", "ranges": [[{"subnet": "$pod_cidr"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}}]}
CONFIG
}

# No image is ever collected: most of them are in no registry to fetch them from again. There is
# no DNS in the cluster; pods resolve names as this machine does. A fork bomb ends at
# the bound of its pod; a function that needs too much memory ends alone, not with
# all that is in its container.
kubelet_configuration() {
    local names=/etc/resolv.conf
    [[ -r $names ]] || names=
    put "$etc/kubelet.yaml" <<CONFIG
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node_ip
healthzBindAddress: 127.0.0.1
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet-server.crt
tlsPrivateKeyFile: $pki/kubelet-server.key
containerRuntimeEndpoint: unix://$containerd_socket
cgroupDriver: cgroupfs
cgroupRoot: /$pods_group
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
resolvConf: "$names"
podLogsDir: $logs/pods
volumePluginDir: $state/volume-plugins
maxPods: 200
podPidsLimit: 256
singleProcessOOMKill: true
serializeImagePulls: false
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
imageMinimumGCAge: 87600h
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
enableControllerAttachDetach: false
kubeAPIQPS: 100
kubeAPIBurst: 200
CONFIG
}

proxy_configuration() {
    put "$etc/kube-proxy.yaml" <<CONFIG
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clusterCIDR: $pod_cidr
hostnameOverride: $node
clientConnection: {kubeconfig: $etc/kube-proxy.kubeconfig}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
metricsBindAddress: 127.0.0.1:10249
healthzBindAddress: 127.0.0.1:10256
CONFIG
}

# Every write, and who asked for it; the cluster's own heartbeats left out.
audit_policy() {
    put "$etc/audit.yaml" <<'CONFIG'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, resources: [{group: coordination.k8s.io}, {group: events.k8s.io}, {group: "", resources: [events]}]}
- {level: Metadata, verbs: [create, update, patch, delete, deletecollection]}
- {level: None}
CONFIG
}
