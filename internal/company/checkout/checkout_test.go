package checkout_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

var (
	noon   = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	alice  = checkout.Principal{UserID: "alice"}
	bob    = checkout.Principal{UserID: "bob"}
	trent  = checkout.Principal{UserID: "trent"}
	victor = checkout.Principal{UserID: "victor"}
	nobody = checkout.Principal{UserID: "mallory"}
	admin  = checkout.Principal{Client: "console", Admin: true}
)

func desk(t testing.TB) (*checkout.Service, *clock.Virtual) {
	t.Helper()
	access := world.Access{Groups: []string{"dba"}, Users: []string{"bob"}, Approvers: []string{"trent", "peggy"}, Viewers: []string{"group:audit"}}
	account := func(id string, c world.Checkout) world.Account {
		return world.Account{ID: id + "@db01", Name: id, AssetID: "db01", Password: id + "-1", Checkout: c, Access: access}
	}
	w, err := world.New(world.Facts{RandomSeed: 1,
		Groups: []world.Group{{ID: "dba", Name: "dba"}, {ID: "audit", Name: "audit"}},
		Users: []world.User{{ID: "alice", Name: "alice", Groups: []string{"dba"}}, {ID: "bob", Name: "bob"}, {ID: "trent", Name: "trent"},
			{ID: "peggy", Name: "peggy"}, {ID: "victor", Name: "victor", Groups: []string{"audit"}}, {ID: "mallory", Name: "mallory"}},
		Assets: []world.Asset{{ID: "db01", Name: "db01"}},
		Accounts: []world.Account{
			account("root", world.Checkout{Exclusive: true, For: time.Hour, Max: 2 * time.Hour, Rotate: world.RotateOnCheckin}),
			account("shared", world.Checkout{}),
			account("fresh", world.Checkout{Exclusive: true, Rotate: world.RotateOnCheckout}),
			account("weekly", world.Checkout{Rotate: world.RotateScheduled, Every: 7 * 24 * time.Hour}),
			account("approved", world.Checkout{Approval: "required", Approvals: 2, ApprovalFor: 30 * time.Minute}),
			account("reasoned", world.Checkout{Reason: "required"}),
			{ID: "keys@db01", Name: "keys", AssetID: "db01", Access: access,
				Keys: []world.Key{{Type: "ssh-rsa", Bits: 2048}, {Type: "ssh-ed25519"}, {Type: "ecdsa-sha2-nistp256", PEM: "seeded"}}},
		}})
	if err != nil {
		t.Fatal(err)
	}
	c := clock.Frozen(noon)
	return checkout.New(checkout.Config{World: w, Store: state.NewMemory(c), Clock: c}), c
}

func take(t *testing.T, d *checkout.Service, p checkout.Principal, account string, want error) checkout.Lease {
	t.Helper()
	l, err := d.Checkout(t.Context(), p, checkout.Take{AccountID: account})
	if !errors.Is(err, want) {
		t.Fatalf("%s takes %s: %v, want %v", p.Name(), account, err, want)
	}
	return l
}

func fetch(t *testing.T, d *checkout.Service, p checkout.Principal, account string, w checkout.Which, want error) string {
	t.Helper()
	s, err := d.Fetch(t.Context(), p, account, w)
	if !errors.Is(err, want) {
		t.Fatalf("%s fetches %s: %v, want %v", p.Name(), account, err, want)
	}
	return s.Value
}

func TestAnExclusiveAccountGoesFromHandToHand(t *testing.T) {
	d, c := desk(t)
	fetch(t, d, alice, "root@db01", checkout.Which{}, cause.NotCheckedOut)
	l := take(t, d, alice, "root@db01", nil)
	if got := fetch(t, d, alice, "root@db01", checkout.Which{}, nil); got != "root-1" {
		t.Errorf("the first holder gets %q, want the seeded password", got)
	}
	fetch(t, d, bob, "root@db01", checkout.Which{}, cause.CheckedOut)
	_, err := d.Checkout(t.Context(), bob, checkout.Take{AccountID: "root@db01"})
	var r *cause.Refusal
	if !errors.As(err, &r) || r.By != "alice" || !r.Until.Equal(noon.Add(time.Hour)) {
		t.Errorf("bob is told %+v; want who has it and until when", err)
	}
	take(t, d, alice, "root@db01", cause.CheckedOut) // not twice either
	if _, err := d.Checkin(t.Context(), bob, l.ID); !errors.Is(err, cause.NotHolder) {
		t.Errorf("bob returns alice's lease: %v", err)
	}
	if _, err := d.Checkin(t.Context(), nobody, l.ID); !errors.Is(err, cause.UnknownLease) {
		t.Errorf("a stranger learns of the lease: %v", err)
	}
	if _, err := d.Checkin(t.Context(), alice, l.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Checkin(t.Context(), alice, l.ID); !errors.Is(err, cause.LeaseReturned) {
		t.Errorf("returning twice: %v", err)
	}
	take(t, d, bob, "root@db01", nil)
	second := fetch(t, d, bob, "root@db01", checkout.Which{}, nil)
	if second == "root-1" || second == "" {
		t.Errorf("the checkin did not rotate: %q", second)
	}
	if old := fetch(t, d, bob, "root@db01", checkout.Which{Version: 1}, nil); old != "root-1" {
		t.Errorf("version 1 is %q", old)
	}
	fetch(t, d, bob, "root@db01", checkout.Which{Version: 3}, cause.NoSuchVersion)
	c.Advance(time.Hour) // bob forgets it
	if third := fetch(t, d, take2(t, d, alice), "root@db01", checkout.Which{}, nil); third == second {
		t.Error("the expiry did not rotate")
	}
	h, err := d.History(t.Context(), alice, "root@db01")
	if err != nil || len(h) != 3 || h[2].Version != 3 {
		t.Errorf("history %+v, %v", h, err)
	}
}

func take2(t *testing.T, d *checkout.Service, p checkout.Principal) checkout.Principal {
	take(t, d, p, "root@db01", nil)
	return p
}

func TestOfManyRacingTakersOneHoldsTheAccount(t *testing.T) {
	d, _ := desk(t)
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			p := []checkout.Principal{alice, bob}[i%2]
			_, err := d.Checkout(t.Context(), p, checkout.Take{AccountID: "root@db01"})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, cause.CheckedOut) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d hold an exclusive account", won.Load())
	}
}

func TestLeasesAreRenewedUpToTheMaximumAndRunOut(t *testing.T) {
	d, c := desk(t)
	l := take(t, d, alice, "root@db01", nil)
	c.Advance(30 * time.Minute)
	renew := func(by time.Duration, end time.Duration, want error) {
		t.Helper()
		l, err := d.Renew(t.Context(), alice, l.ID, by)
		if !errors.Is(err, want) || err == nil && !l.Expires.Equal(noon.Add(end)) {
			t.Errorf("renewed to %v, %v; want +%v, %v", l.Expires, err, end, want)
		}
	}
	renew(0, 90*time.Minute, nil)
	renew(10*time.Minute, 0, cause.NotRenewable) // it would not get longer
	c.Advance(45 * time.Minute)
	renew(3*time.Hour, 2*time.Hour, nil)
	renew(0, 0, cause.NotRenewable)
	if _, err := d.Renew(t.Context(), bob, l.ID, 0); !errors.Is(err, cause.NotHolder) {
		t.Errorf("bob renews alice's lease: %v", err)
	}
	c.Advance(45 * time.Minute)
	renew(0, 0, cause.LeaseExpired)
	if _, err := d.Checkin(t.Context(), alice, l.ID); !errors.Is(err, cause.LeaseExpired) {
		t.Errorf("returning what ran out: %v", err)
	}
	if _, err := d.Lease(t.Context(), alice, "lease-99.root@db01"); !errors.Is(err, cause.UnknownLease) {
		t.Error(err)
	}
	for _, id := range []string{"", "lease-1", "lease-x.root@db01", "request-1.root@db01", "lease-1.nothing@nowhere"} {
		if _, err := d.Checkin(t.Context(), alice, id); !errors.Is(err, cause.UnknownLease) {
			t.Errorf("lease %q: %v", id, err)
		}
	}
}

func TestWhoMaySeeUseAndForce(t *testing.T) {
	d, _ := desk(t)
	for _, tt := range []struct {
		p    checkout.Principal
		want error
	}{{alice, nil}, {bob, nil}, {admin, nil}, {trent, cause.NotAllowed}, {victor, cause.NotAllowed}, {nobody, cause.UnknownAccount},
		{checkout.Principal{Client: "sps"}, cause.UnknownAccount}} {
		fetch(t, d, tt.p, "shared@db01", checkout.Which{}, tt.want)
	}
	if n := len(d.Visible(victor)); n != 7 {
		t.Errorf("the auditor sees %d accounts", n)
	}
	if n := len(d.Visible(nobody)); n != 0 {
		t.Errorf("a stranger sees %d accounts", n)
	}
	l := take(t, d, alice, "root@db01", nil)
	if _, err := d.Force(t.Context(), bob, l.ID); !errors.Is(err, cause.NotHolder) {
		t.Errorf("bob forces: %v", err)
	}
	if _, err := d.Rotate(t.Context(), bob, "root@db01"); !errors.Is(err, cause.NotAllowed) {
		t.Errorf("bob rotates: %v", err)
	}
	if _, err := d.Rotate(t.Context(), alice, "root@db01"); err != nil {
		t.Errorf("the holder rotates: %v", err)
	}
	if x, err := d.Force(t.Context(), trent, l.ID); err != nil || x.State != checkout.Forced || x.EndedBy != "trent" {
		t.Errorf("the approver forces: %+v, %v", x, err)
	}
	if s, err := d.Reveal(t.Context(), "root@db01", checkout.Which{}); err != nil || s.Version != 3 {
		t.Errorf("rotated on demand and by the forced checkin: %+v, %v", s, err)
	}
	all, _ := d.Leases(t.Context(), trent)
	own, _ := d.Leases(t.Context(), bob)
	if len(all) != 1 || len(own) != 0 {
		t.Errorf("trent sees %d leases, bob %d", len(all), len(own))
	}
}

func TestRotationOnCheckoutAndOnSchedule(t *testing.T) {
	d, c := desk(t)
	take(t, d, alice, "fresh@db01", nil)
	if got := fetch(t, d, alice, "fresh@db01", checkout.Which{}, nil); got == "fresh-1" {
		t.Error("the checkout did not rotate")
	}
	c.Advance(7*24*time.Hour - time.Second)
	before := fetch(t, d, alice, "weekly@db01", checkout.Which{}, nil)
	c.Advance(time.Second)
	after := fetch(t, d, alice, "weekly@db01", checkout.Which{}, nil)
	c.Advance(3 * 7 * 24 * time.Hour)
	s, _ := d.Reveal(t.Context(), "weekly@db01", checkout.Which{})
	if before != "weekly-1" || after == before || s.Version != 5 {
		t.Errorf("before %q, after %q, then version %d; want 5", before, after, s.Version)
	}
}

func TestApprovalTakesAsManyApproversAsThePolicySays(t *testing.T) {
	d, c := desk(t)
	ctx := t.Context()
	take(t, d, alice, "approved@db01", cause.ApprovalRequired)
	r, err := d.Request(ctx, alice, checkout.Take{AccountID: "approved@db01", Reason: "patch"})
	if err != nil || r.Needed != 2 {
		t.Fatal(r, err)
	}
	if _, err := d.Request(ctx, alice, checkout.Take{AccountID: "approved@db01"}); !errors.Is(err, cause.Exists) {
		t.Errorf("a second request: %v", err)
	}
	decide := func(p checkout.Principal, yes bool, want error) {
		t.Helper()
		if _, err := d.Decide(ctx, p, r.ID, yes, ""); !errors.Is(err, want) {
			t.Errorf("%s decides: %v, want %v", p.Name(), err, want)
		}
	}
	decide(bob, true, cause.NotApprover)
	decide(nobody, true, cause.UnknownRequest)
	decide(trent, true, nil)
	decide(trent, true, cause.Decided) // one approver counts once
	take(t, d, alice, "approved@db01", cause.ApprovalRequired)
	decide(checkout.Principal{UserID: "peggy"}, true, nil)
	take(t, d, bob, "approved@db01", cause.ApprovalRequired) // it is alice's approval
	l := take(t, d, alice, "approved@db01", nil)
	if l.Request != r.ID {
		t.Errorf("the lease names request %q", l.Request)
	}
	take(t, d, alice, "approved@db01", cause.ApprovalRequired) // one approval, one checkout
	if got := fetch(t, d, alice, "approved@db01", checkout.Which{}, nil); got != "approved-1" {
		t.Errorf("fetched %q", got)
	}
	r, _ = d.Request(ctx, alice, checkout.Take{AccountID: "approved@db01"})
	decide(trent, false, nil)
	take(t, d, alice, "approved@db01", cause.NotApproved)
	r, _ = d.Request(ctx, alice, checkout.Take{AccountID: "approved@db01"})
	c.Advance(30 * time.Minute)
	decide(trent, true, cause.Expired)
	r, _ = d.Request(ctx, admin, checkout.Take{AccountID: "approved@db01"})
	decide(admin, true, cause.SelfApproval)
	if r, err = d.Withdraw(ctx, admin, r.ID); err != nil || r.State != checkout.Withdrawn {
		t.Errorf("withdrawn: %v, %v", r, err)
	}
	mine, _ := d.Requests(ctx, alice)
	if len(mine) != 3 {
		t.Errorf("alice sees %d requests, want her own 3", len(mine))
	}
}

func TestTwoRacingCheckoutsSpendOneApproval(t *testing.T) {
	d, _ := desk(t)
	r, _ := d.Request(t.Context(), alice, checkout.Take{AccountID: "approved@db01"})
	d.Decide(t.Context(), trent, r.ID, true, "")
	d.Decide(t.Context(), admin, r.ID, true, "")
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := d.Checkout(t.Context(), alice, checkout.Take{AccountID: "approved@db01"}); err == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("one approval opened %d leases", won.Load())
	}
}

func TestReasonsAndLengths(t *testing.T) {
	d, _ := desk(t)
	for _, tt := range []struct {
		take checkout.Take
		want error
	}{
		{checkout.Take{AccountID: "reasoned@db01"}, cause.ReasonRequired},
		{checkout.Take{AccountID: "reasoned@db01", Reason: "  "}, cause.ReasonRequired},
		{checkout.Take{AccountID: "reasoned@db01", Reason: "patch"}, nil},
		{checkout.Take{AccountID: "root@db01", For: 3 * time.Hour}, cause.TooLong},
		{checkout.Take{AccountID: "root@db01", For: -time.Hour}, cause.BadInput},
		{checkout.Take{AccountID: "nothing@db01"}, cause.UnknownAccount},
	} {
		if _, err := d.Checkout(t.Context(), alice, tt.take); !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.take, err, tt.want)
		}
	}
}

func TestKeysAreDerivedAndRotate(t *testing.T) {
	d, _ := desk(t)
	again, _ := desk(t)
	for _, kind := range []string{"ssh-rsa", "ssh-ed25519"} {
		one := fetch(t, d, alice, "keys@db01", checkout.Which{Key: true, Type: kind}, nil)
		if two := fetch(t, again, alice, "keys@db01", checkout.Which{Key: true, Type: kind}, nil); one != two {
			t.Errorf("%s: the same seed gives two keys", kind)
		}
		p, _ := pem.Decode([]byte(one))
		if p == nil {
			t.Fatalf("%s: no PEM: %s", kind, one)
		}
		_, err1 := x509.ParsePKCS1PrivateKey(p.Bytes)
		_, err8 := x509.ParsePKCS8PrivateKey(p.Bytes)
		if err1 != nil && err8 != nil {
			t.Errorf("%s: %v, %v", kind, err1, err8)
		}
	}
	if got := fetch(t, d, alice, "keys@db01", checkout.Which{Key: true, Type: "ecdsa-sha2-nistp256"}, nil); got != "seeded" {
		t.Errorf("the seeded key is %q", got)
	}
	fetch(t, d, alice, "keys@db01", checkout.Which{Key: true, Type: "ssh-dss"}, cause.NoSecret)
	fetch(t, d, alice, "keys@db01", checkout.Which{}, cause.NoSecret)
	if _, err := d.Rotate(t.Context(), trent, "keys@db01"); err != nil {
		t.Fatal(err)
	}
	if got := fetch(t, d, alice, "keys@db01", checkout.Which{Key: true, Type: "ecdsa-sha2-nistp256"}, nil); got == "seeded" {
		t.Error("the key did not rotate")
	}
	if got := fetch(t, d, alice, "keys@db01", checkout.Which{Key: true, Type: "ecdsa-sha2-nistp256", Version: 1}, nil); got != "seeded" {
		t.Errorf("version 1 is %q", got)
	}
}

func TestAPasswordSetFromOutsideIsTheNextVersion(t *testing.T) {
	d, _ := desk(t)
	if err := d.Set(t.Context(), "shared@db01", "by-ldap", "changed over LDAP"); err != nil {
		t.Fatal(err)
	}
	if got := fetch(t, d, alice, "shared@db01", checkout.Which{}, nil); got != "by-ldap" {
		t.Errorf("current is %q", got)
	}
	if _, err := d.Rotate(t.Context(), trent, "shared@db01"); err != nil {
		t.Fatal(err)
	}
	if got := fetch(t, d, alice, "shared@db01", checkout.Which{}, nil); got == "by-ldap" {
		t.Error("the rotation kept the password")
	}
	if got := fetch(t, d, alice, "shared@db01", checkout.Which{Version: 2}, nil); got != "by-ldap" {
		t.Errorf("version 2 is %q", got)
	}
}

func TestTheLedgerStaysSmall(t *testing.T) {
	d, _ := desk(t)
	for range 300 {
		l := take(t, d, alice, "root@db01", nil)
		if _, err := d.Checkin(t.Context(), alice, l.ID); err != nil {
			t.Fatal(err)
		}
	}
	r, _ := d.Store.Table("account").Get(t.Context(), "root@db01")
	if len(r.Value) > 40_000 {
		t.Errorf("after 300 checkouts the record has %d octets", len(r.Value))
	}
	leases, _ := d.Leases(t.Context(), alice)
	if len(leases) != 50 {
		t.Errorf("%d leases are remembered, want 50", len(leases))
	}
}
