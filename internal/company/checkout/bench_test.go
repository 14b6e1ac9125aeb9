package checkout_test

import (
	"testing"

	"counterpart/internal/company/checkout"
)

// BenchmarkCheckout is a checkout with its checkin, of an account that has seen many.
func BenchmarkCheckout(b *testing.B) {
	d, _ := desk(b)
	who := checkout.Principal{UserID: "alice"}
	once := func() {
		l, err := d.Checkout(b.Context(), who, checkout.Take{AccountID: "root@db01"})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Checkin(b.Context(), who, l.ID); err != nil {
			b.Fatal(err)
		}
	}
	for range 100 {
		once()
	}
	b.ReportAllocs()
	for b.Loop() {
		once()
	}
}
