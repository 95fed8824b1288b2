# Our own services in the cluster itself: by deploy/kubernetes (CLOUD_SERVICES=pods), or by the
# chart of deploy/helm (helm). Both make the same objects, and each takes over what the other made.
# Sourced.

pods_namespace=faas-system
pods_user=10001    # as the manifests say; the packages' folder is theirs
manifests=$repository/deploy/kubernetes
chart=$repository/deploy/helm
pods_conf=$etc/pods/faas.conf
endpoint=http://127.0.0.1:7070
endpoints=$endpoint,http://127.0.0.1:7071

# start_pods pods|helm
start_pods() {
    local key has
    { listens $node_ip $mariadb_port && listens $node_ip $rabbitmq_port; } ||
        fail "MariaDB and RabbitMQ do not listen on $node_ip, they run since before they should:" \
            'devstack/mini/down, then up again'
    need_programs
    [[ $1 != helm ]] || build_helm
    pods_configuration
    import_service_images
    key=$1-$(pods_key)
    has=$(kubectl -n $pods_namespace get deployment faas-api -o "jsonpath=$pods_key_path" 2>/dev/null || true)
    if [[ $has != "$key" ]]; then
        apply "$1" "$key"
    fi
    rolled_out faas-engine
    rolled_out faas-api
    endpoint=http://$(kubectl -n $pods_namespace get service faas-api -o 'jsonpath={.spec.clusterIP}'):7070
    endpoints=$endpoint
    eventually_well "$endpoint"
    offer_runtimes
    renew_workers
}

# What pods are made from: another configuration, or an image of the same name, starts them anew,
# and so does another CLOUD_ROLL, whatever it says.
pods_key_path='{.spec.template.metadata.annotations.mini/parts}'
pods_key() {
    {
        echo "${CLOUD_ROLL:-}"
        cat "$images"/{api,engine,manage} "$pods_conf"
        find "$manifests" "$chart" -type f -print0 | sort -z | xargs -0 cat
    } | sha256sum | cut -c 1-32
}

# The host's own file, as it reads from inside: MariaDB and RabbitMQ are at the node's address, and
# Kubernetes lets pods in by their account. A Service lets go of a pod when kube-proxy has heard of
# its end, for which a slow machine takes longer than the host's balancers do.
pods_configuration() {
    services_configuration
    install -d -m 700 "${pods_conf%/*}"
    (umask 077 && sed -e "s/@127\.0\.0\.1:/@$node_ip:/" -e 's:^state_path = .*:state_path = /var/lib/faas:' \
        -e 's/^drain_time = .*/drain_time = 20/' -e '/^kubeconfig = /d' -e '/^ingress_from = /d' \
        -e '/^policy_dirs = /d' "$faas_conf" | put "$pods_conf")
    chown -R $pods_user:$pods_user "$state/faas"
}

import_service_images() {
    local name
    for name in api engine manage; do
        image $name "\"Entrypoint\": [\"/usr/bin/faas-$name\"], \"User\": \"$pods_user:$pods_user\"" \
            "$repository/bin/faas-$name" "$mini/pods.sh"
    done
}

root_api() { root_of_service "$1" faas-api; }
root_engine() { root_of_service "$1" faas-engine; }
root_manage() { root_of_service "$1" faas-manage; }

# apply pods|helm KEY
apply() {
    {
        kubectl apply -k "$manifests/namespaces" &&
            kubectl -n "$pods_namespace" create secret generic faas-conf --from-file="$pods_conf" \
                --dry-run=client -o yaml | kubectl apply -f - &&
            "apply_$1" "$2"
    } >>"$logs/pods.log" 2>&1 || fail "the services could not be put into the cluster; see $logs/pods.log"
}

# apply_pods KEY. The annotation is not the manifests' own, so that applying them again leaves it.
apply_pods() {
    local part pods=(kubectl -n "$pods_namespace")
    "${pods[@]}" delete job faas-db-sync --ignore-not-found &&
        kubectl apply -k "$manifests/overlays/mini/db-sync" &&
        "${pods[@]}" wait --for=condition=Complete --timeout=120s job/faas-db-sync &&
        kubectl apply -k "$manifests/overlays/mini" || return
    for part in faas-engine faas-api; do
        "${pods[@]}" patch deployment $part -p \
            "{\"spec\": {\"template\": {\"metadata\": {\"annotations\": {\"mini/parts\": \"$1\"}}}}}" || return
    done
}

# apply_helm KEY
apply_helm() {
    "$(helm_binary)" upgrade faas "$chart/faas" --install --take-ownership --wait --timeout 180s \
        --kubeconfig "$etc/admin.kubeconfig" --namespace "$pods_namespace" --values "$chart/mini.yaml" \
        --set-string "api.podAnnotations.mini/parts=$1,engine.podAnnotations.mini/parts=$1"
}

rolled_out() {
    kubectl -n $pods_namespace rollout status "deployment/$1" --timeout=180s >>"$logs/pods.log" 2>&1 ||
        fail "$1 does not come up: devstack/mini/kubectl -n $pods_namespace describe pods"
    say "$1 ready, in pods"
}

# kube-proxy hears of pods that are ready a moment after the Deployment does.
eventually_well() {
    local deadline=$((SECONDS + hang_timeout))
    until curl -sf --max-time 10 -o /dev/null "$1/healthcheck"; do
        ((SECONDS < deadline)) || fail "$1 does not answer"
        sleep 0.1
    done
}

# stop_pods takes the services out of the cluster. Workers stay: they are the database's functions',
# whoever serves them.
stop_pods() {
    kubectl get namespace $pods_namespace >/dev/null 2>&1 || return 0
    # Their pods first: a namespace that has some is looked at again only after half of the time
    # that they may take to end, which is minutes.
    {
        kubectl delete deployments --all -n $pods_namespace --cascade=foreground --timeout=180s &&
            kubectl delete namespace $pods_namespace --timeout=180s
    } >>"$logs/pods.log" 2>&1 || fail "the services could not be taken out of the cluster; see $logs/pods.log"
    kubectl delete persistentvolume faas-packages --ignore-not-found >>"$logs/pods.log" 2>&1
}
