package counterparttest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"counterpart/servers/counterparttest"
)

// ask sends a request to the native server as one of the cast.
func ask(f *counterparttest.Fleet, who, method, path, body string) (int, string) {
	req, err := http.NewRequest(method, f.URL("native/http")+path, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.SetBasicAuth(who, strings.ToUpper(who[:1])+who[1:]+"-Pass-1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

// An eight-hour session, tested in no time.
func Example() {
	f, err := counterparttest.New() // in a test: counterparttest.Start(t)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	code, _ := ask(f, "alice", "POST", "/vault/v1/accounts/root@db01/checkout", "{}")
	fmt.Println("alice:", code)
	code, _ = ask(f, "alice", "POST", "/vault/v1/accounts/root@db01/checkout", "{}")
	fmt.Println("again, meanwhile:", code)
	f.Clock.Advance(8 * time.Hour)
	code, _ = ask(f, "alice", "POST", "/vault/v1/accounts/root@db01/checkout", "{}")
	fmt.Println("after the shift:", code)
	// Output:
	// alice: 201
	// again, meanwhile: 409
	// after the shift: 201
}

// The next login of alice is refused, although her password is right.
func ExampleFleet_Decide() {
	f, err := counterparttest.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	f.Decide(counterparttest.Decision{Verb: "deny", User: "alice", On: "login", Next: 1})
	for range 2 {
		code, _ := ask(f, "alice", "GET", "/vault/v1/accounts", "")
		fmt.Println(code)
	}
	// Output:
	// 401
	// 200
}

// The vault loses an answer after it has lent the account.
func ExampleFleet_Break() {
	f, err := counterparttest.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	f.Break(counterparttest.Fault{Kind: "reset", Moment: "after", Op: "POST *checkout", Times: 1})
	code, _ := ask(f, "alice", "POST", "/vault/v1/accounts/root@db01/checkout", "{}")
	fmt.Println("no answer:", code == 0)
	code, _ = ask(f, "alice", "POST", "/vault/v1/accounts/root@db01/checkout", "{}")
	fmt.Println("and again:", code)
	e := f.Find(counterparttest.Match{Outcome: "broken"})[0]
	fmt.Println(e.Why)
	// Output:
	// no answer: true
	// and again: 409
	// fault rule-1: reset after the operation, which stands as ok
}

// What must have happened, and what must not.
func ExampleFleet_InOrder() {
	f, err := counterparttest.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	ask(f, "alice", "POST", "/vault/v1/accounts/root@db01/checkout", "{}")
	ask(f, "alice", "DELETE", "/vault/v1/leases/lease-1.root@db01", "")
	f.InOrder(counterparttest.Match{Op: "*/checkout", Outcome: "ok"}, counterparttest.Match{Op: "DELETE *"})
	f.Never(counterparttest.Match{Actor: "mallory"})
	f.Count(counterparttest.Match{Server: "native"}, 2)
	fmt.Println(f.Verify(counterparttest.Check{Only: []counterparttest.Match{{Actor: "bob"}}}).Result)
	// Output:
	// fail
}

const small = `
organization: {domain: acme.test}
users: [{name: alice, password: Alice-Pass-1, devices: [{id: phone, kind: push, approval: {policy: interactive}}, {id: app, kind: totp, secret: GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ}]}]
servers: [{kind: native}]
`

func TestASeedOfOnesOwn(t *testing.T) {
	f := counterparttest.Start(t, counterparttest.YAML(small), counterparttest.At(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)))
	if f.Clock.Now().Year() != 2030 || len(f.Code("alice")) != 6 || f.CA() == nil {
		t.Error(f.Clock.Now(), f.Code("alice"))
	}
	code, text := ask(f, "alice", "POST", "/otp/v1/transactions", `{"user":"alice","method":"push"}`)
	if code != 202 {
		t.Fatal(code, text)
	}
	if a := f.Answer("alice", "approve"); a.State != "approved" || a.By != "test" {
		t.Errorf("%+v", a)
	}
	if e := f.Wait(counterparttest.Match{Actor: "alice"}, 1); e[0].Op != "POST /otp/v1/transactions" {
		t.Errorf("%+v", e)
	}
	mend := f.Break(counterparttest.Fault{Kind: "status"})
	lift := f.Decide(counterparttest.Decision{Verb: "lock", User: "alice"})
	if code, _ := ask(f, "alice", "GET", "/vault/v1/accounts", ""); code != 503 {
		t.Error(code)
	}
	mend()
	if code, _ := ask(f, "alice", "GET", "/vault/v1/accounts", ""); code != 401 {
		t.Error(code)
	}
	lift()
	if code, _ := ask(f, "alice", "GET", "/vault/v1/accounts", ""); code != 200 {
		t.Error(code)
	}
	f.AtLeast(counterparttest.Match{Op: "GET *"}, 3)
	f.Only(counterparttest.Match{Server: "native"})
	f.Reset()
	if f.Tail(5) != "nothing happened\n" {
		t.Error(f.Tail(5))
	}
}

func TestWhatCannotStart(t *testing.T) {
	for want, o := range map[string]counterparttest.Option{
		"no ready-made world": counterparttest.World("atlantis"), "no such file": counterparttest.File("none.yaml"), "unknown key": counterparttest.YAML("usrs: []"),
	} {
		if _, err := counterparttest.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// recorder is a test that is allowed to fail.
type recorder struct {
	testing.TB
	said  strings.Builder
	ended []func()
	bad   bool
}

func (r *recorder) Helper()           {}
func (r *recorder) Cleanup(f func())  { r.ended = append(r.ended, f) }
func (r *recorder) Failed() bool      { return r.bad }
func (r *recorder) Error(args ...any) { r.bad = true; fmt.Fprintln(&r.said, args...) }
func (r *recorder) Errorf(format string, args ...any) {
	r.bad = true
	fmt.Fprintf(&r.said, format+"\n", args...)
}
func (r *recorder) Logf(format string, args ...any) { fmt.Fprintf(&r.said, format+"\n", args...) }
func (r *recorder) Fatal(args ...any)               { r.Error(args...); panic("fatal") }

func TestAFailingTestPrintsTheJournal(t *testing.T) {
	r := &recorder{TB: t}
	f := counterparttest.Start(r, counterparttest.YAML(small))
	ask(f, "alice", "GET", "/vault/v1/accounts", "")
	f.Count(counterparttest.Match{Actor: "alice"}, 2)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("an order about nobody was accepted")
			}
		}()
		f.Decide(counterparttest.Decision{Verb: "deny", User: "zoe"})
	}()
	for _, end := range r.ended {
		end()
	}
	for _, want := range []string{"actor alice happened 1 times, not 2", `nobody is called "zoe"`, "the end of the fleet's journal", "native GET /vault/v1/accounts actor=alice"} {
		if !strings.Contains(r.said.String(), want) {
			t.Errorf("no %q in\n%s", want, r.said.String())
		}
	}
}
