# RabbitMQ with a cookie, a port mapper and a user of its own. Sourced.

rabbitmq_data=$state/rabbitmq

start_rabbitmq() {
    runs rabbitmq && return
    install -d -o rabbitmq -g rabbitmq -m 700 "$rabbitmq_data"
    run epmd setpriv --reuid=rabbitmq --regid=rabbitmq --clear-groups epmd -address 127.0.0.1 -port $epmd_port
    rabbitmq_configuration
    run rabbitmq setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups \
        env "${rabbitmq_environment[@]}" /usr/lib/rabbitmq/bin/rabbitmq-server
}

# The first start makes the user; guest, that everybody knows, never exists.
rabbitmq_configuration() {
    (umask 077 && put "$rabbitmq_data/rabbitmq.conf") <<CONF
listeners.tcp.1 = 127.0.0.1:$rabbitmq_port
listeners.tcp.2 = $node_ip:$rabbitmq_port
default_user = faas
default_pass = $(once_secret rabbitmq)
log.file = false
log.console = true
log.console.level = info
CONF
    (umask 077 && put "$rabbitmq_data/.erlang.cookie" < <(once_secret erlang))
    chown rabbitmq: "$rabbitmq_data/rabbitmq.conf" "$rabbitmq_data/.erlang.cookie"
    chmod 400 "$rabbitmq_data/.erlang.cookie"
    put "$rabbitmq_data/enabled_plugins" <<<'[].'
}

rabbitmq_environment=(
    HOME="$rabbitmq_data"
    RABBITMQ_NODENAME=mini@localhost
    RABBITMQ_MNESIA_BASE="$rabbitmq_data/mnesia"
    RABBITMQ_LOG_BASE="$rabbitmq_data/log"
    RABBITMQ_CONFIG_FILE="$rabbitmq_data/rabbitmq.conf"
    RABBITMQ_ENABLED_PLUGINS_FILE="$rabbitmq_data/enabled_plugins"
    RABBITMQ_CONF_ENV_FILE=/dev/null
    RABBITMQ_PID_FILE="$rabbitmq_data/pid"
    ERL_CRASH_DUMP="$rabbitmq_data/erl_crash.dump"
    RABBITMQ_DIST_PORT="$rabbitmq_dist_port"
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
    ERL_EPMD_PORT="$epmd_port"
    ERL_EPMD_ADDRESS=127.0.0.1
    RUNNING_UNDER_SYSTEMD=true    # the server takes the place of its shell script: one process id to know
    LANG=C.UTF-8
)

# Its listener comes last, when queues and users are there.
ready_rabbitmq() { wait_for rabbitmq listens 127.0.0.1 $rabbitmq_port; }

# bound_notifications keeps the last notifications only: there may be nobody who reads them. Once is
# enough, RabbitMQ remembers.
bound_notifications() {
    local done=$rabbitmq_data/notifications-bounded
    [[ ! -e $done ]] || return 0
    rabbitmqctl_here set_policy notifications '^notifications\.' \
        '{"max-length": 10000}' --apply-to queues >>"$logs/rabbitmq.log" 2>&1 ||
        fail "RabbitMQ takes no policy for notifications; see $logs/rabbitmq.log"
    touch "$done"
}

# rabbitmqctl_here COMMAND… tells this RabbitMQ.
rabbitmqctl_here() {
    setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups env "${rabbitmq_environment[@]}" \
        /usr/lib/rabbitmq/bin/rabbitmqctl --quiet "$@"
}

rabbitmq_url() { echo "rabbit://faas:$(once_secret rabbitmq)@127.0.0.1:$rabbitmq_port/"; }

stop_rabbitmq() {
    stop rabbitmq TERM 30
    stop epmd TERM 5
}
