# MariaDB as a service under test needs it: what is committed is on disk. root
# comes in by the socket alone, faas by the port with a random password. Sourced.

mariadb_data=$state/mariadb
mariadb_socket=$run/mariadb/socket
mariadb_tables=$state/mariadb-tables    # temporary ones: a server that starts removes those of others in its folder

start_mariadb() {
    runs mariadb && return
    install -d -o mysql -g mysql "$run/mariadb"
    install -d -o mysql -g mysql -m 700 "$mariadb_tables"
    [[ -d $mariadb_data/mysql ]] || make_mariadb
    run mariadb mariadbd --no-defaults --user=mysql --datadir="$mariadb_data" --socket="$mariadb_socket" \
        --tmpdir="$mariadb_tables" --pid-file="$run/mariadb/pid" \
        --bind-address=127.0.0.1,$node_ip --port=$mariadb_port --skip-name-resolve --skip-log-bin \
        --character-set-server=utf8mb4 --max-connections=600 \
        --innodb-flush-log-at-trx-commit=1 --innodb-buffer-pool-size=256M --innodb-log-file-size=96M
}

make_mariadb() {
    rm -rf "$mariadb_data"    # one that was interrupted half way
    install -d -o mysql -g mysql -m 700 "$mariadb_data"
    TMPDIR=$mariadb_tables mariadb-install-db --no-defaults --user=mysql --datadir="$mariadb_data" \
        --auth-root-authentication-method=socket --skip-test-db >>"$logs/mariadb.log" 2>&1 ||
        fail "MariaDB could not make its data; see $logs/mariadb.log"
}

# mariadb_root [DATABASE] runs the statements on standard input.
mariadb_root() { mariadb --no-defaults --user=root --socket="$mariadb_socket" "$@"; }

mariadb_answers() { mariadb_root <<<'SELECT 1'; }

# ready_mariadb waits, then makes the user. It may make databases of its own
# named faas_…, one for each test that wants an empty one.
ready_mariadb() {
    wait_for mariadb mariadb_answers
    mariadb_root <<SQL
CREATE DATABASE IF NOT EXISTS faas;
CREATE USER IF NOT EXISTS faas@'%';
SET PASSWORD FOR faas@'%' = PASSWORD('$(once_secret mariadb)');
GRANT ALL ON faas.* TO faas@'%';
GRANT ALL ON \`faas\\_%\`.* TO faas@'%';
SQL
}

mariadb_url() { echo "mysql+pymysql://faas:$(once_secret mariadb)@127.0.0.1:$mariadb_port/faas?charset=utf8mb4"; }

stop_mariadb() { stop mariadb TERM 30; }
