#!/bin/bash
# The DevStack plugin: DevStack sources it with a mode and a phase. In local.conf:
#
#     enable_plugin faas https://example.org/openstack-faas/faas
#
# docs/admin/devstack.md has the settings.

FAAS_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# install_faas builds the programs and installs what the other services and the client load of ours.
function install_faas {
    is_package_installed golang-go || type -p go >/dev/null || install_package golang-go
    local version
    version=$(go env GOVERSION)
    # From 1.21 on, Go fetches the version that go.mod names.
    [[ $version =~ ^go1\.([0-9]+) && ${BASH_REMATCH[1]} -ge 21 ]] ||
        die $LINENO "Go 1.21 or later is needed, PATH has ${version:-none}"
    mkdir -p "$FAAS_BIN_DIR"
    (cd "$FAAS_DIR" && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$FAAS_BIN_DIR/" \
        ./cmd/faas-api ./cmd/faas-engine ./cmd/faas-manage ./cmd/faas-status) || die $LINENO "the programs do not build"
    pip_install "$FAAS_DIR/contrib/client" "$FAAS_DIR/contrib/openstackclient"
    if is_service_enabled h-eng; then pip_install "$FAAS_DIR/contrib/heat"; fi
    if is_service_enabled mistral; then pip_install "$FAAS_DIR/contrib/mistral"; fi
    if is_service_enabled horizon; then
        pip_install "$FAAS_DIR/contrib/horizon"
        cp "$FAAS_DIR"/contrib/horizon/faas_dashboard/enabled/_[0-9]*.py \
            "$DEST/horizon/openstack_dashboard/local/enabled/"
    fi
}

# configure_faas writes the one file that all programs read. Its secrets are kept when it is written
# again: workers are told them.
function configure_faas {
    [[ -r $FAAS_KUBECONFIG ]] ||
        die $LINENO "FAAS_KUBECONFIG=$FAAS_KUBECONFIG cannot be read: functions need a Kubernetes cluster"
    sudo install -d -o "$STACK_USER" -m 750 "$FAAS_CONF_DIR" "$FAAS_STATE_PATH"
    touch "$FAAS_CONF"
    chmod 640 "$FAAS_CONF"
    iniset "$FAAS_CONF" DEFAULT transport_url "$(get_transport_url)"
    iniset "$FAAS_CONF" DEFAULT state_path "$FAAS_STATE_PATH"
    iniset "$FAAS_CONF" database connection "$(database_connection_url "$FAAS_DATABASE")"
    iniset "$FAAS_CONF" api host "$(ipv6_unquote "$FAAS_SERVICE_HOST")"
    iniset "$FAAS_CONF" api port "$FAAS_SERVICE_PORT"
    iniset "$FAAS_CONF" api status_port "$FAAS_API_STATUS_PORT"
    iniset "$FAAS_CONF" engine status_port "$FAAS_ENGINE_STATUS_PORT"
    [[ -n $(iniget "$FAAS_CONF" worker token_secret) ]] ||
        iniset "$FAAS_CONF" worker token_secret "$(openssl rand -hex 32)"
    iniset "$FAAS_CONF" kubernetes kubeconfig "$FAAS_KUBECONFIG"
    iniset "$FAAS_CONF" kubernetes namespace "$FAAS_KUBERNETES_NAMESPACE"
    iniset "$FAAS_CONF" kubernetes agent_image "$FAAS_AGENT_IMAGE"
    iniset "$FAAS_CONF" kubernetes ingress_from "$FAAS_INGRESS_FROM"
    iniset "$FAAS_CONF" kubernetes egress_allow "$FAAS_EGRESS_ALLOW"
    configure_faas_keystone
    if is_service_enabled s-proxy; then iniset "$FAAS_CONF" storage provider swift; fi
    if is_service_enabled h-eng; then
        iniset "$HEAT_CONF" DEFAULT plugin_dirs "$FAAS_DIR/contrib/heat/faas_heat,/usr/lib64/heat,/usr/lib/heat"
    fi
}

function configure_faas_keystone {
    iniset "$FAAS_CONF" DEFAULT auth_strategy keystone
    iniset "$FAAS_CONF" keystone_authtoken auth_url "$KEYSTONE_SERVICE_URI/v3"
    iniset "$FAAS_CONF" keystone_authtoken username "$FAAS_SERVICE_USER"
    iniset "$FAAS_CONF" keystone_authtoken password "$SERVICE_PASSWORD"
    iniset "$FAAS_CONF" keystone_authtoken project_name "$SERVICE_PROJECT_NAME"
    iniset "$FAAS_CONF" keystone_authtoken region_name "$REGION_NAME"
}

# init_faas makes the database, what Keystone has to know, and the namespace of the workers. What is
# there stays. OS_CLOUD names DevStack's administrator.
function init_faas {
    recreate_database "$FAAS_DATABASE"
    "$FAAS_BIN_DIR/faas-manage" --config-file "$FAAS_CONF" db sync || die $LINENO "the database cannot be made"
    "$FAAS_BIN_DIR/faas-manage" --config-file "$FAAS_CONF" bootstrap --region "$REGION_NAME" \
        --public-url "$FAAS_URL" || die $LINENO "Keystone does not have the service"
    kubectl --kubeconfig "$FAAS_KUBECONFIG" apply -f - <<NAMESPACE || die $LINENO "the cluster takes no namespace"
apiVersion: v1
kind: Namespace
metadata: {name: "$FAAS_KUBERNETES_NAMESPACE", labels: {pod-security.kubernetes.io/enforce: restricted}}
NAMESPACE
}

function start_faas {
    run_process faas-engine "$FAAS_BIN_DIR/faas-engine --config-file $FAAS_CONF"
    run_process faas-api "$FAAS_BIN_DIR/faas-api --config-file $FAAS_CONF"
    if is_service_enabled faas-api; then
        wait_for_service "$SERVICE_TIMEOUT" "$FAAS_URL/healthcheck" || die $LINENO "faas-api does not answer"
        make_faas_runtimes
    fi
}

# make_faas_runtimes makes those of FAAS_RUNTIMES that are not there.
function make_faas_runtimes {
    local entry there
    there=$(call_faas runtimes) || die $LINENO "faas-api lists no runtimes"
    for entry in $FAAS_RUNTIMES; do
        [[ $there != *"\"name\":\"${entry%%=*}\""* ]] || continue
        call_faas runtimes -d "{\"name\": \"${entry%%=*}\", \"image\": \"${entry#*=}\", \"is_public\": true,
            \"trusted\": true}" >/dev/null || die $LINENO "the runtime ${entry%%=*} is not taken"
    done
}

# call_faas PATH OPTION… asks the API as DevStack's administrator. The token is in no argument.
function call_faas {
    local path=$1
    shift
    curl -sf -H 'Content-Type: application/json' -H @<(
        printf 'X-Auth-Token: %s\n' "$(openstack token issue -f value -c id)") "$@" "$FAAS_URL/v1/$path"
}

function stop_faas {
    stop_process faas-api
    stop_process faas-engine
}

function cleanup_faas {
    sudo rm -rf "$FAAS_CONF_DIR" "$FAAS_STATE_PATH"
    rm -f "$DEST"/horizon/openstack_dashboard/local/enabled/_*faas*.py
}

if is_service_enabled faas-api || is_service_enabled faas-engine; then
    case ${1:-}/${2:-} in
        stack/install)
            echo_summary "Installing faas"
            install_faas
            ;;
        stack/post-config)
            echo_summary "Configuring faas"
            configure_faas
            init_faas
            ;;
        stack/extra)
            echo_summary "Starting faas"
            start_faas
            ;;
        unstack/*)
            stop_faas
            ;;
        clean/*)
            cleanup_faas
            ;;
    esac
fi
