# What the mini cloud takes from Debian, and how it is installed: without a
# recommended package and without letting any of them start a service.
# Sourced by `up`.

packages=(
    mariadb-server rabbitmq-server                      # database, message bus
    etcd-server containerd runc crun containernetworking-plugins nftables  # beneath Kubernetes
    docker-registry                                     # where functions' images come from
    curl openssl iproute2 procps util-linux             # these scripts
    gcc libc6-dev python3 nodejs ca-certificates        # the images
)

# What CLOUD=core takes beside them.
core_packages=(
    memcached keystone uwsgi-core uwsgi-plugin-python3
    swift-proxy swift-account swift-container swift-object python3-ceilometermiddleware
    python3-openstackclient python3-swiftclient python3-qinlingclient  # for whoever uses it
    python3-keystoneauth1 python3-importlib-metadata                   # in the image of the runtime for Python
)

# What CLOUD=all takes beside those.
all_packages=(
    aodh-api aodh-evaluator aodh-notifier aodh-listener zaqar-server
    python3-ceilometer python3-gnocchi python3-cloudkitty  # for internal/notify's test
    glance-api magnum-api magnum-conductor
    heat-api heat-engine mistral-api mistral-engine mistral-executor openstack-dashboard
    python3-pip python3-setuptools                         # install contrib/
    chromium chromium-driver python3-selenium fonts-dejavu-core  # for whoever tests Horizon
    python3-aodhclient python3-zaqarclient python3-magnumclient python3-heatclient python3-mistralclient  # for users
)

# take_packages adds those of what $cloud is.
take_packages() {
    [[ $cloud == base ]] || packages+=("${core_packages[@]}")
    [[ $cloud != all ]] || packages+=("${all_packages[@]}")
}

# packages_missing prints the packages that are not installed.
packages_missing() {
    comm -23 <(printf '%s\n' "${packages[@]}" | sort) <(
        dpkg-query -W -f='${Package} ${Status}\n' "${packages[@]}" 2>/dev/null |
            sed -n 's/ install ok installed$//p' | sort
    )
}

packages_install() {
    local missing=()
    mapfile -t missing < <(packages_missing)
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    (without_service_starts packages_fetch "${missing[@]}") >>"$logs/packages.log" 2>&1 ||
        fail "Debian packages could not be installed: ${missing[*]}." \
            "Is there a network to a mirror? See $logs/packages.log"
}

packages_fetch() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y --no-install-recommends "$@" ||
        { apt-get update && apt-get install -y --no-install-recommends "$@"; }
}

# without_service_starts runs a command while the machine's policy is that a
# package may not start its service. Run it in a subshell: it sets a trap.
without_service_starts() {
    local policy=/usr/sbin/policy-rc.d kept=
    if [[ -e $policy ]]; then
        kept=$policy.before-mini-cloud
        mv "$policy" "$kept"
    fi
    trap 'if [[ -n "'"$kept"'" ]]; then mv "'"$kept"'" '$policy'; else rm -f '$policy'; fi' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    "$@"
}
