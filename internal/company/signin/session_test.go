package signin_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// facts is what a server might know of a session.
type facts struct {
	Parent string
	Seen   int
}

// parents lists what the tests' sessions are found by.
func parents(s *signin.Session[facts]) []string {
	out := []string{"owner " + s.Owner}
	if s.Data.Parent != "" {
		out = append(out, "parent "+s.Data.Parent)
	}
	return out
}

type issue = signin.Issue[facts]

func TestSessionsLiveAndDie(t *testing.T) {
	g, c := guard(t, world.Organization{})
	s := signin.NewSessions(g, signin.Kind[facts]{Realm: "a", Remember: 24 * time.Hour})
	ctx := t.Context()
	secret, made, err := s.Issue(ctx, issue{Owner: "alice", TTL: time.Hour, MaxTTL: 90 * time.Minute, Renewable: true, Data: facts{Seen: 7}})
	if err != nil || strings.Contains(secret, made.ID) {
		t.Fatalf("%q %+v %v", secret, made, err)
	}
	look := func(secret string, want error) {
		t.Helper()
		if _, err := s.Look(ctx, secret); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if got, err := s.Look(ctx, secret); err != nil || got.Data.Seen != 7 || got.Owner != "alice" {
		t.Errorf("%+v, %v", got, err)
	}
	look(made.ID, cause.UnknownToken) // the accessor opens nothing
	c.Advance(59 * time.Minute)
	if got, err := s.Renew(ctx, secret, time.Hour); err != nil || !got.Expires.Equal(noon.Add(90*time.Minute)) {
		t.Errorf("renewed to %v, %v; want the maximum of 90 minutes", got.Expires, err)
	}
	c.Advance(31 * time.Minute)
	look(secret, cause.TokenExpired)
	if _, err := s.Renew(ctx, secret, time.Hour); !errors.Is(err, cause.TokenExpired) {
		t.Errorf("renewing the dead: %v", err)
	}
	c.Advance(25 * time.Hour)
	look(secret, cause.UnknownToken)

	gone, _, _ := s.Issue(ctx, issue{Owner: "alice"})
	if _, err := s.Renew(ctx, gone, time.Hour); !errors.Is(err, cause.NotRenewable) {
		t.Errorf("not renewable: %v", err)
	}
	if err := s.Revoke(ctx, gone); err != nil {
		t.Fatal(err)
	}
	look(gone, cause.TokenRevoked)
	c.Advance(24 * time.Hour)
	look(gone, cause.UnknownToken)
	for _, want := range []error{nil, cause.Exists} {
		if _, _, err := s.Issue(ctx, issue{Secret: "root"}); !errors.Is(err, want) {
			t.Errorf("a wanted secret: %v, want %v", err, want)
		}
	}
}

// TestC1FinishedSessionsLeaveNothingBehind: after the last session of a kind that
// remembers nothing has been revoked, has expired or was used up, the store is as it
// was before.
func TestC1FinishedSessionsLeaveNothingBehind(t *testing.T) {
	g, c := guard(t, world.Organization{})
	s := signin.NewSessions(g, signin.Kind[facts]{Realm: "a", By: parents})
	ctx := t.Context()
	var last string
	for i := range 100 {
		secret, made, err := s.Issue(ctx, issue{Owner: "alice", ID: fmt.Sprint("id", i), TTL: time.Hour, Renewable: true, Data: facts{Parent: last}})
		if err != nil {
			t.Fatal(err)
		}
		last = made.ID
		switch i % 3 {
		case 0:
			err = s.Revoke(ctx, secret)
		case 1:
			_, err = s.RenewNamed(ctx, made.ID, 2*time.Hour)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Named(ctx, "id0"); !errors.Is(err, cause.UnknownToken) {
		t.Errorf("a revoked one: %v", err)
	}
	if _, err := s.Named(ctx, "id1"); err != nil {
		t.Errorf("a renewed one: %v", err)
	}
	c.Advance(2*time.Hour + time.Minute) // an index may hold on for a minute
	names, err := g.Store.Tables(ctx, "session/")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if left, err := g.Store.Table(name).Keys(ctx, state.Range{}); err != nil || len(left) > 0 {
			t.Errorf("of sessions that are over there is still %s %q (%v)", name, left, err)
		}
	}
}

// TestIdleSessionsEnd: each use counts, though not each is written down.
func TestIdleSessionsEnd(t *testing.T) {
	g, c := guard(t, world.Organization{})
	s := signin.NewSessions(g, signin.Kind[facts]{Realm: "a", Idle: 16 * time.Minute, Remember: time.Hour})
	ctx := t.Context()
	secret, made, _ := s.Issue(ctx, issue{Owner: "alice", TTL: time.Hour})
	known, err := s.Know(ctx, secret)
	if err != nil || !s.End(&made).Equal(noon.Add(16*time.Minute)) {
		t.Fatal(s.End(&made), err)
	}
	for range 3 { // fifteen minutes, four times over
		c.Advance(15 * time.Minute)
		if known.Good(c.Now()) {
			t.Error("a use that counts is not noticed by somebody who keeps the session")
		}
		if known, err = s.Know(ctx, secret); err != nil {
			t.Fatal(err)
		}
		c.Advance(30 * time.Second)
		if !known.Good(c.Now()) {
			t.Error("a use half a minute later is written down")
		}
	}
	c.Advance(14 * time.Minute) // an hour after it was issued, whoever uses it
	if _, err := s.Look(ctx, secret); !errors.Is(err, cause.TokenExpired) {
		t.Errorf("after its absolute end: %v", err)
	}
	idle, _, _ := s.Issue(ctx, issue{Owner: "alice"})
	c.Advance(16 * time.Minute)
	if _, err := s.Look(ctx, idle); !errors.Is(err, cause.TokenExpired) {
		t.Errorf("idle for too long: %v", err)
	}
}

func TestASessionIsFoundByItsAccessor(t *testing.T) {
	g, c := guard(t, world.Organization{})
	s := signin.NewSessions(g, signin.Kind[facts]{Realm: "a"})
	ctx := t.Context()
	secret, _, err := s.Issue(ctx, issue{Owner: "alice", ID: "acc1", TTL: time.Hour, MaxTTL: 2 * time.Hour, Renewable: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Named(ctx, "acc1"); err != nil || got.Owner != "alice" {
		t.Fatalf("%+v, %v", got, err)
	}
	c.Advance(30 * time.Minute)
	got, err := s.RenewNamed(ctx, "acc1", 3*time.Hour)
	if want := c.Now().Add(90 * time.Minute); err != nil || !got.Expires.Equal(want) || !got.Renewed.Equal(c.Now()) {
		t.Fatalf("renewed to %v (want %v), noted at %v, %v", got.Expires, want, got.Renewed, err)
	}
	c.Advance(80 * time.Minute) // the name lives as long as the session does now
	if _, err := s.Named(ctx, "acc1"); err != nil {
		t.Error(err)
	}
	if _, _, err := s.Issue(ctx, issue{Owner: "bob", ID: "acc1", TTL: time.Hour}); !errors.Is(err, cause.Exists) {
		t.Errorf("the same accessor twice: %v", err)
	}
	if err := s.EditNamed(ctx, "acc1", func(f *facts) { f.Seen++ }); err != nil {
		t.Error(err)
	}
	if got, err := s.Look(ctx, secret); err != nil || got.Data.Seen != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.RevokeNamed(ctx, "acc1"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"acc1", "nobody"} {
		if _, err := s.Named(ctx, id); !errors.Is(err, cause.UnknownToken) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, _, err := s.Issue(ctx, issue{Owner: "bob", ID: "acc1"}); err != nil {
		t.Errorf("an accessor that is free again: %v", err)
	}
}

func TestASecretThatIsTakenLeavesNoSecondName(t *testing.T) {
	g, _ := guard(t, world.Organization{})
	s := signin.NewSessions(g, signin.Kind[facts]{Realm: "a"})
	ctx := t.Context()
	for _, id := range []string{"first", "second"} {
		s.Issue(ctx, issue{ID: id, Secret: "chosen", TTL: time.Hour})
	}
	if _, err := s.Named(ctx, "first"); err != nil {
		t.Error(err)
	}
	if got, err := s.Named(ctx, "second"); !errors.Is(err, cause.UnknownToken) {
		t.Errorf("the second accessor leads to %+v, %v", got, err)
	}
}

func TestRealmsKeepChosenSecretsApart(t *testing.T) {
	g, _ := guard(t, world.Organization{})
	ctx := t.Context()
	a := signin.NewSessions(g, signin.Kind[facts]{Realm: "a"})
	b := signin.NewSessions(g, signin.Kind[map[string]string]{Realm: "b"})
	if _, _, err := a.Issue(ctx, issue{Secret: "root", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Look(ctx, "root"); !errors.Is(err, cause.UnknownToken) {
		t.Errorf("in another realm: %v", err)
	}
	if _, _, err := b.Issue(ctx, signin.Issue[map[string]string]{Secret: "root", ID: "1", Data: map[string]string{"k": "v"}}); err != nil {
		t.Fatal(err)
	}
	all, err := g.Alive(ctx)
	if err != nil || len(all) != 2 || all[0].Kind != "a" || string(all[1].Data) != `{"k":"v"}` {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestSessionsOfOneAreFoundAndEnded(t *testing.T) {
	g, c := guard(t, world.Organization{})
	s := signin.NewSessions(g, signin.Kind[facts]{Realm: "a", By: parents})
	ctx := t.Context()
	for i, owner := range []string{"alice", "bob", "alice", "alice"} {
		i := issue{Owner: owner, ID: fmt.Sprint(i), TTL: time.Duration(4-i) * time.Hour, Data: facts{Parent: "0"}}
		if _, _, err := s.Issue(ctx, i); err != nil {
			t.Fatal(err)
		}
	}
	c.Advance(time.Hour) // the last one is over
	found := func(what string) (ids []string) {
		for v, err := range s.Found(ctx, what) {
			if err != nil {
				t.Error(err)
			}
			ids = append(ids, v.ID)
		}
		slices.Sort(ids)
		return ids
	}
	if got := found("owner alice"); !slices.Equal(got, []string{"0", "2"}) {
		t.Errorf("alice has %q", got)
	}
	if err := s.EditNamed(ctx, "2", func(f *facts) { f.Parent = "" }); err != nil {
		t.Fatal(err)
	}
	if got := found("parent 0"); !slices.Equal(got, []string{"0", "1"}) {
		t.Errorf("children: %q", got)
	}
	if err := s.RevokeFound(ctx, "owner alice"); err != nil {
		t.Fatal(err)
	}
	if got := found("owner alice"); got != nil {
		t.Errorf("alice has %q", got)
	}
	if _, err := s.Named(ctx, "1"); err != nil {
		t.Errorf("bob's: %v", err)
	}
}

// TestARevocationDisturbsNobody: who keeps a session need not ask again because others
// came and went.
func TestARevocationDisturbsNobody(t *testing.T) {
	g, c := guard(t, world.Organization{})
	s := signin.NewSessions(g, signin.Kind[facts]{Realm: "a", By: parents})
	ctx := t.Context()
	secret, _, _ := s.Issue(ctx, issue{Owner: "alice"})
	kept, err := s.Know(ctx, secret)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		other, _, _ := s.Issue(ctx, issue{Owner: "alice"})
		if err := s.Revoke(ctx, other); err != nil {
			t.Fatal(err)
		}
	}
	if !kept.Good(c.Now()) {
		t.Error("a session that nobody has touched has to be asked for again")
	}
}

func TestOfManyRacingUsesAsManyWinAsWereGranted(t *testing.T) {
	for remember, over := range map[time.Duration]error{0: cause.UnknownToken, time.Hour: cause.TokenUsedUp} {
		usesOf3(t, remember, over)
	}
}

func usesOf3(t *testing.T, remember time.Duration, over error) {
	g, _ := guard(t, world.Organization{})
	s := signin.NewSessions(g, signin.Kind[facts]{Realm: "a", Remember: remember})
	secret, _, _ := s.Issue(t.Context(), issue{Owner: "alice", Uses: 3})
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := s.Use(t.Context(), secret); err == nil {
				won.Add(1)
			} else if !errors.Is(err, over) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 3 {
		t.Errorf("%d of 3 granted uses were taken", won.Load())
	}
	if names, err := g.Store.Tables(t.Context(), ""); remember == 0 && len(names) > 0 {
		t.Errorf("of a session that is used up there is still %q, %v", names, err)
	}
}

// TestOfRacingRevocationsOneWins, also against a renewal, which does not bring it back.
func TestOfRacingRevocationsOneWins(t *testing.T) {
	g, _ := guard(t, world.Organization{})
	s := signin.NewSessions(g, signin.Kind[facts]{Realm: "a", By: parents})
	ctx := context.Background()
	for i := range 200 {
		id := fmt.Sprint(i)
		s.Issue(ctx, issue{Owner: "alice", ID: id, TTL: time.Hour, Renewable: true})
		var won atomic.Int32
		var wg sync.WaitGroup
		for n := range 4 {
			wg.Go(func() {
				var err error
				if n == 0 {
					_, err = s.RenewNamed(ctx, id, 2*time.Hour)
				} else if err = s.RevokeNamed(ctx, id); err == nil {
					won.Add(1)
				}
				if err != nil && !errors.Is(err, cause.UnknownToken) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if _, err := s.Named(ctx, id); won.Load() != 1 || !errors.Is(err, cause.UnknownToken) {
			t.Fatalf("%d revocations won, and then: %v", won.Load(), err)
		}
	}
}
