package boot_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/checkout"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/signin"
	"counterpart/internal/serving/fault"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
	"counterpart/seed/worlds"
	"counterpart/servers"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// company builds a seed's fleet without opening a port.
// sessions are those of some server.
func sessions(c *boot.Company) *signin.Sessions[struct{}] {
	return signin.NewSessions(c.Logins, signin.Kind[struct{}]{Realm: "test"})
}

func company(t testing.TB, name, text string, c *clock.Virtual) (*boot.Company, error) {
	t.Helper()
	s, err := seed.Load(name, []byte(text), seed.Options{Now: c.Now(), FS: worlds.FS})
	if err != nil {
		return nil, err
	}
	return boot.New(s, boot.Options{Kinds: servers.Table(), Clock: c, Auto: true, NoControl: true})
}

func demo(t testing.TB) *boot.Company {
	t.Helper()
	text, err := worlds.Open("demo")
	if err != nil {
		t.Fatal(err)
	}
	c, err := company(t, "demo.yaml", string(text), clock.Frozen(noon))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAnExportLoadsToTheSameState changes something of every sort, exports it,
// loads it elsewhere at another time, and looks at everything again.
func TestAnExportLoadsToTheSameState(t *testing.T) {
	ctx, a := t.Context(), demo(t)
	alice := checkout.Principal{UserID: "alice"}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // version 2 of the password is in use
		l, err := a.Accounts.Checkout(ctx, alice, checkout.Take{AccountID: "root@db01"})
		do(err)
		_, err = a.Accounts.Checkin(ctx, alice, l.ID)
		do(err)
	}
	lease, err := a.Accounts.Checkout(ctx, alice, checkout.Take{AccountID: "root@db01", For: 2 * time.Hour})
	do(err)
	do(a.Logins.SetPassword(ctx, "bob", signin.NewPassword{Password: "Brand-New-1"}))
	a.Logins.Login(ctx, "alice", "wrong")
	token, _, err := sessions(a).Issue(ctx, signin.Issue[struct{}]{Owner: "alice", TTL: time.Hour})
	do(err)
	code, _, err := a.Factors.Current(ctx, "alice-totp")
	do(err)
	_, err = a.Factors.Verify(ctx, "alice-totp", code)
	do(err)
	approval, err := a.Factors.Ask(ctx, factor.Ask{System: "x", UserID: "bob"})
	do(err)
	_, err = a.Decisions.Add(ctx, decision.Decision{Verb: decision.Deny, User: "trent", Next: 3})
	do(err)
	a.Decisions.Take(ctx, decision.Subject{On: decision.Login, User: "trent"})
	do(a.Faults.Set([]fault.Rule{{ID: "f", Kind: fault.Reset, Times: 3, Lasts: "2h", Op: "GET *"}, {ID: "gone", Kind: fault.Hang, Nth: 1, Op: "GET *"}}))
	a.Faults.Hit(fault.Subject{Op: "GET /x"}, fault.Reset)
	a.Faults.Hit(fault.Subject{Op: "GET /x"}, fault.Hang)
	a.Clock.Advance(10 * time.Second)
	text, err := a.Export(ctx)
	do(err)

	b, err := company(t, "export.yaml", string(text), clock.New())
	do(err)
	if !b.Clock.Now().Equal(a.Clock.Now()) || !b.Clock.IsFrozen() {
		t.Errorf("the clock stands at %s", b.Clock.Now())
	}
	if again, err := b.Export(ctx); err != nil || string(again) != string(text) {
		t.Errorf("exported again it is another (%v):\n%s\n%s", err, tail(text), tail(again))
	}
	want, _ := a.Accounts.Reveal(ctx, "root@db01", checkout.Which{})
	if got, err := b.Accounts.Reveal(ctx, "root@db01", checkout.Which{}); err != nil || got.Value != want.Value || got.Version != 3 || !got.Since.Equal(want.Since) {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
	if got, err := b.Accounts.Lease(ctx, alice, lease.ID); err != nil || got.State != checkout.Active || !got.Expires.Equal(lease.Expires) {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := b.Logins.Login(ctx, "bob", "Brand-New-1"); err != nil {
		t.Error(err)
	}
	if s, _ := b.Logins.Standing(ctx, "alice"); s.Failures != 1 {
		t.Errorf("%+v", s)
	}
	ofB := sessions(b)
	if _, err := ofB.Look(ctx, token); err != nil {
		t.Error(err)
	}
	if _, err := b.Factors.Verify(ctx, "alice-totp", code); err == nil {
		t.Error("a code was used twice")
	}
	if got, err := b.Factors.Approval(ctx, approval.ID); err != nil || got.State != factor.Pending {
		t.Errorf("%+v %v", got, err)
	}
	if l, _ := b.Decisions.List(ctx); len(l) != 1 || l[0].Used != 1 {
		t.Errorf("%+v", l)
	}
	if r := b.Faults.Rules(); len(r) != 1 || r[0].Times != 2 || r[0].Lasts != "1h59m50s" {
		t.Errorf("%+v", r)
	}
	if _, _, err := ofB.Issue(ctx, signin.Issue[struct{}]{Owner: "alice"}); err != nil {
		t.Errorf("the first token after the restart: %v", err)
	}
	b.Clock.Advance(2 * time.Hour)
	if got, _ := b.Accounts.Lease(ctx, alice, lease.ID); got.State != checkout.Expired {
		t.Errorf("%+v", got)
	}
	if err := b.Reset(ctx); err != nil { // to its own seed: the export
		t.Fatal(err)
	}
	if l, _ := b.Decisions.List(ctx); len(l) != 1 {
		t.Errorf("%+v", l)
	}
}

func tail(text []byte) string { return string(text[max(0, len(text)-1500):]) }

const steered = `
organization: {domain: acme.test}
users: [{name: alice, password: Alice-Pass-1}]
decisions:
  - {verb: lock, user: alice, next: 1, for: 1h}
faults:
- {id: slow, kind: delay, args: {for: 1s}, lasts: 1h}
servers: [{kind: native}]
`

func TestASeedSteersFromTheStart(t *testing.T) {
	c, err := company(t, "steered.yaml", steered, clock.Frozen(noon))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // at the start, and after a reset
		l, _ := c.Decisions.List(t.Context())
		if len(l) != 1 || l[0].Until.IsZero() || len(c.Faults.Rules()) != 1 {
			t.Errorf("%+v %+v", l, c.Faults.Rules())
		}
		if _, err := c.Logins.Login(t.Context(), "alice", "Alice-Pass-1"); err == nil {
			t.Error("alice is not locked")
		}
		c.Faults.Set(nil)
		if err := c.Reset(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	text, err := c.Export(t.Context())
	if err != nil || strings.Count(string(text), "faults:") != 1 || strings.Contains(string(text), "decisions:") || !strings.Contains(string(text), "servers: [{kind: native}]") {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestASeedsMistakesInSteeringHavePlaces(t *testing.T) {
	_, err := company(t, "wrong.yaml", `
users: [{name: alice}]
decisions:
  - {verb: deny, device: none}
  - {verb: deny, ticket: none}
  - {verb: fraud, account: x@y}
faults:
  - {kind: explode}
  - {kind: delay, args: {fro: 1s}}
servers: [{kind: native}]
`, clock.Frozen(noon))
	if err == nil {
		t.Fatal("it loads")
	}
	for _, want := range []string{`wrong.yaml:4:5: no such device: there is no device "none"`, "wrong.yaml:5:5: unknown ticket", "wrong.yaml:6:5: bad input: nothing would ever obey",
		`wrong.yaml:8:5: fault "rule-1": unknown kind "explode"`, `wrong.yaml:9:5: fault "rule-1": delay has no args.fro`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in\n%v", want, err)
		}
	}
}

// TestS8AFlowSeedIsExportedToo: behind braces nothing can be put, so its keys are
// written once more, one per line.
func TestS8AFlowSeedIsExportedToo(t *testing.T) {
	c, err := company(t, "flow.yaml", `{users: [{name: alice}], servers: [{kind: native}]}`, clock.Frozen(noon))
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := company(t, "again.yaml", string(text), clock.Frozen(noon))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if _, ok := b.World.Login("alice"); !ok {
		t.Errorf("alice is gone:\n%s", text)
	}
}
