// Package bson encodes the documents of Duo's oldest surface: texts, 32-bit
// integers, truth values, documents and lists (bsonspec.org, version 1.1).
package bson

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Element types.
const (
	typeString   = 0x02
	typeDocument = 0x03
	typeArray    = 0x04
	typeBool     = 0x08
	typeNull     = 0x0a
	typeInt32    = 0x10
)

// Marshal encodes a document, its elements sorted by name. Values are string,
// int, bool, nil, map[string]any and []any; a number beyond 32 bits, a name with
// a NUL and any other type are errors.
func Marshal(doc map[string]any) ([]byte, error) { return document(nil, doc) }

func document(b []byte, doc map[string]any) ([]byte, error) {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	var err error
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		if b, err = element(b, name, doc[name]); err != nil {
			return nil, err
		}
	}
	b = append(b, 0)
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b, nil
}

func element(b []byte, name string, v any) ([]byte, error) {
	if strings.ContainsRune(name, 0) {
		return nil, fmt.Errorf("bson: the name %q has a NUL", name)
	}
	head := func(t byte) []byte { return append(append(append(b, t), name...), 0) }
	switch v := v.(type) {
	case string:
		b = binary.LittleEndian.AppendUint32(head(typeString), uint32(len(v)+1))
		return append(append(b, v...), 0), nil
	case int:
		if v < math.MinInt32 || v > math.MaxInt32 {
			return nil, fmt.Errorf("bson: %s: %d does not fit 32 bits", name, v)
		}
		return binary.LittleEndian.AppendUint32(head(typeInt32), uint32(int32(v))), nil
	case bool:
		return append(head(typeBool), map[bool]byte{true: 1}[v]), nil
	case nil:
		return head(typeNull), nil
	case map[string]any:
		return document(head(typeDocument), v)
	case []any:
		b = head(typeArray)
		start := len(b)
		b = append(b, 0, 0, 0, 0)
		var err error
		for i, e := range v { // in order, which sorting "10" before "2" would lose
			if b, err = element(b, strconv.Itoa(i), e); err != nil {
				return nil, err
			}
		}
		b = append(b, 0)
		binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start))
		return b, nil
	}
	return nil, fmt.Errorf("bson: %s: a %T cannot be encoded", name, v)
}
