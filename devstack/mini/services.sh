# Our own services on this cloud: two of each, as processes of this machine. Sourced.
# CLOUD_ENGINES is how many engines there are, for tests of how they divide the work.
# CLOUD_WORKER_TLS is [kubernetes] worker_tls: off, accept (the default) or require.
# CLOUD_OTLP is the URL of a collector of traces, which is told of all that they do.
engines=${CLOUD_ENGINES:-2}
engine_ports=(7080 7081 7084)    # of their status; 7082 and 7083 are the APIs'

workers_namespace=faas
faas_conf=$etc/faas.conf
# The operator's rules with CLOUD=core; oslo.policy in Keystone takes up every policy.d above its
# files.
policies=$state/faas-policy

start_services() {
    need_programs
    services_configuration
    kubectl get namespace $workers_namespace >/dev/null 2>&1 || kubectl create namespace $workers_namespace >/dev/null
    "$repository/bin/faas-manage" --config-file "$faas_conf" db sync >>"$logs/faas-manage.log" 2>&1 ||
        fail "the database could not be brought up to date; see $logs/faas-manage.log." \
            'One that programs of another branch have made is begun anew by devstack/mini/down --purge'
    local i
    for ((i = 1; i <= ${#engine_ports[@]}; i++)); do
        if ((i <= engines)); then
            service "faas-engine-$i" "FAAS_DEFAULT_HOST=engine-$i" "FAAS_ENGINE_STATUS_PORT=${engine_ports[i - 1]}" \
                "$repository/bin/faas-engine"
        else
            stop "faas-engine-$i" TERM 60
        fi
    done
    service faas-api-1 FAAS_DEFAULT_HOST=api-1 FAAS_API_PORT=7070 FAAS_API_STATUS_PORT=7082 "$repository/bin/faas-api"
    service faas-api-2 FAAS_DEFAULT_HOST=api-2 FAAS_API_PORT=7071 FAAS_API_STATUS_PORT=7083 "$repository/bin/faas-api"
    for ((i = 1; i <= engines; i++)); do
        wait_for "faas-engine-$i" is_well "${engine_ports[i - 1]}"
    done
    wait_for faas-api-1 is_well 7070
    wait_for faas-api-2 is_well 7071
    if [[ $cloud == base ]]; then stop faas-api-3 TERM 60; else serve_the_world; fi
    offer_runtimes
    renew_workers
}

# serve_the_world is one more API, at which Aodh and Zaqar, which are in the world, reach triggers.
serve_the_world() {
    service faas-api-3 FAAS_DEFAULT_HOST=api-3 "FAAS_API_HOST=$world_gateway" FAAS_API_PORT=7070 \
        FAAS_API_STATUS_PORT=7085 \
        "$repository/bin/faas-api"
    wait_for faas-api-3 is_well 7085
}

# renew_workers ends the workers of older images: the images' names never change here, so Kubernetes
# sees no difference.
renew_workers() {
    local key
    key=$(cat "$images"/{agent,python3,nodejs} | sha256sum)
    if [[ -s $state/faas/workers.key && $(<"$state/faas/workers.key") != "$key" ]]; then
        kubectl delete pods --namespace $workers_namespace --all --grace-period=2 >/dev/null
        say 'workers of older images ended'
    fi
    echo "$key" >"$state/faas/workers.key"
}

need_programs() {
    local program
    for program in faas-api faas-engine faas-manage; do
        [[ -x $repository/bin/$program ]] || fail "no bin/$program: run make build first"
    done
}

# service NAME VARIABLE… PROGRAM starts the program, again if it or its configuration has changed
# since.
service() {
    local name=$1 program=${*: -1}
    shift
    stop_if_changed "$name" "$program" "$faas_conf"
    run "$name" env "$@" --config-file "$faas_conf"
}

is_well() { curl -sf --max-time 10 "http://127.0.0.1:$1/healthcheck" >/dev/null; }

# The file holds passwords, so it is root's alone, and none of them is in an argument or in the
# environment.
services_configuration() {
    (umask 077 && put "$faas_conf" <<CONF
[DEFAULT]
transport_url = $(rabbitmq_url)
state_path = $state/faas
[database]
connection = $(mariadb_url)
[api]
drain_time = 2
image_functions_from = $registry,$private_registry
plain_http_registries = $registry,$private_registry
[engine]
worker_idle_time = 20
[worker]
token_secret = $(once_secret tokens)$(once_secret tokens)
[kubernetes]
kubeconfig = $etc/admin.kubeconfig
namespace = $workers_namespace
agent_image = docker.io/faas-mini/agent:dev
image_pull_policy = IfNotPresent
worker_tls = ${CLOUD_WORKER_TLS:-accept}
ingress_from = $node_ip/32
egress_allow = $world_ip/32
untrusted_runtime_class =${CLOUD_GVISOR:+ gvisor}
[tracing]
otlp_endpoint = ${CLOUD_OTLP:-}
sampling_ratio = 1
$([[ $cloud == base ]] || services_of_core)
CONF
    )
    install -d -m 700 "$state/faas" "$policies"
}

# services_of_core is what they have of Keystone, Swift and the others' part of RabbitMQ.
services_of_core() {
    cat <<CONF
[DEFAULT]
auth_strategy = keystone
[keystone_authtoken]
auth_url = $keystone_url
username = faas
password = $(once_secret keystone-faas)
project_name = service
region_name = RegionOne
interface = internal
http_connect_timeout = 60
token_cache_time = 10
[storage]
provider = swift
swift_check_interval = 10
[oslo_policy]
policy_dirs = $policies
[oslo_messaging_notifications]
driver = messagingv2
[triggers]
endpoint = http://$world_gateway:7070
notification_exchanges = keystone,nova,swift
notification_topics = notifications
CONF
}

# offer_runtimes makes the two runtimes whose images are here, unless there is any.
offer_runtimes() {
    local there token=
    [[ $cloud == base ]] || token=$(keystone_token admin admin) ||
        fail "Keystone gives no token; see $logs/keystone.log"
    there=$(call_api v1/runtimes) || fail "$endpoint does not list runtimes; see $logs/faas-api-1.log"
    [[ $there == '{"runtimes":[]}' ]] || return 0
    local name
    for name in python3 nodejs; do
        call_api v1/runtimes -o /dev/null \
            -d "{\"name\": \"$name\", \"image\": \"docker.io/faas-mini/$name:dev\",
                \"is_public\": true, \"trusted\": true}" ||
            fail "the runtime $name could not be made; see $logs/faas-api-1.log"
    done
    say 'runtimes python3 and nodejs made'
}

# call_api PATH OPTION… sends $token, if there is one, and shows it to nobody else.
call_api() {
    local path=$1
    shift
    curl -sf --max-time 60 -H 'Content-Type: application/json' -H @<(printf '%s\n' "${token:+X-Auth-Token: $token}") \
        "$@" "$endpoint/$path"
}

stop_services() {
    local name
    for name in faas-api-1 faas-api-2 faas-api-3 faas-engine-1 faas-engine-2 faas-engine-3; do
        stop "$name" TERM 30 &
    done
    wait
    rm -f "$pids"/faas-*.key
}
