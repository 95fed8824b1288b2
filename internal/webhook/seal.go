package webhook

import "github.com/openstack-faas/faas/internal/faas"

// Seal encrypts the secret that a webhook's senders sign with, for the database. A signature cannot
// be checked by a hash of its key, so the key itself must be kept; sealed, a copy of the database
// alone does not tell it. It opens for the webhook of this id only: a row that is copied into
// another webhook opens nothing.
func (k *Keys) Seal(id string, secret faas.Secret) string { return k.sealer.Seal(id, secret) }

// Open returns what Seal has sealed; seal.ErrSealed says that it was sealed by another
// webhook_secret or for another webhook.
func (k *Keys) Open(id, sealed string) (faas.Secret, error) { return k.sealer.Open(id, sealed) }
