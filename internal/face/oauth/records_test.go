package oauth_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/face/jose"
	"counterpart/internal/face/oauth"
)

var start = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func world() (state.Store, *clock.Virtual) {
	c := clock.Frozen(start)
	return statetest.Twice(state.NewMemory(c)), c
}

// want fails unless err is what is wanted.
func want(t *testing.T, what string, err, wanted error) {
	t.Helper()
	if !errors.Is(err, wanted) {
		t.Errorf("%s: %v, not %v", what, err, wanted)
	}
}

// race runs f side by side and counts the calls that were not refused.
func race(t *testing.T, n int, refused error, f func(i int) error) int64 {
	t.Helper()
	var won atomic.Int64
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			if err := f(i); err == nil {
				won.Add(1)
			} else if !errors.Is(err, refused) {
				t.Errorf("%v", err)
			}
		})
	}
	wait.Wait()
	return won.Load()
}

func TestCodesAreGoodOnce(t *testing.T) {
	s, c := world()
	codes := oauth.NewCodes[string](s, "codes", c, time.Hour)
	ctx := t.Context()
	want(t, "issue", codes.Issue(ctx, "secret", "alice", time.Minute), nil)
	want(t, "issue again", codes.Issue(ctx, "secret", "bob", time.Minute), cause.Exists)
	_, err := codes.Redeem(ctx, "other", nil)
	want(t, "another code", err, oauth.UnknownCode)
	_, err = codes.Redeem(ctx, "secret", func(who string) error { return cause.Because(oauth.BadVerifier, "%s", who) })
	want(t, "what does not fit", err, oauth.BadVerifier)
	won := race(t, 20, oauth.UsedCode, func(int) error {
		who, err := codes.Redeem(ctx, "secret", func(string) error { return nil })
		if err == nil && who != "alice" {
			t.Error(who)
		}
		return err
	})
	if won != 1 {
		t.Errorf("%d redeemed it", won)
	}
	want(t, "issue", codes.Issue(ctx, "late", "alice", time.Minute), nil)
	c.Advance(time.Minute)
	_, err = codes.Redeem(ctx, "late", nil)
	want(t, "after its end", err, oauth.ExpiredCode)
	c.Advance(time.Hour)
	_, err = codes.Redeem(ctx, "late", nil)
	want(t, "when it is forgotten", err, oauth.UnknownCode)
}

func TestIdentifiersAreSeenOnce(t *testing.T) {
	s, c := world()
	seen := oauth.NewSeen(s, "jti", c)
	until := start.Add(time.Minute)
	if won := race(t, 20, cause.Replayed, func(int) error { return seen.Once(t.Context(), "client", "1", until) }); won != 1 {
		t.Errorf("%d passed", won)
	}
	want(t, "of another issuer", seen.Once(t.Context(), "other", "1", until), nil)
	c.Advance(time.Minute)
	want(t, "after its end", seen.Once(t.Context(), "client", "1", until.Add(time.Hour)), nil)
}

type login struct{ Client, Access string }

func TestRefreshFamilies(t *testing.T) {
	s, c := world()
	ctx := t.Context()
	f := oauth.NewFamilies[login](s, "logins", c, oauth.RefreshRules{Lifetime: 10 * time.Minute, Most: 3, Remember: time.Hour})
	want(t, "start", f.Start(ctx, "1", "r0", login{"c", "a0"}), nil)
	want(t, "a token twice", f.Start(ctx, "2", "r0", login{}), cause.Exists)
	_, err := f.Rotate(ctx, "r0", "x", func(v *login) error { return cause.Because(cause.NotAllowed, "it is %s's", v.Client) })
	want(t, "what the vendor refuses", err, cause.NotAllowed)
	for i := range 3 {
		var was string
		v, err := f.Rotate(ctx, fmt.Sprint("r", i), fmt.Sprint("r", i+1), func(v *login) error {
			was, v.Access = v.Access, fmt.Sprint("a", i+1)
			return nil
		})
		if err != nil || was != fmt.Sprint("a", i) || v != (login{"c", fmt.Sprint("a", i+1)}) {
			t.Errorf("%+v after %s, %v", v, was, err)
		}
		_, err = f.Rotate(ctx, fmt.Sprint("r", i), "y", nil)
		want(t, "a spent token", err, oauth.UsedCode)
	}
	v, err := f.Look(ctx, "r3")
	if err != nil || v.Access != "a3" {
		t.Errorf("%+v, %v", v, err)
	}
	_, err = f.Rotate(ctx, "r3", "r4", nil)
	want(t, "a fourth refresh", err, oauth.UsedCode)
	_, err = f.Look(ctx, "nobody's")
	want(t, "an unknown token", err, oauth.UnknownCode)
	c.Advance(10 * time.Minute)
	_, err = f.Rotate(ctx, "r3", "r4", nil)
	want(t, "after its end", err, oauth.ExpiredCode)
	c.Advance(2 * time.Hour)
	_, err = f.Rotate(ctx, "r3", "r4", nil)
	want(t, "when it is forgotten", err, oauth.UnknownCode)
}

func TestRefreshIsRacedFor(t *testing.T) {
	s, c := world()
	f := oauth.NewFamilies[login](s, "logins", c, oauth.RefreshRules{Lifetime: time.Hour})
	want(t, "start", f.Start(t.Context(), "1", "r", login{}), nil)
	var winner atomic.Value
	won := race(t, 20, oauth.UsedCode, func(i int) error {
		_, err := f.Rotate(t.Context(), "r", fmt.Sprint("n", i), nil)
		if err == nil {
			winner.Store(fmt.Sprint("n", i))
		}
		return err
	})
	if won != 1 {
		t.Fatalf("%d refreshed", won)
	}
	for i := range 20 {
		token := fmt.Sprint("n", i)
		if _, err := f.Look(t.Context(), token); (err == nil) != (token == winner.Load()) {
			t.Errorf("%s: %v", token, err)
		}
	}
}

func TestFamiliesEnd(t *testing.T) {
	s, c := world()
	ctx := t.Context()
	f := oauth.NewFamilies[login](s, "logins", c, oauth.RefreshRules{Lifetime: time.Hour, ReuseEnds: true})
	for _, id := range []string{"1", "2", "3"} {
		want(t, "start", f.Start(ctx, id, "r"+id, login{}), nil)
	}
	want(t, "by its token", f.RevokeToken(ctx, "r1"), nil)
	want(t, "twice", f.RevokeToken(ctx, "r1"), nil)
	want(t, "by nobody's", f.RevokeToken(ctx, "r9"), nil)
	want(t, "by no identifier", f.Revoke(ctx, "9"), nil)
	_, err := f.Rotate(ctx, "r1", "x", nil)
	want(t, "a revoked one", err, oauth.RevokedCode)
	_, err = f.Rotate(ctx, "r2", "s2", nil)
	want(t, "another login", err, nil)
	_, err = f.Rotate(ctx, "r2", "x", nil)
	want(t, "the spent one again", err, oauth.UsedCode)
	_, err = f.Rotate(ctx, "s2", "x", nil)
	want(t, "its family after that", err, oauth.RevokedCode)
	_, err = f.Look(ctx, "r3")
	want(t, "a login that nobody touched", err, nil)
}

func TestSetsAreHandedOutAgain(t *testing.T) {
	s, c := world()
	ctx := t.Context()
	sets := oauth.NewSets(s, "sets", c, oauth.SetRules{Access: time.Hour, Refresh: 24 * time.Hour})
	expect := func(what string, got oauth.Set, err error, access, refresh int, expires time.Duration) {
		t.Helper()
		if err != nil || got.Access != access || got.Refresh != refresh || !got.Expires.Equal(start.Add(expires)) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	race(t, 20, nil, func(int) error {
		got, err := sets.Issue(ctx, "c/alice")
		expect("at once", got, err, 1, 1, time.Hour)
		return err
	})
	c.Advance(30 * time.Minute)
	got, err := sets.Issue(ctx, "c/alice")
	expect("again", got, err, 1, 1, time.Hour)
	got, err = sets.Issue(ctx, "c/bob")
	expect("somebody else", got, err, 1, 1, 90*time.Minute)
	got, err = sets.Refresh(ctx, "c/alice", 1, false)
	expect("a refresh that leaves its token", got, err, 2, 1, 90*time.Minute)
	won := race(t, 20, oauth.UsedCode, func(int) error { _, err := sets.Refresh(ctx, "c/alice", 1, true); return err })
	if won != 1 {
		t.Errorf("%d rotated it", won)
	}
	got, err = sets.Issue(ctx, "c/alice")
	expect("after a rotation", got, err, 3, 2, 90*time.Minute)
	c.Advance(time.Hour)
	got, err = sets.Issue(ctx, "c/alice")
	expect("after its end", got, err, 4, 2, 150*time.Minute)
	want(t, "end", sets.End(ctx, "c/alice"), nil)
	want(t, "end of none", sets.End(ctx, "none"), nil)
	_, err = sets.Refresh(ctx, "c/alice", 2, true)
	want(t, "a refresh after the end", err, oauth.UsedCode)
	got, err = sets.Issue(ctx, "c/alice")
	expect("after that", got, err, 5, 4, 150*time.Minute)
}

func TestDevices(t *testing.T) {
	s, c := world()
	ctx := t.Context()
	d := oauth.NewDevices[login](s, "devices", c, oauth.DeviceRules{Lifetime: 15 * time.Minute, UserLifetime: 5 * time.Minute, Interval: 5 * time.Second,
		Tolerance: 500 * time.Millisecond, Penalty: 5 * time.Second, Remember: time.Hour})
	poll := func(what, code string, wanted error) login {
		t.Helper()
		v, err := d.Poll(ctx, code, nil)
		want(t, what, err, wanted)
		return v
	}
	want(t, "start", d.Start(ctx, "dev1", "ABC", login{Client: "c"}), nil)
	want(t, "a device code twice", d.Start(ctx, "dev1", "XYZ", login{}), cause.Exists)
	want(t, "a user code twice", d.Start(ctx, "dev2", "ABC", login{}), cause.Exists)
	poll("an unknown code", "none", oauth.UnknownCode)
	_, err := d.Poll(ctx, "dev1", func(v login) error { return cause.Because(cause.UnknownClient, "it is %s's", v.Client) })
	want(t, "another client", err, cause.UnknownClient)
	poll("the first poll", "dev1", cause.Pending)
	c.Advance(4 * time.Second)
	poll("too soon", "dev1", oauth.SlowDown)
	c.Advance(5 * time.Second)
	poll("too soon for the longer interval", "dev1", oauth.SlowDown)
	c.Advance(14500 * time.Millisecond)
	poll("in time, with tolerance", "dev1", cause.Pending)
	if v, err := d.ByUserCode(ctx, "ABC"); err != nil || v.Client != "c" {
		t.Errorf("%+v, %v", v, err)
	}
	_, err = d.ByUserCode(ctx, "NONE")
	want(t, "an unknown user code", err, oauth.UnknownCode)
	want(t, "an unknown user code", d.Decline(ctx, "NONE"), oauth.UnknownCode)
	want(t, "somebody who may not", d.Approve(ctx, "ABC", func(*login) error { return cause.NotAllowed }), cause.NotAllowed)
	won := race(t, 10, cause.Decided, func(i int) error {
		if i%2 == 0 {
			return d.Approve(ctx, "ABC", func(v *login) error { v.Access = "alice"; return nil })
		}
		return d.Approve(ctx, "ABC", func(v *login) error { v.Access = "bob"; return nil })
	})
	if won != 1 {
		t.Errorf("%d decided", won)
	}
	_, err = d.ByUserCode(ctx, "ABC")
	want(t, "a decided one", err, cause.Decided)
	c.Advance(time.Minute)
	if won := race(t, 10, oauth.UsedCode, func(int) error {
		v, err := d.Poll(ctx, "dev1", nil)
		if err == nil && v.Access == "" {
			t.Errorf("%+v", v)
		}
		return err
	}); won != 1 {
		t.Errorf("%d redeemed it", won)
	}
	want(t, "start", d.Start(ctx, "dev3", "DEF", login{}), nil)
	want(t, "decline", d.Decline(ctx, "DEF"), nil)
	poll("declined", "dev3", cause.Denied)
	want(t, "start", d.Start(ctx, "dev4", "GHI", login{}), nil)
	c.Advance(5 * time.Minute)
	want(t, "after the user code's end", d.Approve(ctx, "GHI", nil), oauth.ExpiredCode)
	poll("before the device code's end", "dev4", cause.Pending)
	c.Advance(10 * time.Minute)
	poll("after it", "dev4", oauth.ExpiredCode)
	c.Advance(time.Hour)
	poll("when it is forgotten", "dev4", oauth.UnknownCode)
}

func TestPollsThatNobodyPaces(t *testing.T) {
	s, c := world()
	d := oauth.NewDevices[login](s, "devices", c, oauth.DeviceRules{Lifetime: time.Minute})
	want(t, "start", d.Start(t.Context(), "dev", "ABC", login{}), nil)
	for range 3 {
		_, err := d.Poll(t.Context(), "dev", nil)
		want(t, "poll", err, cause.Pending)
	}
	want(t, "approve", d.Approve(t.Context(), "ABC", nil), nil)
	_, err := d.Poll(t.Context(), "dev", nil)
	want(t, "redeem", err, nil)
}

func TestAssertions(t *testing.T) {
	s, c := world()
	seen := oauth.NewSeen(s, "jti", c)
	key := jose.Key{Secret: []byte("a secret of the client")}
	policy := jose.Policy{Issuer: "c", Subject: "c", Audience: []string{"https://okta:8443/oauth2/v1/token"}, Leeway: time.Second}
	sign := func(k jose.Key, changed ...any) *jose.Token {
		claims := map[string]any{"iss": "c", "sub": "c", "aud": "https://okta:8443/oauth2/v1/token", "jti": "1", "exp": start.Add(time.Minute).Unix()}
		for i := 0; i+1 < len(changed); i += 2 {
			claims[changed[i].(string)] = changed[i+1]
		}
		text, err := jose.SignClaims(k, jose.HS256, claims)
		if err != nil {
			t.Fatal(err)
		}
		token, err := jose.Parse(text, jose.Rules{})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for _, x := range []struct {
		what  string
		token *jose.Token
		want  error
	}{
		{"a stranger's", sign(jose.Key{Secret: []byte("x")}), jose.BadSignature}, // and "1" is still good
		{"of another audience", sign(key, "aud", "https://okta/oauth2/v1/token"), jose.WrongAudience},
		{"no end", sign(key, "exp", nil, "jti", "2"), cause.TokenExpired},
		{"no identifier", sign(key, "jti", ""), jose.NoTokenID},
		{"no claims", sign(key, "iss", 1), jose.BadPayload},
		{"the first time", sign(key), nil},
		{"the second time", sign(key), cause.Replayed},
		{"another one", sign(key, "jti", "2"), nil},
	} {
		claims, err := seen.Assertion(t.Context(), x.token, key, policy)
		want(t, x.what, err, x.want)
		if err == nil && claims.Issuer != "c" {
			t.Errorf("%+v", claims)
		}
	}
	c.Advance(time.Minute) // within the leeway the identifier is still known
	_, err := seen.Assertion(t.Context(), sign(key), key, policy)
	want(t, "at its end", err, cause.Replayed)
	c.Advance(time.Second)
	_, err = seen.Assertion(t.Context(), sign(key), key, policy)
	want(t, "after it", err, cause.TokenExpired)
}

// TestARefreshSurvivesACrash stops after each write in turn: either the old token is still
// good, or the new one is, and never both.
func TestARefreshSurvivesACrash(t *testing.T) {
	for n := 1; ; n++ {
		c := clock.Frozen(start)
		store := statetest.Crashing(state.NewMemory(c))
		f := oauth.NewFamilies[login](store, "logins", c, oauth.RefreshRules{Lifetime: time.Hour})
		want(t, "start", f.Start(t.Context(), "1", "old", login{}), nil)
		store.At(n)
		f.Rotate(t.Context(), "old", "new", nil)
		crashed := store.Heal()
		_, old := f.Look(t.Context(), "old")
		_, next := f.Look(t.Context(), "new")
		if (old == nil) == (next == nil) {
			t.Errorf("after write %d: %v and %v", n, old, next)
		}
		if !crashed {
			want(t, "the old one", old, oauth.UsedCode)
			return
		}
	}
}
