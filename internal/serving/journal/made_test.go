package journal_test

import (
	"encoding/base32"
	"encoding/hex"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"counterpart/internal/company/world"
	"counterpart/internal/serving/journal"
)

// generated is a company for load tests.
func generated(t testing.TB, users, accounts int, password string) *world.World {
	t.Helper()
	w, err := world.New(world.Facts{RandomSeed: 9, Organization: world.Organization{Domain: "acme.test"},
		Generated: world.Generated{Users: users, Assets: 7, Accounts: accounts, Password: password, Domain: "acme.test", UIDs: world.Numbers{First: 10000}}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// listed adds all secrets of a company, one by one.
func listed(w *world.World) *journal.Secrets {
	return journal.NewSecrets(func(add func(whose, secret string)) {
		for u := range w.Users() {
			add("user "+u.ID, u.Password)
			for _, d := range w.DevicesOf(u.ID) {
				add("device "+d.ID, base32.StdEncoding.EncodeToString(d.Secret))
				add("device "+d.ID, hex.EncodeToString(d.Secret))
			}
		}
		for a := range w.Accounts() {
			add("account "+a.ID, w.AccountPassword(a))
		}
	})
}

// TestGeneratedSecretsAreFoundLikeListedOnes: in texts that have them whole, in part,
// cut off, escaped, side by side and among what is like them.
func TestGeneratedSecretsAreFoundLikeListedOnes(t *testing.T) {
	for _, password := range []string{"Pass-{name}", "{name}!", "{name}", "a{name}/b {name}\"c", "fixed Päss", "one line of sixteen\n{name} on the second line\n-----\nshort", "user000001-{name}"} {
		t.Run(password, func(t *testing.T) {
			w := generated(t, 1203, 90, password)
			want, got := listed(w), journal.NewSecrets(nil)
			got.Generated = w
			r := rand.New(rand.NewPCG(1, uint64(len(password))))
			for range 3000 {
				text := hiding(r, w)
				if x, y := want.Find(text), got.Find(text); !slices.Equal(x, y) {
					t.Fatalf("%q: found %v, want %v", text, y, x)
				}
				if x, y := want.Hide(text, true), got.Hide(text, true); x != y {
					t.Fatalf("%q: hidden as %q, want %q", text, y, x)
				}
			}
		})
	}
}

// hiding is a text with parts of secrets.
func hiding(r *rand.Rand, w *world.World) string {
	var b strings.Builder
	for range 1 + r.IntN(3) {
		u := w.UserAt(r.IntN(w.UserCount()))
		secret := w.DevicesOf(u.ID)[0].Secret
		texts := []string{u.Password, url.QueryEscape(u.Password), url.PathEscape(u.Password), base32.StdEncoding.EncodeToString(secret), hex.EncodeToString(secret),
			w.AccountPassword(w.MadeAccount(r.IntN(w.MadeAccounts()))), u.ID, "user1234567", "user0012", "Pass-user001204", "ABCDEFGH234567", "0123456789abcdef", "\"", " "}
		s := texts[r.IntN(len(texts))]
		switch r.IntN(4) {
		case 0:
			s = s[r.IntN(len(s)):]
		case 1:
			s = s[:1+r.IntN(len(s))]
		}
		b.WriteString(s)
		if r.IntN(2) == 0 {
			b.WriteString(string("0aZ{\n"[r.IntN(5)]))
		}
	}
	return b.String()
}

// BenchmarkGather is what the first reader of a journal waits for, and Hide what each
// text costs, in a company of a million people.
func BenchmarkGather(b *testing.B) {
	w := generated(b, 1_000_000, 100_000, "Pass-{name}")
	b.Run("gather", func(b *testing.B) {
		for b.Loop() {
			s := journal.NewSecrets(nil)
			s.Generated = w
			s.Hide("some text", false)
		}
	})
	s := journal.NewSecrets(nil)
	s.Generated = w
	text := strings.Repeat(`{"username":"user000077","password":"Pass-user000077","why":"password is wrong","id":"4f1c9d2e7b3a4f1c9d2e7b3a4f1c9d2e7b3a","note":"THE QUICK BROWN FOX"}`, 10)
	b.Run("hide", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			s.Hide(text, false)
		}
	})
}

// FuzzGeneratedSecrets: in any text the same is hidden as if all secrets were listed.
func FuzzGeneratedSecrets(f *testing.F) {
	w := generated(f, 300, 20, "a{name}/b {name}\"c")
	want, got := listed(w), journal.NewSecrets(nil)
	got.Generated = w
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		f.Add(hiding(r, w), true)
	}
	f.Fuzz(func(t *testing.T, text string, cut bool) {
		if x, y := want.Hide(text, cut), got.Hide(text, cut); x != y {
			t.Errorf("%q is hidden as %q, want %q", text, y, x)
		}
		if x, y := want.Find(text), got.Find(text); !slices.Equal(x, y) {
			t.Errorf("%q: found %v, want %v", text, y, x)
		}
	})
}
