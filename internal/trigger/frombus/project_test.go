package frombus

import (
	"encoding/json"
	"testing"
)

// sample is a notification as a service publishes it, in both forms.
type sample struct {
	name, eventType, context, payload string
	want                              string // the project; "" for nobody's
	bare, body                        []byte
}

const (
	owner = "6f70656e737461636b20342065766572"
	admin = "00000000000000000000000000admin0"
	other = "99999999999999999999999999999999"
)

// samples have the members of the services' own notifications that matter here, after the
// sources of Nova, Cinder, Glance, Neutron, Heat and Keystone.
func samples(t testing.TB) []sample {
	t.Helper()
	asked := func(project string) string {
		return `"_context_user_id":"u","_context_project_id":"` + project + `","_context_is_admin":true,`
	}
	all := []sample{
		{
			name: "Nova, unversioned, asked by the owner", eventType: "compute.instance.delete.end",
			context: asked(owner),
			payload: `{"tenant_id":"` + owner +
				`","user_id":"u","instance_id":"i","host":"h","metadata":{"tenant_id":"` + other +
				`"},"image_meta":{"project_id":"` + other + `"}}`, want: owner,
		},
		{
			name: "Nova, unversioned, asked by an administrator", eventType: "compute.instance.delete.end",
			context: asked(admin),
			payload: `{"tenant_id":"` + owner + `","instance_id":"i"}`, want: owner,
		},
		{
			name: "Nova, unversioned, by a periodic task", eventType: "compute.instance.exists",
			context: `"_context_project_id":null,`,
			payload: `{"tenant_id":"` + owner + `","instance_id":"i"}`, want: owner,
		},
		{name: "Nova without an owner", eventType: "compute.libvirt.error", context: asked(admin),
			payload: `{"ip":"10.0.0.1"}`},
		{
			name: "Nova, versioned", eventType: "instance.delete.end", context: asked(admin),
			payload: `{"nova_object.data":{"uuid":"i","tenant_id":"` + owner + `","metadata":{"project_id":"` +
				other +
				`"},"image":{"nova_object.data":{"projects":null}},"action_initiator_project":"` + admin + `"},` +
				`"nova_object.name":"InstanceActionPayload","nova_object.namespace":"nova","nova_object.version":"1.8"}`,
			want: owner,
		},
		{
			name: "Nova, a versioned name without a versioned payload", eventType: "instance.delete.end",
			context: asked(owner),
			payload: `{"tenant_id":"` + owner + `"}`,
		},
		{
			name: "Nova, a server group", eventType: "server_group.create", context: asked(owner),
			payload: `{"nova_object.data":{"uuid":"g","project_id":"` + owner + `"}}`, want: owner,
		},
		{
			name: "Cinder", eventType: "volume.create.end", context: asked(admin),
			payload: `{"tenant_id":"` + owner + `","volume_id":"v","metadata":[{"key":"tenant_id","value":"` +
				other + `"}]}`, want: owner,
		},
		{
			name: "Cinder, of two minds", eventType: "volume.create.end", context: asked(owner),
			payload: `{"tenant_id":"` + owner + `","project_id":"` + other + `"}`,
		},
		{
			name: "Glance", eventType: "image.update", context: "",
			payload: `{"id":"i","owner":"` + owner + `","properties":{"owner":"` + other +
				`"},"visibility":"public"}`, want: owner,
		},
		{
			name: "Glance, sent to the owner", eventType: "image.send", context: "",
			payload: `{"image_id":"i","owner_id":"` + owner + `","receiver_tenant_id":"` + owner + `"}`, want: owner,
		},
		{
			name: "Glance, sent to somebody else", eventType: "image.send", context: "",
			payload: `{"image_id":"i","owner_id":"` + owner + `","receiver_tenant_id":"` + other + `"}`,
		},
		{name: "Glance, a payload that is text", eventType: "image.upload", context: "", payload: `"denied"`},
		{
			name:      "Neutron, the body of a request that names another project",
			eventType: "network.create.start", context: asked(owner),
			payload: `{"network":{"name":"n","tenant_id":"` + other + `","project_id":"` + other + `"}}`, want: owner,
		},
		{
			name:      "Neutron, the body of a request that names another project beside the thing",
			eventType: "port.update.start",
			context:   asked(owner), payload: `{"port":{},"id":"p","project_id":"` + other + `"}`,
		},
		{
			name: "Neutron, done by an administrator", eventType: "port.create.end", context: asked(admin),
			payload: `{"port":{"id":"p","tenant_id":"` + owner + `","project_id":"` + owner + `"}}`, want: owner,
		},
		{
			name: "Neutron, deleted", eventType: "port.delete.end", context: asked(owner),
			payload: `{"port_id":"p"}`, want: owner,
		},
		{
			name: "Neutron, many at once", eventType: "port.create.end", context: asked(owner),
			payload: `{"ports":[{"tenant_id":"` + owner + `"}]}`, want: owner,
		},
		{
			name: "Heat", eventType: "orchestration.stack.create.end", context: asked(owner),
			payload: `{"tenant_id":"` + owner + `","stack_identity":"s"}`, want: owner,
		},
		{
			name: "Keystone, CADF, a project", eventType: "identity.project.updated", context: "",
			payload: `{"typeURI":"http://schemas.dmtf.org/cloud/audit/1.0/event","initiator":{"project_id":"` +
				admin +
				`"},"target":{"typeURI":"data/security/project","id":"` + owner + `"},"resource_info":"` +
				owner + `"}`, want: owner,
		},
		{
			name: "Keystone, basic, a project", eventType: "identity.project.deleted", context: "",
			payload: `{"resource_info":"` + owner + `","request_id":"req-1"}`, want: owner,
		},
		{
			name: "Keystone, a role in a project", eventType: "identity.role_assignment.created", context: "",
			payload: `{"project":"` + owner + `","user":"u","role":"r","initiator":{"project_id":"` + admin +
				`"}}`, want: owner,
		},
		{
			name: "Keystone, a user", eventType: "identity.user.created", context: "",
			payload: `{"resource_info":"u","initiator":{"project_id":"` + admin + `"},"project_id":"` + owner + `"}`,
		},
		{
			name: "Keystone, somebody has come", eventType: "identity.authenticate", context: asked(owner),
			payload: `{"initiator":{"project_id":"` + owner + `"}}`,
		},
		{name: "another service", eventType: "dns.zone.create", context: asked(owner),
			payload: `{"name":"z."}`, want: owner},
		{
			name: "another service, which names the owner", eventType: "dns.zone.create", context: asked(owner),
			payload: `{"tenant_id":"` + owner + `"}`, want: owner,
		},
		{
			name: "another service, whose payload names somebody else", eventType: "dns.zone.create",
			context: asked(owner),
			payload: `{"tenant_id":"` + other + `"}`,
		},
		{name: "another service without a context", eventType: "dns.zone.create", context: "",
			payload: `{"tenant_id":"` + owner + `"}`},
		{
			name: "an older context", eventType: "dns.zone.create", context: `"_context_tenant":"` + owner +
				`","_context_project_id":null,`,
			payload: `{}`, want: owner,
		},
		{
			name: "a context of two minds", eventType: "dns.zone.create",
			context: `"_context_tenant":"` + owner + `","_context_project_id":"` + other + `",`, payload: `{}`,
		},
		{
			name: "names in other letters", eventType: "compute.instance.create.end", context: asked(admin),
			payload: `{"Tenant_ID":"` + other + `","tenant_id":"` + owner + `","TENANT_ID":"` + other + `"}`,
			want:    owner,
		},
		{name: "a project that is a number", eventType: "volume.create.end", context: asked(admin),
			payload: `{"tenant_id":7}`},
		{name: "a payload that is a list", eventType: "volume.create.end", context: asked(owner),
			payload: `[{"tenant_id":"` + owner + `"}]`},
	}
	for i := range all {
		s := &all[i]
		s.bare = []byte(`{` + s.context +
			`"message_id":"7a1c1b9e-5f3e-4a36-b3cf-000000000001","publisher_id":"p.host","event_type":"` +
			s.eventType + `","priority":"INFO","payload":` + s.payload +
			`,"timestamp":"2026-11-25 01:02:03.456789","_unique_id":"x"}`)
		if !json.Valid(s.bare) {
			t.Fatalf("%s is no JSON: %s", s.name, s.bare)
		}
		var err error
		if s.body, err = json.Marshal(map[string]string{"oslo.version": "2.0",
			"oslo.message": string(s.bare)}); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestProjectOf(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			for form, body := range map[string][]byte{"enveloped": s.body, "bare": s.bare} {
				n, _, err := read(body, nil)
				if err != nil {
					t.Fatalf("%s: %v", form, err)
				}
				if got := projectOf(&n); string(got) != s.want {
					t.Errorf("%s: it is of %q, want %q", form, got, s.want)
				}
			}
		})
	}
}
