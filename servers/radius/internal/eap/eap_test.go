package eap_test

import (
	"bytes"
	"errors"
	"testing"

	"counterpart/servers/radius/internal/eap"
)

func TestPackets(t *testing.T) {
	for _, p := range []eap.Packet{{Code: 1, ID: 7, Type: 1, Data: []byte{}}, {Code: 2, ID: 255, Type: 6, Data: []byte("text")}, {Code: 3, ID: 1}, {Code: 4, ID: 1}} {
		got, err := eap.Parse(append(p.Bytes(), 0, 0)) // padding is ignored
		if err != nil || got.Code != p.Code || got.ID != p.ID || got.Type != p.Type || !bytes.Equal(got.Data, p.Data) {
			t.Errorf("%+v became %+v, %v", p, got, err)
		}
	}
	for _, bad := range [][]byte{nil, {1, 0, 0}, {1, 0, 0, 4}, {1, 0, 0, 9, 1}, {9, 0, 0, 5, 1}, {2, 0, 0, 3, 1}} {
		if _, err := eap.Parse(bad); !errors.Is(err, eap.ErrMalformed) {
			t.Errorf("%x: %v", bad, err)
		}
	}
}

func TestAVPs(t *testing.T) {
	got, err := eap.AVPs([]byte{0, 0, 0, 1, 0x40, 0, 0, 9, 'a', 0, 0, 0, 0, 0, 0, 2, 0xc0, 0, 0, 14, 0, 0, 1, 55, 'p', 'w'})
	if err != nil || len(got) != 2 || string(got[0].Value) != "a" || got[1].Vendor != 311 || string(got[1].Value) != "pw" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range [][]byte{{1}, make([]byte, 8), {0, 0, 0, 1, 0x80, 0, 0, 8}, {0, 0, 0, 1, 0, 0, 0, 9}} {
		if _, err := eap.AVPs(bad); !errors.Is(err, eap.ErrMalformed) {
			t.Errorf("%x: %v", bad, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{2, 0, 0, 10, 1, 'a', 'l', 'i', 'c', 'e'})
	f.Add([]byte{3, 0, 0, 4})
	f.Add([]byte{2, 1, 0, 22, 4, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := eap.Parse(b)
		if err != nil {
			return
		}
		if again, err := eap.Parse(p.Bytes()); err != nil || again.Type != p.Type || !bytes.Equal(again.Data, p.Data) {
			t.Fatalf("%x: %+v and %+v, %v", b, p, again, err)
		}
		eap.MD5Value(p.Data)
		eap.MSCHAPv2Answer(p.Data)
	})
}

func FuzzAVPs(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0x40, 0, 0, 9, 'a', 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) { eap.AVPs(b) })
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte{0}, []byte{0x80, 0, 0, 0, 4, 1})
	f.Add([]byte{0x40, 22, 3, 1}, []byte{0, 0, 4, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, one, two []byte) {
		tunnel := eap.NewTunnel(noCertificate())
		defer tunnel.Close()
		if _, err := tunnel.Receive(one); err == nil {
			tunnel.Receive(two)
		}
	})
}
