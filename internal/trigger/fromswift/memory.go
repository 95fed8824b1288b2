package fromswift

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"io"
	"maps"
	"slices"

	"github.com/openstack-faas/faas/pkg/swift"
)

// version is one content of one object, as it is remembered.
type version struct {
	at    int64  // milliseconds: the object's time
	print uint32 // a hash of everything that the version is known by
}

func versionOf(e swift.Entry) version {
	h := fnv.New64a()
	_, _ = h.Write([]byte(e.Name))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(e.ETag))
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(e.Modified.UnixMicro()))
	_, _ = h.Write(at[:])
	sum := h.Sum64()
	return version{at: e.Modified.UnixMilli(), print: uint32(sum>>32) ^ uint32(sum)}
}

// memory is what is known of a container's objects.
type memory struct {
	// horizon is a time in milliseconds: a version that is as old or older counts as seen. It never
	// falls. forgotten is what it rises to when the list was read to its end: before that, versions
	// that are yet to be met must not count as seen for the sake of those that were.
	horizon, forgotten int64
	// versions are those that were seen, and whether the look that is under way has met them.
	versions map[version]bool
	// names are the objects that are there, each with its version, which is in versions too. nil:
	// they are not known, because there are too many or nobody asks.
	names map[string]version
	room  int // bytes that it may be encoded to
}

func newMemory(room int) *memory { return &memory{versions: map[version]bool{}, room: room} }

// seen reports whether a version was seen before, and notes that it was met.
func (m *memory) seen(v version) bool {
	if _, there := m.versions[v]; there {
		m.versions[v] = true
		return true
	}
	return v.at <= m.horizon
}

func (m *memory) add(v version) { m.versions[v] = true }

// memoryBytes is the room of a memory. In base64, and with what else a State has, that is less than
// the 64 KiB of its column.
const memoryBytes = 45_000

// staleBytes is how many bytes there are for each version that is kept although the list has it no
// more: one server's list may lack what another's has.
const staleBytes = 20

// extent is how much of a container's list a look has read.
type extent int

const (
	part  extent = iota // the look ends before the list
	rest                // to the end, from where another look ended
	whole               // all of it
)

// encode writes the memory, and forgets what there is no room for: names first, then versions.
func (m *memory) encode(read extent) (versions, names []byte) {
	if m.names != nil {
		names = encodeNames(m.names)
	}
	if len(names) > m.room {
		m.names, names = nil, nil
	}
	if read == whole {
		m.dropStale()
	}
	list := m.unnamed(read)
	versions, kept := encodeVersions(list, m.room-len(names))
	for _, v := range list[kept:] {
		m.forgotten = max(m.forgotten, v.at)
	}
	if read != part {
		m.horizon, m.forgotten = max(m.horizon, m.forgotten), 0
	}
	return versions, names
}

// unnamed returns the versions that are not those of names, what is to be forgotten first at the
// end: the oldest; but in the midst of a list what was met, because the rest of it has that no
// more, and may have all else.
func (m *memory) unnamed(read extent) (list []version) {
	named := make(map[version]bool, len(m.names))
	for _, v := range m.names {
		named[v] = true
	}
	for v := range m.versions {
		if !named[v] {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b version) int {
		if read == part && m.versions[a] != m.versions[b] {
			if m.versions[a] {
				return 1
			}
			return -1
		}
		return newestFirst(a, b)
	})
	return list
}

func newestFirst(a, b version) int {
	return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(a.print, b.print))
}

// dropStale forgets versions that a whole look has not met, but for the newest of them.
func (m *memory) dropStale() {
	var stale []version
	for v, met := range m.versions {
		if !met {
			stale = append(stale, v)
		}
	}
	slices.SortFunc(stale, newestFirst)
	for _, v := range stale[min(len(stale), m.room/staleBytes):] {
		delete(m.versions, v)
	}
}

// encodeVersions writes as many of the versions as there is room for: for each the time since which
// it is older than the one before, and its print.
func encodeVersions(list []version, room int) (encoded []byte, kept int) {
	var before int64
	for i, v := range list {
		length := len(encoded)
		encoded = binary.AppendVarint(encoded, before-v.at)
		encoded = binary.LittleEndian.AppendUint32(encoded, v.print)
		if len(encoded) > room {
			return encoded[:length], i
		}
		before = v.at
	}
	return encoded, len(list)
}

var errMemory = errors.New("a trigger's state is not one that was written")

func (m *memory) decodeVersions(encoded []byte) error {
	var before int64
	for len(encoded) > 0 {
		age, n := binary.Varint(encoded)
		if n <= 0 || len(encoded) < n+4 {
			return errMemory
		}
		before -= age
		m.versions[version{before, binary.LittleEndian.Uint32(encoded[n:])}] = false
		encoded = encoded[n+4:]
	}
	return nil
}

// encodeNames writes names in their order: of each how many bytes it shares with the one before,
// and the rest. Compressed, names that follow a pattern take a few bytes.
func encodeNames(names map[string]version) []byte {
	var text, times, prints []byte
	before, at := "", int64(0)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		v, shared := names[name], 0
		for shared < len(before) && shared < len(name) && before[shared] == name[shared] {
			shared++
		}
		text = binary.AppendUvarint(text, uint64(shared))
		text = binary.AppendUvarint(text, uint64(len(name)-shared))
		text = append(text, name[shared:]...)
		times = binary.AppendVarint(times, v.at-at)
		prints = binary.LittleEndian.AppendUint32(prints, v.print)
		before, at = name, v.at
	}
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.DefaultCompression) // an error is one of the level alone
	_, _ = w.Write(binary.AppendUvarint(nil, uint64(len(names))))
	_, _ = w.Write(text) // a buffer takes everything
	_, _ = w.Write(times)
	_ = w.Close()
	return append(packed.Bytes(), prints...)
}

// namesFit reports whether names have room in a memory. Few always have.
func namesFit(names map[string]version, room int) bool {
	return len(names)*(swift.MaxObjectName+16) < room || len(encodeNames(names)) <= room
}

// namesBytes bounds what names are unpacked to: what fits packed into a State is less.
const namesBytes = 64 << 20

// decodeNames reads what encodeNames wrote. What is packed says itself where it ends, and the
// prints follow.
func (m *memory) decodeNames(encoded []byte) error {
	packed := bytes.NewReader(encoded)
	text, err := io.ReadAll(io.LimitReader(flate.NewReader(packed), namesBytes))
	if err != nil {
		return errMemory
	}
	prints := encoded[len(encoded)-packed.Len():]
	r := bytes.NewReader(text)
	count, err := binary.ReadUvarint(r)
	if err != nil || count*4 != uint64(len(prints)) {
		return errMemory
	}
	names := make([]string, 0, count)
	before := ""
	for range count {
		shared, err := binary.ReadUvarint(r)
		rest, err2 := binary.ReadUvarint(r)
		if err != nil || err2 != nil || shared > uint64(len(before)) || rest > uint64(r.Len()) {
			return errMemory
		}
		more := make([]byte, rest)
		_, _ = r.Read(more) // they are there
		before = before[:shared] + string(more)
		names = append(names, before)
	}
	m.names = make(map[string]version, count)
	at := int64(0)
	for i, name := range names {
		age, err := binary.ReadVarint(r)
		if err != nil {
			return errMemory
		}
		at += age
		v := version{at, binary.LittleEndian.Uint32(prints[4*i:])}
		m.names[name], m.versions[v] = v, false
	}
	return nil
}
