package faas

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// NewID returns a UUID (RFC 9562, version 7) in its canonical lower-case text: 48 bits of
// milliseconds, 12 of the fraction of one, and 62 random ones. The ids of one process rise in the
// order in which they were made, so that what is sorted by id is in order; those of several
// processes stand side by side in the database's indexes, so that a commit touches few pages. An id
// is no secret.
func NewID() string { return uuid.Must(uuid.NewV7()).String() } // only a system without randomness fails

// IDOf returns the id of what happens to something at a time: the same each time that it is asked
// for. It is sorted among others as one of NewID at that time would be. (RFC 9562, version 8.)
func IDOf(something string, at time.Time) string {
	sum := sha256.Sum256([]byte(something + " " + strconv.FormatInt(at.UnixMicro(), 10)))
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:], uint64(at.UnixMilli())<<16)
	copy(id[6:], sum[:])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return id.String()
}

// IsID reports whether s is a UUID in canonical text; hexadecimal digits may be of either case.
func IsID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !isHex(s[i]) {
				return false
			}
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
