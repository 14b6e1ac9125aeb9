package redis

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/state"
)

// id names a record.
type id struct{ table, key string }

// record is what the server holds of one; without a version it holds none.
type record struct {
	version string // 16 octets: who wrote it, and its how manyeth write that was
	value   []byte
	expires time.Time
}

const (
	versionSize = 16
	headerSize  = versionSize + 8
)

// decode reads what stands under a record's key.
func decode(text string) (record, error) {
	if text == "" {
		return record{}, nil
	}
	if len(text) < headerSize {
		return record{}, fmt.Errorf("%w: a record of the server has %d octets and is none of ours; give the fleet a prefix of its own", state.ErrUnavailable, len(text))
	}
	r := record{version: strings.Clone(text[:versionSize]), value: []byte(text[headerSize:])}
	if ns := int64(binary.BigEndian.Uint64([]byte(text[versionSize:headerSize]))); ns != 0 {
		r.expires = time.Unix(0, ns).UTC()
	}
	return r, nil
}

// encode is the reverse.
func (r record) encode() string {
	b := make([]byte, 0, headerSize+len(r.value))
	b = append(b, r.version...)
	ns := uint64(0)
	if !r.expires.IsZero() {
		ns = uint64(nanoseconds(r.expires))
	}
	b = binary.BigEndian.AppendUint64(b, ns)
	return string(append(b, r.value...))
}

// What 64 bits of nanoseconds can say. What dies later never does, as far as anybody
// will see; what has died before 1970 has died.
var latest = time.Unix(0, math.MaxInt64)

func nanoseconds(t time.Time) int64 {
	switch {
	case t.After(latest):
		return math.MaxInt64
	case !t.After(time.Unix(0, 0)):
		return 1
	}
	return t.UnixNano()
}

// score is the moment in microseconds, rounded up: at it the record is dead for certain.
// Doubles hold those exactly until 2255. Empty: it never dies.
func (r record) score() string {
	if r.expires.IsZero() {
		return ""
	}
	return strconv.FormatInt((nanoseconds(r.expires)-1)/1000+1, 10)
}

func (r record) dead(now time.Time) bool { return !r.expires.IsZero() && !now.Before(r.expires) }

// seen is the record as callers see it: a dead one is absent.
func (s *Store) seen(r record, v *state.Version) state.Record {
	if r.version == "" || !r.expires.IsZero() && r.dead(s.clock.Now()) {
		return state.Record{Version: v}
	}
	return state.Record{Value: r.value, Expires: r.expires, Version: v}
}
