package disk

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"counterpart/internal/company/state"
)

// A record's key in the file is the letter k and the key, or for one that is longer than
// the file can have the letter h and its SHA-256; the key then stands before the value.
const (
	shortKey   = 'k'
	longKey    = 'h'
	longestKey = 1024
)

// header of a record's value: CRC-32C of table, key and the rest; the moment it dies in
// seconds of Unix time and nanoseconds; the length of a key that stands before the value.
const (
	crcSize    = 4
	headerSize = crcSize + 8 + 4 + 4
)

func fileKey(key string) (out []byte, long bool) {
	if len(key) <= longestKey {
		return append([]byte{shortKey}, key...), false
	}
	sum := sha256.Sum256([]byte(key))
	return append([]byte{longKey}, sum[:]...), true
}

func encode(id at, r state.Record, long bool) []byte {
	key := ""
	if long {
		key = id.key
	}
	out := make([]byte, headerSize, headerSize+len(key)+len(r.Value))
	binary.BigEndian.PutUint64(out[crcSize:], uint64(r.Expires.Unix()))
	binary.BigEndian.PutUint32(out[crcSize+8:], uint32(r.Expires.Nanosecond()))
	binary.BigEndian.PutUint32(out[crcSize+12:], uint32(len(key)))
	out = append(append(out, key...), r.Value...)
	binary.BigEndian.PutUint32(out, checksum(id, out[crcSize:]))
	return out
}

func checksum(id at, rest []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(0, table, []byte(id.table+"\x00"+id.key))
	return crc32.Update(sum, table, rest)
}

// decode reads a record of a table. What it returns does not point into the file.
func decode(table string, k, v []byte) (key string, r state.Record, err error) {
	if len(k) < 1 || len(v) < headerSize {
		return "", r, fmt.Errorf("a record of the table %s is cut off", table)
	}
	rest := v[headerSize:]
	n := binary.BigEndian.Uint32(v[crcSize+12:])
	switch key = string(k[1:]); {
	case k[0] == longKey && uint64(n) <= uint64(len(rest)):
		key, rest = string(rest[:n]), rest[n:]
	case k[0] != shortKey || n != 0:
		return "", r, errors.New("a record of the table " + table + " has no key")
	}
	if again, _ := fileKey(key); !bytes.Equal(again, k) || checksum(at{table, key}, v[crcSize:]) != binary.BigEndian.Uint32(v) {
		return "", r, fmt.Errorf("the record %q of the table %s is not what was written", key, table)
	}
	expires := time.Unix(int64(binary.BigEndian.Uint64(v[crcSize:])), int64(binary.BigEndian.Uint32(v[crcSize+8:]))).UTC()
	r.Value = append(make([]byte, 0, len(rest)), rest...)
	if !expires.IsZero() {
		r.Expires = expires
	}
	return key, r, nil
}
