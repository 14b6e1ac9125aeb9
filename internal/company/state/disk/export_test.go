package disk

import (
	"encoding/binary"
	"hash/fnv"

	bolt "go.etcd.io/bbolt"

	"counterpart/internal/company/state"
)

// OpenChain is Open with other upgrades.
func OpenChain(dir string, opt Options, chain ...func(tx *bolt.Tx) error) (*Store, error) {
	var steps []upgrade
	for _, c := range chain {
		steps = append(steps, c)
	}
	return open(dir, opt, steps)
}

// Breaking lets writing go through f, which is told how it is done. It is for a store
// that nobody uses yet.
func (s *Store) Breaking(f func(write func() error) error) {
	commit := s.commit
	s.write = func(repair map[at]state.Record, b *batch) error {
		return f(func() error { return commit(repair, b) })
	}
}

// Pending is how many records wait to be written.
func (s *Store) Pending() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.open {
		n += len(b.changes)
	}
	return n
}

// Held is how many records the file has.
func (s *Store) Held() (n int) {
	s.db.View(func(tx *bolt.Tx) error {
		tables := tx.Bucket([]byte(tablesBucket))
		return tables.ForEachBucket(func(name []byte) error {
			return tables.Bucket(name).ForEach(func(_, _ []byte) error { n++; return nil })
		})
	})
	return n
}

// Sealed puts the right checksums on the pages that say where everything begins.
func Sealed(file []byte, pageSize int) {
	for _, at := range []int{0, pageSize} {
		if len(file) < at+pageHeader+metaLength {
			return
		}
		m := file[at+pageHeader:]
		binary.NativeEndian.PutUint32(m, magic)
		binary.NativeEndian.PutUint32(m[4:], fileVersion)
		sum := fnv.New64a()
		sum.Write(m[:metaLength-8])
		binary.NativeEndian.PutUint64(m[56:], sum.Sum64())
	}
}
