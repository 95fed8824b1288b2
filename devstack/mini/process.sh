# Messages, and processes started in the background: each has a file with its
# process id and start time, so that `down` ends what `up` started and never a
# stranger that got the same id later. Sourced.

started=$EPOCHREALTIME

say() {
    local now=$EPOCHREALTIME
    printf '%5.1f s  %s\n' "$(((${now/./} - ${started/./}) / 100000))e-1" "$*"
}

fail() {
    printf 'mini cloud: %s\n' "$*" >&2
    exit 1
}

# lock makes a second `up` or `down` wait until this one has ended. It is held on a
# folder that is always there, so that no file of it is left.
lock() {
    exec 9<"${run%/*}"
    flock 9
}

# start_time prints when a process started, in clock ticks since boot; nothing
# for a process that is gone. A zombie counts as gone: process 1 may reap late.
start_time() {
    local stat fields
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
    read -ra fields <<<"${stat##*) }"    # the name before it may hold spaces
    [[ ${fields[0]} == Z ]] || echo "${fields[19]}"
}

# pid_of prints the process id of a part that runs, and fails when it does not.
pid_of() {
    local pid started_at
    [[ -s $pids/$1 ]] && read -r pid started_at <"$pids/$1" || return 1
    [[ -n $started_at && $(start_time "$pid") == "$started_at" ]] && echo "$pid"
}

runs() { pid_of "$1" >/dev/null; }

# run starts a part unless it runs: run NAME COMMAND…
run() {
    local name=$1 pid
    shift
    runs "$name" && return
    # Nothing of the caller's environment, a proxy or a secret. 9 is the lock, 3 that of a caller's
    # own flock: a part that inherited one would hold it for ever.
    setsid nohup env --ignore-environment --chdir=/ PATH="$PATH" HOME="$state" LC_ALL=C.UTF-8 "$@" \
        >>"$logs/$name.log" 2>&1 </dev/null 3>&- 9>&- &
    pid=$!
    disown
    echo "$pid $(start_time $pid)" >"$pids/$name"
}

# wait_for polls a command until it succeeds, and gives up at once when the part
# it waits for is gone: wait_for NAME COMMAND…
wait_for() {
    local name=$1 deadline=$((SECONDS + hang_timeout))
    shift
    until "$@" >/dev/null 2>&1; do
        runs "$name" || fail "$name ended: $(tail -n 3 "$logs/$name.log"). See $logs/$name.log"
        ((SECONDS < deadline)) || fail "$name is not ready in time; see $logs/$name.log"
        sleep 0.1
    done
    say "$name ready"
}

# stop ends a part and waits for it: with the signal first, with KILL after the
# given seconds. stop NAME SIGNAL SECONDS
stop() {
    local pid deadline=$((SECONDS + $3))
    if pid=$(pid_of "$1"); then
        kill -s "$2" "$pid" 2>/dev/null || true
        while runs "$1"; do
            ((SECONDS < deadline)) || kill -s KILL "$pid" 2>/dev/null || true
            sleep 0.05
        done
    fi
    rm -f "$pids/$1"
}

# checksum prints that of files, with their names. It is remembered under a name until one of them
# is written anew: the programs are hundreds of megabytes. checksum NAME FILE…
checksum() {
    local record=$run/sums/$1 written
    shift
    written=$(stat --dereference --format='%n %d %i %s %.9Z' "$@") || return
    if [[ ! -s $record || $(tail -n +2 "$record") != "$written" ]]; then
        mkdir -p "${record%/*}"
        { sha256sum "$@" | sha256sum && echo "$written"; } >"$record.part" || return
        mv "$record.part" "$record"
    fi
    head -n 1 "$record"
}

# stop_if_changed stops a part that was started from other contents of its files, and keeps a
# checksum of what they are now: stop_if_changed NAME FILE…
stop_if_changed() {
    local name=$1 key
    shift
    key=$(checksum "$name" "$@")
    if runs "$name" && [[ ! -s $pids/$name.key || $(<"$pids/$name.key") != "$key" ]]; then
        stop "$name" TERM 60
    fi
    echo "$key" >"$pids/$name.key"
}

# listens succeeds when something accepts connections: listens ADDRESS PORT
listens() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# put writes standard input to a file, and leaves one that says the same
# untouched: kube-proxy ends when its file is written.
put() {
    local text
    text=$(cat)
    [[ -f $1 && $(<"$1") == "$text" ]] || printf '%s\n' "$text" >"$1"
}

# once_secret prints a random secret that is made on first use and kept.
once_secret() {
    local file=$state/secrets/$1
    [[ -s $file ]] || (umask 077 && openssl rand -hex 16 >"$file")
    cat "$file"
}
