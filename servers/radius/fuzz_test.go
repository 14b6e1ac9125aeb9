package radius_test

import (
	"context"
	"testing"

	layeh "layeh.com/radius"

	"counterpart/internal/company/world"
	"counterpart/internal/face/radius/wire"
)

// FuzzDatagram sends anything to every flavour, as it is and properly signed:
// there is no panic, and what is answered is a packet that verifies.
func FuzzDatagram(f *testing.F) {
	f.Add(byte(1), []byte{1, 7, 'a', 'l', 'i', 'c', 'e', 2, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	f.Add(byte(1), []byte{1, 7, 'a', 'l', 'i', 'c', 'e', 79, 12, 2, 0, 0, 10, 1, 'a', 'l', 'i', 'c', 'e'})
	f.Add(byte(1), []byte{1, 7, 'a', 'l', 'i', 'c', 'e', 79, 2})
	f.Add(byte(1), []byte{1, 5, 'b', 'o', 'b', 2, 2, 24, 3, 0x80})
	f.Add(byte(1), []byte{26, 12, 0, 0, 1, 55, 11, 6, 1, 2, 3, 4})
	f.Add(byte(4), []byte{44, 3, 's', 40, 6, 0, 0, 0, 1, 42, 6, 0, 0, 0, 9})
	f.Add(byte(12), []byte{})
	people := facts()
	for _, u := range people.Users {
		for i := range u.Devices {
			if u.Devices[i].Approval != nil { // the clock is frozen: nobody takes any time
				u.Devices[i].Approval = &world.Approval{Policy: "approve"}
			}
		}
	}
	var beds []*bed
	for _, settings := range []string{"flow: password+otp", "flow: otp|sms", "flavour: duo\nduo: {mode: challenge}", "flavour: rsa", "flavour: nps",
		"flavour: okta", "flavour: scripted\nscripts: [{rounds: [{expect: otp, reply: x}, {}]}]"} {
		b, err := bedOf(f, loopback+settings, people)
		if err != nil {
			f.Fatal(err)
		}
		beds = append(beds, b)
	}
	f.Fuzz(func(t *testing.T, code byte, attrs []byte) {
		if len(attrs) > 4000 {
			return
		}
		for _, b := range beds {
			for _, port := range []string{"auth", "acct"} {
				ctx := context.Background()
				octets := signedOctets(b, layeh.Code(code), attrs)
				b.ports[port].Packet(ctx, append([]byte(nil), attrs...), udp(nas))
				out := b.ports[port].Packet(ctx, append([]byte(nil), octets...), udp(nas))
				if out == nil {
					continue
				}
				if _, err := wire.Check(out); err != nil || !layeh.IsAuthenticResponse(out, octets, []byte(secret)) {
					t.Fatalf("%x answered with %x, %v", octets, out, err)
				}
			}
		}
	})
}

// signedOctets makes a packet of fuzzed attributes whose authenticators are right.
func signedOctets(b *bed, code layeh.Code, attrs []byte) []byte {
	r := b.request(code).signed()
	octets := append(r.bytes(), attrs...)
	octets[2], octets[3] = byte(len(octets)>>8), byte(len(octets))
	s := wire.NewSecret([]byte(secret))
	if code == layeh.CodeAccountingRequest {
		clear(octets[4:20])
	}
	s.SignMessage(octets, octets[4:20], 22)
	if code == layeh.CodeAccountingRequest {
		s.Sign(octets)
	}
	return octets
}
