# Keys and certificates of the cluster, made once: one authority for servers and
# clients, one for aggregated API servers, and a kubeconfig for each client.
# Sourced by cluster.sh.

make_certificates() {
    [[ -e $pki/complete ]] && return
    mkdir -p "$pki" "$etc"
    chmod 700 "$pki" "$etc"
    (
        cd "$pki"
        [[ -s ca.key ]] || authority ca    # one that others gave stays
        authority front-proxy-ca
        local names=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost
        certificate apiserver /CN=kube-apiserver serverAuth "$names,IP:127.0.0.1,IP:$api_service_ip,IP:$node_ip"
        certificate kubelet-server "/CN=$node" serverAuth "DNS:$node,DNS:localhost,IP:127.0.0.1,IP:$node_ip"
        certificate apiserver-kubelet /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
        certificate front-proxy-client /CN=front-proxy-client clientAuth '' front-proxy-ca
        client admin /O=system:masters/CN=admin
        client controller-manager /CN=system:kube-controller-manager
        client scheduler /CN=system:kube-scheduler
        client kubelet "/O=system:nodes/CN=system:node:$node"
        client kube-proxy /CN=system:kube-proxy
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out service-accounts.key
        openssl pkey -in service-accounts.key -pubout -out service-accounts.pub
    ) >>"$logs/certificates.log" 2>&1 || fail "certificates could not be made; see $logs/certificates.log"
    touch "$pki/complete"
}

# authority NAME
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 3650 \
        -keyout "$1.key" -out "$1.crt" -subj "/CN=$1"
}

# certificate NAME SUBJECT USAGE [NAMES [AUTHORITY]]
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout "$1.key" -out "$1.csr" -subj "$2"
    openssl x509 -req -in "$1.csr" -CA "${5:-ca}.crt" -CAkey "${5:-ca}.key" -CAcreateserial -days 3650 -out "$1.crt" \
        -extfile <(
        printf 'keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=%s\n' "$3"
        [[ -z ${4:-} ]] || printf 'subjectAltName=%s\n' "$4"
    )
    rm "$1.csr"
}

# client NAME SUBJECT makes a certificate and the kubeconfig that carries it.
client() {
    certificate "$1" "$2" clientAuth
    (umask 077 && cat >"$etc/$1.kubeconfig") <<CONFIG
apiVersion: v1
kind: Config
clusters: [{name: $node, cluster: {server: "$api", certificate-authority-data: $(base64 -w 0 ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w 0 "$1.crt"), client-key-data: $(base64 -w 0 "$1.key")}}]
contexts: [{name: $node, context: {cluster: $node, user: $1}}]
current-context: $node
CONFIG
}
