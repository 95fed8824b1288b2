# Where the mini cloud keeps what, and which addresses and ports it uses.
# Sourced by every script here, and by the parts of each other's.
# shellcheck disable=SC2034 # no script uses all of it

mini=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$mini/../.." && pwd)

run=/run/faas-mini              # sockets, process ids; gone after a reboot. Short: a socket's path has 107 bytes
state=/var/lib/faas-mini        # databases, images, certificates, configuration, logs; kept by `down`
pids=$run/pids
logs=$state/log
etc=$state/etc
pki=$state/pki
cache=${XDG_CACHE_HOME:-$HOME/.cache}/faas    # what took long to build, by version; outlives `down --purge`

cloud=base                      # what there is; `up core` makes it more
kubernetes_version=v1.34.4
node=mini
bridge=faas-pods                # one bridge for every pod; it carries the node's address too
node_ip=10.250.0.1              # private to this machine: nothing of Kubernetes listens on an outside address
pod_cidr=10.244.0.0/24
pod_gateway=10.244.0.1
service_cidr=10.96.0.0/16
api_service_ip=10.96.0.1
api=https://$node_ip:6443
world=faas-world                # the network namespace, and the interface that leads to it
# Of TEST-NET-2 (RFC 5737): nobody else's, anywhere. Functions must be allowed to reach it.
world_ip=198.51.100.1
world_gateway=198.51.100.254
containerd_socket=$run/containerd.sock

mariadb_port=3306
rabbitmq_port=5672
epmd_port=14369                 # an Erlang port mapper of our own: one that others share could not be stopped
rabbitmq_dist_port=14370
etcd_port=2379
etcd_peer_port=2380
registry_port=5001
private_registry_port=5002
keystone_port=5000              # this and the following in the world, not on this machine
memcached_port=11211
swift_port=8080
swift_object_port=6200
swift_container_port=6201
swift_account_port=6202
aodh_port=8042
zaqar_port=8888
glance_port=9292
magnum_port=9511
heat_port=8004
mistral_port=8989
horizon_port=8090

# How many seconds are waited for what only a hang keeps from coming. What ends is not waited for.
hang_timeout=300

# A python or a compiler of the user's own must not stand before Debian's, and
# no proxy between processes of one machine. Go is where the user has it.
go=$(command -v go || true)
umask 022
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
no_proxy=$node_ip,$world_ip,127.0.0.1,localhost
export no_proxy NO_PROXY=$no_proxy

# What differs between this cluster, whose node is the machine itself, and those of ./node.
enter=()                        # the command that a part is started with, to be in its node's network
pods_group=${CLOUD_NAME:+$CLOUD_NAME-}faas-mini    # control groups: of every pod, and of the node's own programs
node_group=${CLOUD_NAME:+$CLOUD_NAME-}faas-mini-node
