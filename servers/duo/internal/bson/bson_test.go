package bson_test

import (
	"encoding/hex"
	"testing"

	"counterpart/servers/duo/internal/bson"
)

func TestMarshal(t *testing.T) {
	for _, tt := range []struct {
		doc  map[string]any
		want string
	}{
		{map[string]any{}, "0500000000"},
		// The examples of bsonspec.org.
		{map[string]any{"hello": "world"}, "160000000268656c6c6f0006000000776f726c640000"},
		{map[string]any{"code": 40102, "stat": "FAIL"}, "1e00000010636f646500a69c0000027374617400050000004641494c0000"},
		{map[string]any{"a": true, "b": nil}, "0c000000" + "08610001" + "0a6200" + "00"},
		{map[string]any{"d": map[string]any{"1": "x"}}, "16000000" + "036400" + "0e000000" + "023100" + "02000000" + "7800" + "00" + "00"},
		{map[string]any{"l": []any{1, "x"}}, "1d000000" + "046c00" + "15000000" + "103000" + "01000000" + "023100" + "02000000" + "7800" + "00" + "00"},
	} {
		got, err := bson.Marshal(tt.doc)
		if err != nil || hex.EncodeToString(got) != tt.want {
			t.Errorf("%v: %x, %v; want %s", tt.doc, got, err, tt.want)
		}
	}
	for _, doc := range []map[string]any{{"n": 1 << 31}, {"a\x00b": "x"}, {"f": 1.5}, {"d": map[string]any{"f": 1.5}}, {"l": []any{1.5}}} {
		if got, err := bson.Marshal(doc); err == nil {
			t.Errorf("%v: %x", doc, got)
		}
	}
}
