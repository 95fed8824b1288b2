# The root file systems of the images, each from this machine's own Debian
# packages: root_NAME FOLDER fills the folder. Sourced by archive.sh.

root_pause() { gcc -Os -static -s -o "$1/pause" "$mini/images/pause.c"; }

root_agent() { install -D -m 755 "$repository/bin/faas-agent" "$1/usr/bin/faas-agent"; }

root_gateway() { root_of_service "$1" faas-gateway; }

# root_of_service FOLDER PROGRAM is the same as deploy/images/Dockerfile makes.
root_of_service() {
    install -D -m 755 "$repository/bin/$2" "$1/usr/bin/$2" && mkdir "$1/tmp" && chmod 1777 "$1/tmp" &&
        install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/ca-certificates.crt"
}

# root_echo is an image of a user, as it were: a program, and nothing that is ours.
root_echo() (
    cd "$repository" && CGO_ENABLED=0 "$go" build -trimpath -ldflags='-s -w' -o "$1/echo" ./devstack/mini/images/echo
)

root_python3() {
    local python library
    python=$(realpath /usr/bin/python3)
    library=/usr/lib/${python##*/}
    root_of_language "$1" python3 &&
        copy_programs "$1" "$python" "$library"/lib-dynload/*.so &&
        ln -s "${python##*/}" "$1/usr/bin/python3" &&
        copy_python_library "$1" "$library" &&
        copy_openstack_modules "$1" &&
        compile_python "$python" "$1" "$library" "$python_packages" /usr/lib/faas
}

root_nodejs() {
    root_of_language "$1" nodejs && copy_programs "$1" /usr/bin/node && copy_node_library "$1"
}

# Debian's own Node.js reads these from files, where others have them built in.
copy_node_library() {
    local part
    for part in /usr/share/nodejs/{acorn,acorn-walk,cjs-module-lexer,minimatch,undici}; do
        [[ ! -d $part ]] || { mkdir -p "$1/usr/share/nodejs" && cp -rL "$part" "$1/usr/share/nodejs/"; } || return
    done
}

# root_of_language FOLDER NAME is what both languages need: a shell, users, names,
# certificates, the agent, and the language's shim.
root_of_language() {
    mkdir -p "$1"/{dev,etc/ssl/certs,proc,sys,tmp,usr/lib/faas,var/tmp} && chmod 1777 "$1/tmp" "$1/var/tmp" &&
        printf '%s\n' 'root:x:0:0:root:/:/bin/sh' 'faas:x:1000:1000::/tmp:/bin/sh' \
            'nobody:x:65534:65534:nobody:/:/bin/false' >"$1/etc/passwd" &&
        printf '%s\n' root:x:0: faas:x:1000: nogroup:x:65534: >"$1/etc/group" &&
        echo 'hosts: files dns' >"$1/etc/nsswitch.conf" &&
        cp -L /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/" &&
        copy_programs "$1" /bin/sh && root_agent "$1" &&
        cp -r "$repository/runtimes/$2" "$1/usr/lib/faas/$2" &&
        find "$1" -name __pycache__ -prune -exec rm -r {} +
}

# copy_programs FOLDER FILE… copies files with every library that they load. The
# dynamic linker is among them; name resolution loads its own by name.
copy_programs() {
    local root=$1 file
    shift
    {
        printf '%s\n' "$@" /lib/*-linux-gnu/{libnss_dns,libnss_files,libresolv}.so.2 &&
            ldd "$@" | grep -oE '/[^ :]+\.so[^ :]*'
    } | sort -u |
        while read -r file; do install -D -m 755 "$file" "$root$file" || return; done
}

copy_python_library() {
    tar -C / --exclude=__pycache__ --exclude=test --exclude=tests --exclude=idlelib --exclude=tkinter \
        --exclude=turtledemo \
        --exclude=lib2to3 --exclude=ensurepip --exclude='config-3*' -cf - "${2#/}" | tar -C "$1" -xf -
}

python_packages=/usr/lib/python3/dist-packages
keystoneauth=$python_packages/keystoneauth1

# copy_openstack_modules FOLDER copies keystoneauth1 and what it needs, for functions that speak to
# OpenStack. CLOUD=base has none of it. importlib_metadata is found in place of pkg_resources, which
# takes twice as long to import.
copy_openstack_modules() {
    mkdir -p "$1$python_packages"
    [[ -d $keystoneauth ]] || return 0
    dpkg -L python3-{keystoneauth1,certifi,chardet,charset-normalizer,idna,importlib-metadata,iso8601} \
        python3-{more-itertools,os-service-types,pbr,requests,six,stevedore,urllib3,zipp} |
        grep "^$python_packages/.*\.\(py\|txt\|so\|json\|pem\)$\|^$python_packages/.*-info/" |
        tar -C / --no-recursion --exclude=__pycache__ --exclude=tests --transform='s:^/::' -T - -cPf - |
        tar -C "$1" -xf -
}

# compile_python PYTHON FOLDER LIBRARY… compiles to files that are valid whatever
# time the layer gives to the source: others would be compiled at every start.
compile_python() {
    local python=$1 root=$2 library
    shift 2
    for library in "$@"; do
        "$python" -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$root" -p / "$root$library" || return
    done
}
