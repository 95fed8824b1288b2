# Two registries of container images, for the functions that are made of them: one for everybody,
# and one that asks for a user and a password. Both speak plain HTTP, on the node's address.
# Sourced.

registry=$node_ip:$registry_port
private_registry=$node_ip:$private_registry_port
private_registry_user=functions

start_registries() {
    mkdir -p "$etc"
    registry_configuration registry "$registry"
    registry_configuration private-registry "$private_registry" "auth:
  htpasswd: {realm: mini, path: $etc/private-registry.htpasswd}"
    registry_passwords
    local name
    for name in registry private-registry; do
        stop_if_changed "$name" "$etc/$name.yml"
        run "$name" docker-registry serve "$etc/$name.yml"
    done
}

# registry_configuration NAME ADDRESS [PART]
registry_configuration() {
    install -d "$state/$1"
    put "$etc/$1.yml" <<CONF
version: 0.1
log: {accesslog: {disabled: false}, level: warn}
storage:
  filesystem: {rootdirectory: $state/$1}
  delete: {enabled: true}
http: {addr: "$2"}
${3:-}
CONF
}

# registry_passwords writes the file of the private registry's users, which takes bcrypt alone.
registry_passwords() {
    local file=$etc/private-registry.htpasswd
    [[ -s $file ]] || (umask 077 && once_secret private-registry | python3 -W ignore -c '
import crypt, sys
print(sys.argv[1] + ":" + crypt.crypt(sys.stdin.read().strip(), crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=2**5)))
' "$private_registry_user" >"$file")
}

# 401 is an answer, too.
ready_registries() {
    wait_for registry curl -s -o /dev/null --max-time 10 "http://$registry/v2/"
    wait_for private-registry curl -s -o /dev/null --max-time 10 "http://$private_registry/v2/"
}

# registry_hosts tells containerd that neither registry speaks TLS.
registry_hosts() {
    local host
    for host in "$registry" "$private_registry"; do
        mkdir -p "$etc/certs.d/$host"
        put "$etc/certs.d/$host/hosts.toml" <<CONF
server = "http://$host"
[host."http://$host"]
  capabilities = ["pull", "resolve"]
CONF
    done
}

# publish_images pushes what functions are made of, unless it is there already. The private registry
# begins empty.
publish_images() {
    local name=echo key
    key=$(cat "$images/$name")
    [[ ! -s $images/$name.published || $(<"$images/$name.published") != "$key" ]] || return 0
    local ctr=(ctr --address "$containerd_socket" --namespace k8s.io) image=$registry/faas-mini/$name:dev
    {
        "${ctr[@]}" images tag --force "docker.io/faas-mini/$name:dev" "$image" &&
            "${ctr[@]}" images push --plain-http "$image" && "${ctr[@]}" images remove "$image"
    } >>"$logs/images.log" 2>&1 || fail "image $image could not be pushed; see $logs/images.log"
    echo "$key" >"$images/$name.published"
    say "image $image in the registry"
}

stop_registries() {
    stop registry TERM 5
    stop private-registry TERM 5
    rm -f "$pids"/{registry,private-registry}.key
}
