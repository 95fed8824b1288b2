"""Magnum's driver of the mini cloud: a cluster is a real Kubernetes on this machine, on the authority that Magnum made.

machines.py, at the socket MINI_MACHINES, starts and ends them; a stack's id is the name there. A label
certificate_seconds of the cluster makes the certificates that Magnum signs last that long: Magnum itself counts in
days, too long for a test to see the end of one. A cluster with the label kubernetes=none is complete without any.
"""
import datetime
import json
import os
import socket

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from magnum.common.x509 import operations
from magnum.conductor.handlers.common import cert_manager
from magnum.drivers.common import driver
from magnum.objects import fields

STATUS = fields.ClusterStatus


def ask(verb, name, **more):
    """The answer of machines.py."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(os.environ['MINI_MACHINES'])
        line.sendall(json.dumps({'verb': verb, 'name': name, **more}).encode() + b'\n')
        answer = json.loads(line.makefile().readline())
    if 'error' in answer:
        raise RuntimeError(answer['error'])
    return answer


def stack(cluster):
    """The name of the cluster's machine, known before anything is made."""
    return 'm' + cluster.uuid[:6]


def text(value):
    return value.decode() if isinstance(value, bytes) else value


class Driver(driver.Driver):

    @property
    def provides(self):
        return [{'server_type': 'vm', 'os': 'mini', 'coe': 'kubernetes'}]

    def create_cluster(self, context, cluster, cluster_create_timeout):
        authority = cert_manager.get_cluster_ca_certificate(cluster, context)
        key = operations.decrypt_key(authority.get_private_key(), authority.get_private_key_passphrase())
        cluster.stack_id = stack(cluster)
        ask('create', stack(cluster), certificate=text(authority.get_certificate()), key=text(key),
            none=cluster.labels.get('kubernetes') == 'none', nodes=cluster.default_ng_worker.node_count)

    def update_cluster_status(self, context, cluster, use_admin_ctx=False):
        if cluster.stack_id is None and cluster.status == STATUS.CREATE_IN_PROGRESS:
            return  # create_cluster is still to come
        found = ask('show', stack(cluster))
        action = cluster.status.split('_')[0]
        if found['state'] == 'busy':
            return
        if found['state'] == 'gone':
            done = 'COMPLETE' if action == 'DELETE' else 'FAILED'
        else:
            done = 'COMPLETE' if found['state'] == 'up' else 'FAILED'
        cluster.status, cluster.status_reason = f'{action}_{done}', found.get('reason')
        cluster.api_address = found.get('address') or cluster.api_address
        cluster.coe_version = found.get('version')
        cluster.save()
        for group in cluster.nodegroups:
            group.status = cluster.status
            group.node_addresses = found.get('masters' if group.role == 'master' else 'nodes', [])
            group.save()

    def resize_cluster(self, context, cluster, resize_manager, node_count, nodes_to_remove, nodegroup=None):
        ask('resize', stack(cluster), nodes=node_count, remove=nodes_to_remove)

    def update_cluster(self, context, cluster, scale_manager=None, rollback=False):
        ask('resize', stack(cluster), nodes=cluster.default_ng_worker.node_count, remove=[])

    def delete_cluster(self, context, cluster):
        ask('delete', stack(cluster))

    def upgrade_cluster(self, context, cluster, cluster_template, max_batch_size, nodegroup, scale_manager=None,
                        rollback=False):
        raise NotImplementedError

    def create_federation(self, context, federation):
        raise NotImplementedError

    def update_federation(self, context, federation):
        raise NotImplementedError

    def delete_federation(self, context, federation):
        raise NotImplementedError

    def create_nodegroup(self, context, cluster, nodegroup):
        raise NotImplementedError

    def update_nodegroup(self, context, cluster, nodegroup):
        raise NotImplementedError

    def delete_nodegroup(self, context, cluster, nodegroup):
        raise NotImplementedError


def shorten(cluster, certificate, context, seconds):
    """The same certificate with an earlier end."""
    authority = cert_manager.get_cluster_ca_certificate(cluster, context)
    key = serialization.load_pem_private_key(
        authority.get_private_key().encode(), authority.get_private_key_passphrase().encode())
    long = x509.load_pem_x509_certificate(certificate)
    end = datetime.datetime.utcnow() + datetime.timedelta(seconds=seconds)
    builder = x509.CertificateBuilder(
        long.issuer, long.subject, long.public_key(), long.serial_number, long.not_valid_before, end,
        list(long.extensions))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).strip()


def sign_node_certificate(cluster, csr, ca_cert_type=None, context=None):
    certificate = sign_as_magnum(cluster, csr, ca_cert_type, context=context)
    seconds = cluster.labels.get('certificate_seconds')
    return shorten(cluster, certificate, context, int(seconds)) if seconds else certificate


sign_as_magnum = cert_manager.sign_node_certificate
cert_manager.sign_node_certificate = sign_node_certificate
