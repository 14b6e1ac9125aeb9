package duo_test

import (
	"errors"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/steering/dialecttest"
)

// TestFailureBetweenWrites lets each write of an operation fail.
func TestFailureBetweenWrites(t *testing.T) {
	enrolled := func(name string) []string {
		return []string{"POST /auth/v2/enroll username=" + name, "-> user response.user_id", "-> code response.activation_code"}
	}
	claim := func(t *testing.T, f *dialecttest.Fleet, _ *dialecttest.Client) {
		t.Helper()
		all, err := f.Factors.Approvals(t.Context(), "duo/zoe")
		if err != nil || len(all) == 0 {
			t.Fatalf("%d approvals, %v", len(all), err)
		}
		for _, a := range all {
			if _, err := f.Factors.Decide(t.Context(), a.ID, factor.Verdict{State: factor.Approved}); err != nil && !errors.Is(err, cause.Decided) {
				t.Error(err)
			}
		}
	}
	shown := func(t *testing.T, f *dialecttest.Fleet, c *dialecttest.Client) {
		t.Helper()
		code, _, err := f.Factors.Current(t.Context(), "alice-token")
		if err != nil {
			t.Fatal(err)
		}
		c.Kept["hotp"] = code
	}
	status := "POST /auth/v2/enroll_status activation_code={{code}}&user_id={{user}}"
	dialecttest.Operations{
		Setup:  setup("trusted_devices: 720h"),
		Client: func(f *dialecttest.Fleet) *dialecttest.Client { return signing(t, f) },
		Wait:   time.Minute, // a name that nobody finished to enroll is free again
		List: []dialecttest.Operation{
			{Name: "enrolment of a guest", Do: "POST /auth/v2/enroll username=zoe", Done: `"message_detail":"username"`, Check: enrolledOrNot("zoe", "duo/zoe", false), Finally: enrolledOrNot("zoe", "duo/zoe", true)},
			{Name: "enrolment of a colleague", Do: "POST /auth/v2/enroll username=new", Done: `"message_detail":"username"`, Check: enrolledOrNot("new", "new", false), Finally: enrolledOrNot("new", "new", true)},
			{Name: "activation", Before: enrolled("zoe"), Ready: claim, Do: status, After: []string{status, `=> "success"`, "POST /auth/v2/preauth username=zoe", `=> "result":"auth"`}},
			{Name: "passcode", Ready: shown, Do: "POST /auth/v2/auth factor=passcode&passcode={{hotp}}&username=alice", Done: "already been used"},
			{Name: "bypass code", Do: "POST /auth/v2/auth factor=passcode&passcode=987654321&username=alice",
				After: []string{"POST /auth/v2/auth factor=passcode&passcode=987654321&username=alice", `!> "result":"allow"`}},
			{Name: "push", Do: "POST /auth/v2/auth factor=push&device=auto&username=alice&async=1", After: []string{"-> tx response.txid", ">> 2s", "GET /auth/v2/auth_status?txid={{tx}}", `=> "result":"allow"`}},
			{Name: "SMS", Do: "POST /auth/v2/auth factor=sms&device=auto&username=alice"},
			{Name: "end of a push", Before: []string{"POST /auth/v2/auth factor=push&device=auto&username=alice&async=1", "-> tx response.txid", ">> 2s"}, Do: "GET /auth/v2/auth_status?txid={{tx}}",
				After: []string{"GET /auth/v2/auth_status?txid={{tx}}", `=> "result":"allow"`}},
			{Name: "preauth", Do: "POST /auth/v2/preauth username=alice", After: []string{"=> \"result\":\"auth\""}},
		},
	}.Try(t)
}

// enrolledOrNot: a name is enrolled, with a phone that its activation switches on, or it is
// not at all. whole: it is.
func enrolledOrNot(name, owner string, whole bool) func(t *testing.T, f *dialecttest.Fleet, c *dialecttest.Client) {
	return func(t *testing.T, f *dialecttest.Fleet, c *dialecttest.Client) {
		t.Helper()
		devices, err := f.Factors.Devices(t.Context(), owner)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range devices {
			if !d.Disabled {
				t.Errorf("%s of %s works, and nobody has activated it", d.ID, owner)
			}
		}
		asked, err := f.Factors.Approvals(t.Context(), owner)
		if err != nil {
			t.Fatal(err)
		}
		pre := c.Send(t, "POST /auth/v2/preauth username="+name)
		known := pre.Text("response.result") == "auth"
		if known && (len(devices) != 2 || len(asked) == 0) || whole && !known {
			t.Errorf("%s, %d devices, %d activations", pre, len(devices), len(asked))
		}
	}
}
