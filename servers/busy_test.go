package servers_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
	"counterpart/seed/worlds"
	"counterpart/servers"
)

// busy is the demo fleet with everybody talking to it.
type busy struct {
	*boot.Company
	t        *testing.T
	log      *lockedBuffer
	sessions *signin.Sessions[struct{}]
	tokens   sync.Map
	ops      atomic.Int64
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func demo(t *testing.T) *busy {
	t.Helper()
	text, err := worlds.Open("demo")
	if err != nil {
		t.Fatal(err)
	}
	c := clock.New()
	s, err := seed.Load("demo.yaml", text, seed.Options{Now: c.Now(), FS: worlds.FS})
	if err != nil {
		t.Fatal(err)
	}
	b := &busy{t: t, log: &lockedBuffer{}}
	b.Company, err = boot.New(s, boot.Options{Kinds: servers.Table(), Auto: true, Clock: c,
		Log: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	b.sessions = signin.NewSessions(b.Logins, signin.Kind[struct{}]{Realm: "test"})
	if err := b.Bind(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Serve(ctx) }()
	t.Cleanup(func() { cancel(); <-done; http.DefaultClient.CloseIdleConnections() })
	return b
}

func (b *busy) addr(id string) string {
	for _, e := range b.Fleet.Endpoints() {
		if e.ID() == id {
			return e.Addr
		}
	}
	b.t.Errorf("no port %s", id)
	return ""
}

// http sends a request, however it ends.
func (b *busy) http(port, who, method, path, body string) string {
	req, err := http.NewRequest(method, "http://"+b.addr(port)+path, strings.NewReader(body))
	if err != nil {
		b.t.Error(err)
		return ""
	}
	if who != "" {
		req.SetBasicAuth(who, b.password(who))
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	resp, err := http.DefaultClient.Do(req.WithContext(ctx))
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	b.ops.Add(1)
	return string(text)
}

func (b *busy) password(who string) string {
	u, _ := b.World.Login(who)
	return u.Password
}

func (b *busy) radius(i int) {
	p := radius.New(radius.CodeAccessRequest, []byte("testing123"))
	rfc2865.UserName_SetString(p, "alice")
	rfc2865.UserPassword_SetString(p, b.password("alice"))
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if _, err := (&radius.Client{}).Exchange(ctx, p, b.addr("radius/auth")); err == nil {
		b.ops.Add(1)
	}
	_ = i
}

func (b *busy) ldap(int) {
	c, err := ldap.DialURL("ldap://" + b.addr("ad/ldap"))
	if err != nil {
		return
	}
	defer c.Close()
	c.SetTimeout(500 * time.Millisecond)
	if c.Bind("alice@acme.test", b.password("alice")) == nil {
		c.Search(ldap.NewSearchRequest("dc=acme,dc=test", ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, "(sAMAccountName=alice)", []string{"cn"}, nil))
		b.ops.Add(1)
	}
}

func (b *busy) native(i int) {
	b.http("native/http", "alice", "POST", "/vault/v1/accounts/root@db01/checkout", `{"reason":"busy"}`)
	b.http("native/http", "alice", "GET", "/vault/v1/accounts/root@db01/password", "")
	b.http("native/http", "alice", "GET", "/vault/v1/accounts/deploy@web01/keys/ssh-rsa", "")
	for _, l := range []int{i, i + 1, i + 2} {
		b.http("native/http", "alice", "DELETE", fmt.Sprintf("/vault/v1/leases/lease-%d.root@db01", l), "")
	}
	b.http("native/http", "bob", "POST", "/otp/v1/transactions", `{"user":"bob","method":"sms"}`)
	b.http("native/http", "trent", "POST", "/otp/v1/users/trent/devices", `{"kind":"totp"}`)
	secret, _, err := b.sessions.Issue(context.Background(), signin.Issue[struct{}]{Owner: "alice", TTL: time.Hour})
	if err != nil {
		b.t.Error(err)
		return
	}
	b.tokens.Store(secret, true)
	b.http("native/http", "", "GET", "/somewhere/"+secret+"?x="+secret, "")
	b.http("native/http", "alice", "POST", "/tickets/v1/tickets/CHG0000038/notes", `{"kind":"comment","text":"my password is `+b.password("alice")+` and `+secret+`"}`)
}

// meddle changes faults, decisions and the clock, and reads everything, until
// the others are done.
func (b *busy) meddle(done <-chan struct{}) {
	ctx := context.Background()
	faults := []fault.Rule{{Kind: fault.Delay, Percent: 10, Args: map[string]string{"for": "1ms"}}, {Kind: fault.Reset, Percent: 5, Moment: fault.After},
		{Kind: fault.Body, Percent: 20, Args: map[string]string{"as": "null", "field": "id"}}, {Kind: fault.Drop, Percent: 5}, {Kind: "wrong-authenticator", Percent: 5},
		{Kind: fault.Status, Actor: "alice", Percent: 5}, {Kind: fault.Duplicate, Percent: 10}}
	for i := 0; ; i++ {
		select {
		case <-done:
			b.Faults.Set(nil)
			return
		default:
		}
		if err := b.Faults.Set(faults[:i%len(faults)]); err != nil {
			b.t.Error(err)
		}
		if _, err := b.Decisions.Add(ctx, decision.Decision{Verb: decision.Deny, User: "alice", Next: 2}); err != nil {
			b.t.Error(err)
		}
		b.Clock.Advance(time.Second)
		for _, path := range []string{"/journal?limit=50", "/metrics", "/audit", "/faults", "/decisions", "/leases", "/approvals", "/tokens"} {
			b.http("control/http", "", "GET", path, "")
		}
		b.http("control/http", "", "POST", "/journal/verify", `{"expect":[{"match":{"actor":"eve"},"never":true}]}`)
		b.Decisions.Lift(ctx, "")
		if i%20 == 19 {
			b.http("control/http", "", "POST", "/state/reset", "")
		}
	}
}

// load lets everybody talk at once and waits for them.
func (b *busy) load(rounds int) {
	var all sync.WaitGroup
	for _, work := range []func(int){b.radius, b.radius, b.ldap, b.native, b.native} {
		all.Go(func() {
			for i := range rounds {
				work(i)
			}
		})
	}
	done, over := make(chan struct{}), make(chan struct{})
	go func() { b.meddle(done); close(over) }()
	all.Wait()
	close(done)
	<-over
}

// TestABusyFleetIsSteeredAndKeepsItsSecrets is what the race detector looks at,
// and no secret shows afterwards in anything that the fleet says about itself.
func TestABusyFleetIsSteeredAndKeepsItsSecrets(t *testing.T) {
	b := demo(t)
	rounds := 40
	if testing.Short() {
		rounds = 10
	}
	b.load(rounds)
	b.native(0) // undisturbed, so that everything is there once
	b.native(1)
	if b.ops.Load() < int64(rounds) {
		t.Errorf("only %d operations went through", b.ops.Load())
	}
	said := b.http("control/http", "", "GET", "/journal", "") + b.http("control/http", "", "GET", "/audit", "") + b.http("control/http", "", "GET", "/metrics", "") +
		b.http("control/http", "", "POST", "/journal/verify", `{"expect":[{"match":{"actor":"nobody"}}],"only":[{"server":"none"}]}`)
	last := b.Journal.Since(0, journal.Match{}, 0)
	for _, e := range last.Entries {
		said += b.http("control/http", "", "GET", fmt.Sprintf("/journal/%d", e.Seq), "")
	}
	if len(last.Entries) < 10 || !strings.Contains(said, "***") || !strings.Contains(said, "somewhere") {
		t.Fatalf("%d entries, and nothing hidden in them", len(last.Entries))
	}
	b.log.mu.Lock()
	said += b.log.String()
	b.log.mu.Unlock()
	for secret, whose := range b.secrets() {
		for _, form := range []string{secret, url.QueryEscape(secret), strings.ReplaceAll(secret, "\n", `\n`)} {
			if i := strings.Index(said, form); i >= 0 {
				t.Errorf("a secret of %s shows: …%s…", whose, said[max(0, i-200):min(len(said), i+80)])
				break
			}
		}
	}
}

// secrets are all that the world knows and all that was issued.
func (b *busy) secrets() map[string]string {
	out := map[string]string{}
	for u := range b.World.Users() {
		out[u.Password] = u.ID
		devices, _ := b.Factors.Devices(context.Background(), u.ID) // with those that were enrolled
		for _, d := range devices {
			for _, s := range append([]string{factor.Base32(d.Secret), hex.EncodeToString(d.AESKey), hex.EncodeToString(d.PrivateID)}, d.Codes...) {
				out[s] = d.ID
			}
		}
		messages, _ := b.Factors.Outbox(context.Background(), u.ID)
		for _, m := range messages {
			out[`"`+m.Code+`"`] = m.Device
		}
	}
	for a := range b.World.Accounts() {
		out[a.Password] = a.ID
		for _, k := range a.Keys {
			for line := range strings.Lines(k.PEM) {
				if line = strings.TrimSpace(line); len(line) > 30 && !strings.HasPrefix(line, "--") {
					out[line] = a.ID
				}
			}
		}
		for n := 2; n < 100; n++ { // what rotation made of it
			out[world.Password(b.World.Derive("account", a.ID, fmt.Sprint(n)), 20)] = a.ID
		}
	}
	for c := range b.World.Clients() {
		out[c.Secret] = c.ID
	}
	b.tokens.Range(func(k, _ any) bool { out[k.(string)] = "a token"; return true })
	delete(out, "")
	return out
}

// TestAResetIsFast: the demo world, after a busy time.
func TestAResetIsFast(t *testing.T) {
	b := demo(t)
	for i := range 3 {
		b.native(i)
	}
	best := time.Hour
	for range 5 {
		at := time.Now()
		if err := b.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(at))
	}
	if best > 10*time.Millisecond {
		t.Errorf("a reset takes %s", best)
	}
}
