package event

import (
	"encoding/json"
	"strings"
)

// maxResource bounds the id of a resource, and what is read as the type of an event.
const maxResource = 255

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
	var members map[string]json.RawMessage
	if len(eventType) > maxResource || json.Unmarshal(payload, &members) != nil {
		return ""
	}
	var places [][]string
	for part := range strings.SplitSeq(eventType, ".") {
		places = append(places, []string{part + "_id"}, []string{part, "id"})
	}
	places = append(places, []string{"nova_object.data", "uuid"}, []string{"resource_info"}, []string{"target", "id"},
		[]string{"stack_identity"}, []string{"resource_id"}, []string{"id"}, []string{"uuid"})
	for _, place := range places {
		if id := textAt(members, place); id != "" && len(id) <= maxResource {
			return id
		}
	}
	return ""
}

// textAt returns the text at a place of one or two names.
func textAt(members map[string]json.RawMessage, place []string) (text string) {
	raw := members[place[0]]
	if len(place) > 1 {
		var inner map[string]json.RawMessage
		if json.Unmarshal(raw, &inner) != nil {
			return ""
		}
		raw = inner[place[1]]
	}
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}
