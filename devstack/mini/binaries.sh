# What is built from Go modules: kubernetes/, netpol/, with CLOUD_GVISOR=1 gvisor/, and Helm. They
# are kept in $cache under a name made of their version and sources, so that a
# second machine start, or a second checkout, builds nothing. Sourced.

kubernetes_binary() { echo "$cache/kubernetes-$kubernetes_version-$(sources_of kubernetes)"; }
netpol_binary() { echo "$cache/netpol-$(sources_of netpol)"; }

# A folder: containerd and the shim find both programs of gVisor by their names.
gvisor_folder() { echo "$cache/gvisor-$(sources_of gvisor)"; }
kubernetes_cached() { [[ -x $(kubernetes_binary) ]]; }

# sources_of prints a short checksum of a module's files, its tests left out.
sources_of() {
    local file files=()
    for file in "$mini/$1"/go.mod "$mini/$1"/go.sum "$mini/$1"/*.go; do
        [[ $file == *_test.go ]] || files+=("$file")
    done
    cat "${files[@]}" | sha256sum | cut -c 1-12
}

build_binaries() {
    build kubernetes "$(kubernetes_binary)" "$(kubernetes_version_flags)" \
        '10 to 20 minutes on two cores, 6 GB of build cache'
    build netpol "$(netpol_binary)" ''
    [[ -z ${CLOUD_GVISOR:-} ]] || build_gvisor
}

build_gvisor() {
    mkdir -p "$(gvisor_folder)"
    build gvisor "$(gvisor_folder)/containerd-shim-runsc-v1" '' '2 to 8 minutes on two cores'
    build gvisor "$(gvisor_folder)/runsc" "" "" gvisor.dev/gvisor/runsc
}

helm_binary() { echo "$cache/helm-$(cat "$repository"/tools/helm/go.{mod,sum} | sha256sum | cut -c 1-12)"; }

build_helm() {
    local binary
    binary=$(helm_binary)
    [[ ! -x $binary ]] || return 0
    mkdir -p "$cache"
    say 'building helm, once: 3 minutes on two cores'
    (
        cd "$repository/tools/helm" &&
            GOFLAGS=-trimpath nice -n 19 "$go" build -ldflags '-s -w' -o "$binary.part" \
                helm.sh/helm/v3/cmd/helm
    ) >"$logs/build-helm.log" 2>&1 || fail "helm could not be built; see $logs/build-helm.log"
    mv "$binary.part" "$binary"
}

# build MODULE OUTPUT LDFLAGS [NOTE [PACKAGE]]. The output goes into place in one step: a build that
# was interrupted is not taken for a good one.
build() {
    [[ -x $2 ]] && return
    mkdir -p "$cache"
    say "building $1, once${4:+: $4}"
    (
        cd "$mini/$1" &&
            CGO_ENABLED=0 GOFLAGS=-trimpath nice -n 19 "$go" build -buildvcs=false -ldflags "-s -w $3" -o "$2.part" \
            "${5:-.}"
    ) >"$logs/build-$1.log" 2>&1 ||
        fail "$1 could not be built; see $logs/build-$1.log"
    mv "$2.part" "$2"
    say "$1 built"
}

# Without these Kubernetes calls itself v0.0.0, and clients doubt its features.
kubernetes_version_flags() {
    local package flags=
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        flags+=" -X $package.gitVersion=$kubernetes_version -X $package.gitMajor=1 -X $package.gitMinor=34"
        flags+=" -X $package.gitCommit=unknown -X $package.gitTreeState=clean"
    done
    echo "$flags"
}
