package event

import (
	"encoding/json"
	"strings"

	"github.com/openstack-faas/faas/internal/jsonscan"
)

// maxResource bounds the id of a resource, and what is read as the type of an event.
const maxResource = 255

// maxParts is how many words of an event's type may name the resource.
const maxParts = 8

// resourceOf returns the id of the resource that a notification's payload is about, or "". Services
// agree on no place for it:
//
//	compute.instance.delete.end   {"instance_id": ID}                     Nova, unversioned
//	instance.delete.end           {"nova_object.data": {"uuid": ID}}      Nova, versioned
//	volume.create.end             {"volume_id": ID}                       Cinder
//	port.create.end               {"port": {"id": ID}}                    Neutron
//	port.delete.end               {"port_id": ID}                         Neutron
//	image.update                  {"id": ID}                              Glance
//	identity.user.created         {"resource_info": ID}                   Keystone, and in CADF
//	                              {"target": {"id": ID}}
//	orchestration.stack.create.end  {"stack_identity": ID}                Heat
func resourceOf(eventType string, payload json.RawMessage) string {
	if len(eventType) > maxResource {
		return ""
	}
	var places [][]string
	for _, part := range strings.SplitN(eventType, ".", maxParts+1) {
		places = append(places, []string{part + "_id"}, []string{part, "id"})
	}
	places = append(places, []string{"nova_object.data", "uuid"}, []string{"resource_info"}, []string{"target", "id"},
		[]string{"stack_identity"}, []string{"resource_id"}, []string{"id"}, []string{"uuid"})
	found := make([][]byte, len(places))
	if jsonscan.Members(payload, func(name, value []byte) {
		for i, place := range places {
			if place[0] == string(name) {
				found[i] = value
			}
		}
	}) != nil {
		return ""
	}
	for i, place := range places {
		if id := textAt(found[i], place[1:]); len(id) > 0 && len(id) <= maxResource {
			return string(id)
		}
	}
	return ""
}

// textAt returns the text that a value is, or the member of it that is named.
func textAt(value []byte, inner []string) (text []byte) {
	if len(inner) == 0 {
		return jsonscan.Text(value)
	}
	if len(value) == 0 || jsonscan.Members(value, func(name, value []byte) {
		if string(name) == inner[0] {
			text = jsonscan.Text(value)
		}
	}) != nil {
		return nil
	}
	return text
}
