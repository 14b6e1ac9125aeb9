package fleet_test

import (
	"net/netip"
	"strings"
	"testing"

	"counterpart/internal/company/clock"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fleet"
	"counterpart/internal/serving/pki"
)

func TestEveryAddressOfOneFamilyIsWhatWasAskedFor(t *testing.T) {
	c := clock.New()
	ca, err := pki.New(pki.Config{Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	f, err := fleet.Bind(fleet.Config{Host: "0.0.0.0", Auto: true, PKI: ca, Clock: c, Faults: fault.New(1),
		Servers: []fleet.Instance{{Name: "polly", Server: &parrot{listen: ":1"}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, e := range f.Endpoints() {
		if a, err := netip.ParseAddrPort(e.Addr); err != nil || a.Addr() != netip.IPv4Unspecified() {
			t.Errorf("%s listens on %s", e.ID(), e.Addr)
		}
		if e.Try != "" && !strings.HasPrefix(e.Try, "curl http://127.0.0.1:") {
			t.Errorf("to try: %s", e.Try)
		}
	}
}
