# Container images without a builder: a folder becomes an
# archive of one layer, the archive goes to containerd. Sourced by cluster.sh.

. "$mini/images/roots.sh"

images=$state/images
provide_images() { import_images; }
# shellcheck disable=SC2034 # read by configuration.sh
pause_image=docker.io/faas-mini/pause:dev

# import_images makes each image that is missing or whose parts have changed.
# Pods get the new one when they are made again.
import_images() {
    mkdir -p "$images"
    [[ -x $repository/bin/faas-agent ]] || build_agent
    local agent=$repository/bin/faas-agent runtimes=$repository/runtimes openstack=()
    [[ ! -d $keystoneauth ]] || openstack=("$keystoneauth")
    image pause '"Entrypoint": ["/pause"], "User": "65535:65535"' "$mini/images/pause.c"
    image agent '"Entrypoint": ["/usr/bin/faas-agent"], "Cmd": ["pod"], "User": "1001:1001"' "$agent"
    image python3 "$(settings_of /usr/bin/python3 -I -u -B -X utf8 /usr/lib/faas/python3/main.py)" \
        "$agent" "$runtimes/python3" "$(realpath /usr/bin/python3)" "${openstack[@]}"
    local command=(/usr/bin/node --max-old-space-size=32 --max-semi-space-size=1 --v8-pool-size=0)
    image nodejs "$(settings_of "${command[@]}" /usr/lib/faas/nodejs/root.js)" \
        "$agent" "$runtimes/nodejs" /usr/bin/node
    image echo '"Entrypoint": ["/echo"]' "$mini/images/echo"
}

build_agent() {
    (cd "$repository" && CGO_ENABLED=0 "$go" build -trimpath -ldflags='-s -w' -o bin/ ./cmd/faas-agent) \
        >"$logs/build-agent.log" 2>&1 ||
        fail "faas-agent could not be built; see $logs/build-agent.log"
}

# settings_of COMMAND… is the settings of an image whose process 1 starts a language's
# shim when the agent beside it says so.
settings_of() {
    local entrypoint
    printf -v entrypoint ', "%s"' /usr/bin/faas-agent runtime -- "$@"
    printf '"Entrypoint": [%s], "User": "1000:1000", "WorkingDir": "/tmp", ' "${entrypoint#, }"
    echo '"Env": ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"]'
}

# image NAME SETTINGS PART… makes docker.io/faas-mini/NAME:dev from what root_NAME
# puts into a folder, unless it was made from the same parts.
image() {
    local name=$1 settings=$2 key work parts kept
    shift 2
    mapfile -d '' parts < <(find "$@" "$mini/images" -type f -not -path '*/__pycache__/*' -print0 | sort -z)
    key=$(checksum "${images##*/}-$name" "${parts[@]}")
    [[ ! -s $images/$name || $(<"$images/$name") != "$key" ]] || return 0
    work=$(mktemp -d "$images/.work-XXXXXX")
    kept=$work/image.tar
    [[ ! $name =~ ^(python3|nodejs)$ ]] || kept=$(kept_archive "$name" "$key")
    if ! {
        { [[ -s $kept ]] || make_archive "$name" "$settings" "$work" "$kept"; } &&
            ctr --address "$containerd_socket" --namespace k8s.io images import --digests=false "$kept"
    } >>"$logs/images.log" 2>&1; then
        rm -rf "$work"
        fail "image $name could not be made; see $logs/images.log"
    fi
    rm -rf "$work"
    echo "$key" >"$images/$name"
    say "image faas-mini/$name:dev"
}

# kept_archive NAME KEY prints where the archive of a language is kept, for the next cloud of this
# machine: it takes a while to make. It depends on Debian's packages, too.
kept_archive() {
    echo "$cache/images/${images##*/}-$1-$(cat - /var/lib/dpkg/status <<<"$2" | sha256sum | cut -c 1-32).tar"
}

# make_archive NAME SETTINGS WORK FILE makes it in the folder WORK. Of those that are kept, the last
# two stay.
make_archive() {
    local name=$1 settings=$2 work=$3 file=$4
    mkdir "$work/root" && "root_$name" "$work/root" && archive "docker.io/faas-mini/$name:dev" "$work" "$settings" ||
        return
    [[ $file != "$work/image.tar" ]] || return 0
    mkdir -p "${file%/*}" && mv "$work/image.tar" "$file.$$" && mv "$file.$$" "$file" || return
    find "${file%/*}" -name "$(basename "${file%-*}")-*.tar" -printf '%T@ %p\n' |
        sort -rn | tail -n +3 | cut -d ' ' -f 2- | xargs -r rm -f
}

# archive NAME WORK SETTINGS writes WORK/image.tar from WORK/root, the way `docker
# save` does. SETTINGS are members of the image's "config" object. Times and owners
# are left out, so that the same files give the same image.
archive() {
    local work=$2 layer config
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$work/root" -cf "$work/layer.tar" .
    layer=$(sha256sum "$work/layer.tar" | cut -c 1-64)
    {
        printf '{"architecture": "%s", "os": "linux", "config": {%s}, ' "$(dpkg --print-architecture)" "$3"
        printf '"rootfs": {"type": "layers", "diff_ids": ["sha256:%s"]}}' "$layer"
    } >"$work/config.json"
    config=$(sha256sum "$work/config.json" | cut -c 1-64).json
    mv "$work/config.json" "$work/$config"
    printf '[{"Config": "%s", "RepoTags": ["%s"], "Layers": ["layer.tar"]}]' "$config" "$1" >"$work/manifest.json"
    tar -C "$work" -cf "$work/image.tar" manifest.json "$config" layer.tar
}
