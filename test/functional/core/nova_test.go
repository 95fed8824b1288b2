package core

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/openstack-faas/faas/internal/faas"
)

// nova publishes notifications as Nova does: on its own exchange, in the second version of
// oslo.messaging's envelope, with the context of whoever asked and an unversioned payload.
type nova struct{ channel *amqp.Channel }

func newNova(t *testing.T) nova {
	t.Helper()
	conn, err := amqp.Dial("amqp" + strings.TrimPrefix(os.Getenv("TRANSPORT_URL"), "rabbit"))
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	channel, err := conn.Channel()
	must(t, err)
	must(t, channel.ExchangeDeclare("nova", "topic", false, false, false, false, nil))
	return nova{channel}
}

// deleted says that a server of a project was deleted.
func (n nova) deleted(ctx context.Context, t *testing.T, projectID, server string) {
	t.Helper()
	now := time.Now().UTC()
	message, err := json.Marshal(map[string]any{
		"message_id": faas.NewID(), "publisher_id": "compute.host-1", "event_type": "compute.instance.delete.end",
		"priority": "INFO", "timestamp": now.Format("2006-01-02 15:04:05.000000"), "_unique_id": faas.NewID(),
		// Who asked: here an administrator, of a project of their own.
		"_context_request_id": "req-" + faas.NewID(), "_context_project_id": "3e4b2c1d5f6a4b7c8d9e0f1a2b3c4d5e",
		"_context_project_name": "admin", "_context_user_name": "admin", "_context_is_admin": true,
		"_context_roles": []string{"admin", "member", "reader"}, "_context_timestamp": now.Format(time.RFC3339Nano),
		"payload": map[string]any{
			"tenant_id": projectID, "user_id": "8d7e3c0b9a5f4e6d8c7b6a5f4e3d2c1b", "instance_id": server,
			"display_name": "web-1", "hostname": "web-1", "reservation_id": "r-npxv0e40", "host": "host-1", "node": "host-1",
			"instance_type": "m1.small", "instance_type_id": 5, "architecture": "x86_64",
			"instance_flavor_id": "2", //nolint:misspell // as Nova calls it
			"memory_mb":          2048, "disk_gb": 20, "vcpus": 1, "root_gb": 20, "ephemeral_gb": 0, "availability_zone": "nova",
			"created_at": "2030-01-01 00:00:00+00:00", "launched_at": "2030-01-01T00:00:10.000000",
			"terminated_at": now.Format("2006-01-02T15:04:05.000000"), "deleted_at": now.Format("2006-01-02T15:04:05.000000"),
			"image_ref_url": "http://glance/images/155d900f-4e14-4e4c-a73d-069cbf4541e6", "image_meta": map[string]any{},
			"os_type": nil, "kernel_id": "", "ramdisk_id": "", "metadata": map[string]any{}, "cell_name": "",
			"state": "deleted", "state_description": "", "progress": "", "access_ip_v4": nil, "access_ip_v6": nil,
		},
	})
	must(t, err)
	body, err := json.Marshal(map[string]any{"oslo.version": "2.0", "oslo.message": string(message)})
	must(t, err)
	must(t, n.channel.PublishWithContext(ctx, "nova", "notifications.info", false, false, amqp.Publishing{
		ContentType: "application/json", ContentEncoding: "utf-8", Body: body,
	}))
}
