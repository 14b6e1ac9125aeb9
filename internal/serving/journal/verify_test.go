package journal_test

import (
	"fmt"
	"strings"
	"testing"

	"counterpart/internal/serving/journal"
)

func number(n int) *int { return &n }

// timeline is login, checkout, checkin by alice, and a denied login by bob.
func timeline(limit int) *journal.Journal {
	j := journal.New(journal.Limits{Entries: limit}, nil)
	for _, e := range []journal.Entry{
		{Server: "vault", Op: "POST /login", Actor: "alice", Outcome: "ok", Status: "200"},
		{Server: "vault", Op: "POST /accounts/root/checkout", Actor: "alice", Object: "root@db01", Outcome: "ok", Status: "201"},
		{Server: "duo", Op: "POST /auth", Actor: "bob", Outcome: "denied", Status: "403", Why: "decision-1 says so", Faults: []string{"f"}},
		{Server: "vault", Op: "POST /accounts/root/checkin", Actor: "alice", Object: "root@db01", Outcome: "ok", Status: "200"},
	} {
		j.Record(e)
	}
	return j
}

func TestVerify(t *testing.T) {
	vault := journal.Match{Server: "vault"}
	login, checkin := journal.Match{Op: "post /login"}, journal.Match{Op: "*/checkin"}
	for name, tt := range map[string]struct {
		check journal.Check
		want  journal.Result
		says  string
	}{
		"at least once":         {journal.Check{Expect: []journal.Expectation{{Match: vault}}}, journal.Pass, ""},
		"three times":           {journal.Check{Expect: []journal.Expectation{{Match: vault, Count: number(3)}}}, journal.Pass, ""},
		"two times":             {journal.Check{Expect: []journal.Expectation{{Match: vault, Count: number(2)}}}, journal.Fail, "server vault happened 3 times, not at most 2"},
		"four times":            {journal.Check{Expect: []journal.Expectation{{Match: vault, AtLeast: number(4)}}}, journal.Fail, "happened 3 times, not 4"},
		"two to three":          {journal.Check{Expect: []journal.Expectation{{Match: vault, AtLeast: number(2), AtMost: number(3)}}}, journal.Pass, ""},
		"at most none":          {journal.Check{Expect: []journal.Expectation{{Match: journal.Match{Actor: "eve"}, AtMost: number(0)}}}, journal.Pass, ""},
		"never":                 {journal.Check{Expect: []journal.Expectation{{Match: journal.Match{Actor: "eve"}, Never: true}}}, journal.Pass, ""},
		"never, and yet":        {journal.Check{Expect: []journal.Expectation{{Match: journal.Match{Outcome: "denied"}, Never: true}}}, journal.Fail, "happened 1 times"},
		"a near miss":           {journal.Check{Expect: []journal.Expectation{{Match: journal.Match{Op: "POST /auth", Actor: "bob", Outcome: "ok"}}}}, journal.Fail, "#3 POST /auth, differed in this: outcome is denied, not ok"},
		"by rule and reason":    {journal.Check{Expect: []journal.Expectation{{Match: journal.Match{Fault: "f", Why: "DECISION-1", Status: "403"}}}}, journal.Pass, ""},
		"in order":              {journal.Check{Order: []journal.Match{login, checkin}}, journal.Pass, ""},
		"in the wrong order":    {journal.Check{Order: []journal.Match{checkin, login}}, journal.Fail, "in order: no operation matched op post /login after op */checkin"},
		"only":                  {journal.Check{Only: []journal.Match{vault, {Server: "duo"}}}, journal.Pass, ""},
		"only, and yet":         {journal.Check{Only: []journal.Match{vault}}, journal.Fail, "1 operations were none of the allowed, the first is #3"},
		"since":                 {journal.Check{Since: 3, Expect: []journal.Expectation{{Match: vault, Count: number(1)}}}, journal.Pass, ""},
		"nothing since the end": {journal.Check{Since: 4, Expect: []journal.Expectation{{Match: vault}}}, journal.Fail, "nothing was remembered"},
	} {
		v := timeline(0).Verify(tt.check)
		says := ""
		for _, p := range v.Problems {
			says += p.What
		}
		if v.Result != tt.want || !strings.Contains(says, tt.says) || (tt.says == "") != (says == "") {
			t.Errorf("%s: %s, %q; want %s, %q", name, v.Result, says, tt.want, tt.says)
		}
	}
}

// TestWhatWasForgottenIsNeverPassed: two of the four entries are gone.
func TestWhatWasForgottenIsNeverPassed(t *testing.T) {
	one := func(x journal.Expectation) journal.Check { return journal.Check{Expect: []journal.Expectation{x}} }
	bob, alice := journal.Match{Actor: "bob"}, journal.Match{Actor: "alice"}
	for name, tt := range map[string]struct {
		check journal.Check
		want  journal.Result
	}{
		"seen is seen":               {one(journal.Expectation{Match: bob}), journal.Pass},
		"exactly":                    {one(journal.Expectation{Match: bob, Count: number(1)}), journal.Unknown},
		"too many is too many":       {one(journal.Expectation{Match: bob, Never: true}), journal.Fail},
		"never":                      {one(journal.Expectation{Match: journal.Match{Actor: "eve"}, Never: true}), journal.Unknown},
		"not seen":                   {one(journal.Expectation{Match: journal.Match{Op: "POST /login"}}), journal.Unknown},
		"not seen often enough":      {one(journal.Expectation{Match: alice, AtLeast: number(3)}), journal.Unknown},
		"only":                       {journal.Check{Only: []journal.Match{bob, alice}}, journal.Unknown},
		"only, and yet":              {journal.Check{Only: []journal.Match{alice}}, journal.Fail},
		"an order that is there":     {journal.Check{Order: []journal.Match{bob, alice}}, journal.Pass},
		"an order that is not there": {journal.Check{Order: []journal.Match{alice, bob}}, journal.Unknown},
		"what was kept is known":     {journal.Check{Since: 2, Expect: []journal.Expectation{{Match: alice, Count: number(1)}}}, journal.Pass},
		"a failure beats a doubt":    {journal.Check{Expect: []journal.Expectation{{Match: bob, Count: number(1)}, {Match: bob, Never: true}}}, journal.Fail},
	} {
		if v := timeline(2).Verify(tt.check); v.Result != tt.want || v.Dropped != 2 {
			t.Errorf("%s: %+v, want %s", name, v, tt.want)
		}
	}
	var off *journal.Journal
	if v := off.Verify(one(journal.Expectation{Match: bob, Never: true})); v.Result != journal.Unknown {
		t.Errorf("without a journal: %+v", v)
	}
}

func TestClearedIsNotDropped(t *testing.T) {
	j := timeline(0)
	j.Clear()
	j.Record(journal.Entry{Op: "next"})
	p := j.Since(0, journal.Match{}, 0)
	if p.Dropped != 0 || p.Missed || len(p.Entries) != 1 || p.Entries[0].Seq != 5 {
		t.Errorf("%+v", p)
	}
	if p := j.Since(2, journal.Match{}, 0); !p.Missed {
		t.Error("who counted from number 2 has missed something")
	}
	if _, ok := j.Entry(4); ok {
		t.Error("it is still there")
	}
	if e, ok := j.Entry(5); !ok || e.Op != "next" {
		t.Errorf("%+v", e)
	}
}

func TestSenselessChecksAreNamed(t *testing.T) {
	c := journal.Check{Expect: []journal.Expectation{{Count: number(-1)}, {Never: true, AtLeast: number(1)}, {Count: number(1), AtMost: number(2)}}}
	if m := c.Mistakes(); len(m) != 3 {
		t.Errorf("%q", m)
	}
	if m := (journal.Check{}).Mistakes(); len(m) != 1 {
		t.Errorf("%q", m)
	}
}

func secrets(all ...string) *journal.Secrets {
	return journal.NewSecrets(func(add func(whose, secret string)) {
		for i, s := range all {
			add(fmt.Sprint("owner ", i), s)
		}
	})
}

func TestKnownSecretsAreHiddenWhereverTheyStand(t *testing.T) {
	s := secrets("Tr0ub4dor&3", "Wonderland", "Wonderland-1", "pass", "1234", "123456", `quo"te`, "abc", "-----BEGIN X-----\nAAAABBBBCCCCDDDDEEEE\nFFFFGGGGHHHHIIIIJJJJ\n-----END X-----\n")
	s.Issue("token of alice", "issued-token-1")
	for text, want := range map[string]string{
		"GET /x?p=Tr0ub4dor%263&y=1":    "GET /x?p=***&y=1",
		`{"a":"Tr0ub4dor\\u00263"}`:     `{"a":"***"}`,
		"Wonderland-1 and Wonderland-2": "*** and ***-2",
		"passport":                      "***port",
		"PIN 1234, code 123456":         "PIN 1234, code ***",
		`{"q":"quo\\"te"}`:              `{"q":"***"}`,
		"abc is too short":              "abc is too short",
		`{"pem":"-----BEGIN X-----\\nAAAABBBBCCCCDDDDEEEE\\nFFFF`: `{"pem":"-----BEGIN X-----\\n***\\nFFFF`,
		"Bearer issued-token-1":                                   "Bearer ***",
		"nothing":                                                 "nothing", "": "", "Wonder": "Wonder",
	} {
		text, want = strings.ReplaceAll(text, `\\`, `\`), strings.ReplaceAll(want, `\\`, `\`)
		if got := s.Hide(text, false); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := s.Hide("it ends with Wonderl", true); got != "it ends with ***" {
		t.Errorf("cut: %q", got)
	}
	if f := s.Find("x Tr0ub4dor&3 issued-token-1"); len(f) != 2 || f[0].Whose != "owner 0" || f[0].At != 2 || f[1].Whose != "token of alice" {
		t.Errorf("%+v", f)
	}
	var none *journal.Secrets
	if none.Issue("x", "secret"); none.Hide("secret", false) != "secret" || none.Find("secret") != nil {
		t.Error("a nil Secrets")
	}
}

func TestOldTokensMakeRoom(t *testing.T) {
	s := secrets()
	for i := range 150_001 {
		s.Issue("t", fmt.Sprintf("token-%07d", i))
	}
	if s.Hide("token-0150000", false) != "***" || s.Hide("token-0000001", false) == "***" {
		t.Error("the newest must be known, the oldest gone")
	}
}

func FuzzHide(f *testing.F) {
	f.Add("Wonderland-1 x", "Wonderland", "land-1 x")
	f.Fuzz(func(t *testing.T, text, a, b string) {
		s := secrets(a, b)
		got := s.Hide(text, false)
		for _, secret := range []string{a, b} {
			if len(secret) >= 6 && strings.Contains(got, secret) && !strings.Contains(secret, "*") && !strings.Contains(secret, "\n") && !strings.Contains(text, "*") {
				// two that overlap: the first goes as a whole, of the second a part can stay, but never all of it
				t.Errorf("%q shows in %q", secret, got)
			}
		}
		s.Hide(text, true)
	})
}

func BenchmarkHide(b *testing.B) {
	var all []string
	for i := range 100_000 {
		all = append(all, fmt.Sprintf("Pass-user%06d", i))
	}
	s := secrets(all...)
	text := strings.Repeat(`{"user":"user000001","note":"Pass me the salt"} `, 80)
	s.Hide(text, false)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s.Hide(text, false)
	}
}
