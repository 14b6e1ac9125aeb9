package dir

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/state"
)

// overlay is everything that clients have written: one record of the store, so
// that a write is one compare-and-swap, replicas agree and a reset of the store
// resets the directory. Its parts are replaced, never modified, once decoded.
type overlay struct {
	Next    uint32             `json:"next,omitempty"` // number of the next added entry
	Changes map[string]*change `json:"changes"`        // by the entry's key
}

// change is what became of one entry.
type change struct {
	Gone     bool                `json:"gone,omitempty"`
	RDN      string              `json:"rdn,omitempty"`    // when renamed or added
	Parent   string              `json:"parent,omitempty"` // key, when moved or added
	Attrs    map[string][][]byte `json:"attrs,omitempty"`  // by attribute description in lower case; empty means removed
	Plus     []string            `json:"plus,omitempty"`   // members: "#" and a key, or a DN of no entry here
	Minus    []string            `json:"minus,omitempty"`  // seeded members that left
	Created  time.Time           `json:"created,omitzero"`
	Modified time.Time           `json:"modified,omitzero"`
	Creator  string              `json:"creator,omitempty"`
	Modifier string              `json:"modifier,omitempty"`
}

// maxOverlay bounds the record, so that a client cannot fill the store.
const maxOverlay = 8 << 20

// ErrFull says that the overlay has reached its bound.
var ErrFull = errors.New("dir: too many changes")

// recordKey is where the overlay lives in the server's part of the store.
const recordKey = "all"

func addedKey(n uint32) string { return "x:" + strconv.FormatUint(uint64(n), 10) }

func addedNumber(key string) (uint32, bool) {
	n, err := strconv.ParseUint(strings.TrimPrefix(key, "x:"), 10, 32)
	return uint32(n), err == nil && strings.HasPrefix(key, "x:")
}

// decode reads a record; no record is the empty overlay.
func decode(r state.Record) (*overlay, error) {
	o := &overlay{Changes: map[string]*change{}}
	if r.Value == nil {
		return o, nil
	}
	if len(r.Value) < 8 {
		return nil, fmt.Errorf("%w: record %s is too short", state.ErrUnavailable, recordKey)
	}
	if err := json.Unmarshal(r.Value[8:], o); err != nil {
		return nil, fmt.Errorf("%w: record %s: %w", state.ErrUnavailable, recordKey, err)
	}
	if o.Changes == nil {
		o.Changes = map[string]*change{}
	}
	return o, nil
}

// clone is a copy whose changes may be replaced.
func (o *overlay) clone() *overlay {
	return &overlay{Next: o.Next, Changes: maps.Clone(o.Changes)}
}

// edit is the entry's change, copied so that it may be modified.
func (o *overlay) edit(key string) *change {
	c := &change{}
	if old := o.Changes[key]; old != nil {
		*c = *old
		c.Plus, c.Minus = slices.Clone(old.Plus), slices.Clone(old.Minus)
	}
	c.Attrs = maps.Clone(c.Attrs)
	if c.Attrs == nil {
		c.Attrs = map[string][][]byte{}
	}
	o.Changes[key] = c
	return c
}
