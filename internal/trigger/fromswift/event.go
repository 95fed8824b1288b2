package fromswift

import (
	"strconv"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/swift"
)

// created is the event of an object that was made or changed: the same for the same version.
func created(t faas.Trigger, s Settings, e swift.Entry) (event.Event, error) {
	return event.FromObject(event.TypeObjectCreated, event.Object{
		ProjectID: t.ProjectID, Container: s.Container, Name: e.Name,
		Bytes: &e.Size, ETag: e.ETag, ContentType: e.ContentType, LastModified: e.Modified,
	}, "")
}

// deleted is the event of an object that is gone, the same for the same version, of which no more
// is remembered than this.
func deleted(t faas.Trigger, s Settings, name string, v version) (event.Event, error) {
	return event.FromObject(
		event.TypeObjectDeleted, event.Object{ProjectID: t.ProjectID, Container: s.Container, Name: name},
		strconv.FormatInt(v.at, 10)+" "+strconv.FormatUint(uint64(v.print), 16),
	)
}
