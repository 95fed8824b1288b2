# What contrib/ adds to the OpenStack services' own Python, as its distributions are installed:
# beside Debian's packages, in a folder of its own that is on their PYTHONPATH. Sourced.

plugins=$state/python

# plugins_key NAME… prints a checksum of the distributions' files; one may be missing.
plugins_key() {
    local name
    for name in "$@"; do
        [[ ! -d $repository/contrib/$name ]] ||
            (cd "$repository/contrib" && plugins_files "$name" -print0 | sort -z | xargs -0r sha256sum)
    done | sha256sum | cut -c 1-16
}

# plugins_files NAME OPTION… is find for the files of one, without what building it leaves.
plugins_files() {
    local name=$1
    shift
    find "$name" \( -name __pycache__ -o -name build -o -name '*.egg-info' \) -prune -o -type f "$@"
}

# install_plugins installs all of them, if one has changed, or as they are kept from when they were
# installed before. It takes nothing from a network.
install_plugins() {
    local files names=() key kept
    for files in "$repository"/contrib/*/pyproject.toml; do
        [[ ! -e $files ]] || names+=("$(basename "${files%/*}")")
    done
    key=$(plugins_key "${names[@]}")
    [[ ! -s $plugins/.key || $(<"$plugins/.key") != "$key" ]] || return 0
    rm -rf "$plugins".*
    mkdir "$plugins.part"
    kept=$cache/plugins-$key.tar
    if [[ ! -s $kept ]]; then
        build_plugins "${names[@]}"
        keep "$cache/plugins" "$kept" tar -C "$plugins.part" -c .
    else
        tar -C "$plugins.part" -xf "$kept"
    fi
    echo "$key" >"$plugins.part/.key"
    [[ ! -e $plugins ]] || mv "$plugins" "$plugins.old"
    mv "$plugins.part" "$plugins"
    rm -rf "$plugins".*
    say "contrib installed: ${names[*]:-nothing}"
}

# build_plugins NAME… installs them into a folder beside. Building writes into the sources.
build_plugins() {
    (($#)) || return 0
    mkdir "$plugins.source"
    cp -r "${@/#/$repository/contrib/}" "$plugins.source"
    (cd "$plugins.source" && env --ignore-environment PATH="$PATH" HOME="$state" LC_ALL=C.UTF-8 \
        /usr/bin/python3 -m pip install --quiet --no-deps --no-build-isolation --no-index \
        --disable-pip-version-check --root-user-action=ignore --target "$plugins.part" "${@/#/./}") \
        >>"$logs/plugins.log" 2>&1 || fail "contrib's distributions cannot be installed; see $logs/plugins.log"
}
