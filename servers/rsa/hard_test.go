package rsa_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"counterpart/internal/company/factor"
	"counterpart/internal/steering/dialecttest"
)

// TestOfManyAnswersToOneMessageOneIsJudged: the others end the attempt, so at most one login
// comes of a code, and never a second one.
func TestOfManyAnswersToOneMessageOneIsJudged(t *testing.T) {
	for range 20 {
		l := start(t)
		l.begin("alice")
		line := "POST verify " + l.verification("SECURID", "1234"+l.code("alice-rsa"))
		var won, failed atomic.Int32
		var racing sync.WaitGroup
		for range 8 {
			c := l.As("")
			racing.Go(func() {
				a := c.Send(t, line)
				if a.Text("attemptResponseCode") == "SUCCESS" {
					won.Add(1)
				} else if a.Text("attemptResponseCode") == "FAIL" {
					failed.Add(1)
				}
			})
		}
		racing.Wait()
		if won.Load() > 1 || won.Load()+failed.Load() != 8 {
			t.Errorf("%d won and %d failed of 8", won.Load(), failed.Load())
		}
	}
}

// TestOneCodeInManyAttemptsLetsOneIn.
func TestOneCodeInManyAttemptsLetsOneIn(t *testing.T) {
	l := start(t)
	code := "1234" + l.code("alice-rsa")
	var lines []string
	for range 8 {
		l.begin("alice")
		lines = append(lines, strings.NewReplacer("{{id}}", l.Kept["id"], "{{message}}", l.Kept["message"]).Replace("POST verify "+l.verification("SECURID", code)))
	}
	var won atomic.Int32
	var racing sync.WaitGroup
	for _, line := range lines {
		c := l.As("")
		racing.Go(func() {
			if c.Send(t, line).Text("attemptResponseCode") == "SUCCESS" {
				won.Add(1)
			}
		})
	}
	racing.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 8 were let in", won.Load())
	}
}

// TestFailureBetweenWrites lets each write of an operation fail.
func TestFailureBetweenWrites(t *testing.T) {
	ready := func(device string) func(*testing.T, *dialecttest.Fleet, *dialecttest.Client) {
		return func(t *testing.T, f *dialecttest.Fleet, c *dialecttest.Client) {
			t.Helper()
			code, _, err := f.Factors.Current(t.Context(), device)
			if err != nil {
				t.Fatal(err)
			}
			c.Kept["code"] = code
		}
	}
	begin := []string{`POST initialize {"subjectName":"alice","clientId":"agent1","context":{"messageId":"1"}}`, "-> id context.authnAttemptId", "-> message context.messageId"}
	verify := func(credential string) string {
		return `POST verify {"subjectCredentials":[` + credential + `],"context":{"authnAttemptId":"{{id}}","messageId":"2","inResponseTo":"{{message}}"}}`
	}
	typed := func(method, value string) string {
		return fmt.Sprintf(`{"methodId":%q,"collectedInputs":[{"name":%q,"value":%q}]}`, method, method, value)
	}
	again := func(want string) []string { return append(append([]string{}, begin...), want) }
	dialecttest.Operations{
		Setup:  setup("flavour: cloud", "policy: {lockout_after: 5}"),
		Client: client,
		List: []dialecttest.Operation{
			{Name: "initialize", Do: begin[0], After: begin},
			{Name: "passcode", Before: begin, Ready: ready("alice-rsa"), Do: verify(typed("SECURID", "1234{{code}}")), Done: "VERIFY_ERROR"},
			{Name: "emergency tokencode", Before: begin, Do: verify(typed("EMERGENCY_TOKENCODE", "11112222")), Done: "VERIFY_ERROR"},
			{Name: "push", Before: begin, Do: verify(`{"methodId":"APPROVE"}`), After: append(again(verify(`{"methodId":"APPROVE"}`)), `=> "attemptResponseCode":"IN_PROCESS"`)},
			{Name: "text message", Before: begin, Do: verify(`{"methodId":"SMS"}`), After: append(again(verify(`{"methodId":"SMS"}`)), `=> "attemptResponseCode":"CHALLENGE"`)},
			{Name: "cancel", Before: append(append([]string{}, begin...), verify(`{"methodId":"APPROVE"}`)), Do: `POST cancel {"authnAttemptId":"{{id}}"}`,
				After: []string{`POST cancel {"authnAttemptId":"{{id}}"}`, `=> "attemptResponseCode":"FAIL"`}},
		},
	}.Try(t)
}

// TestANewPINSurvivesWhateverFails: it is set or it is not, and one of the two PINs is good.
func TestANewPINSurvivesWhateverFails(t *testing.T) {
	begin := []string{`POST initialize {"subjectName":"alice","clientId":"agent1","context":{"messageId":"1"}}`, "-> id context.authnAttemptId", "-> message context.messageId"}
	verify := func(method, value string) string {
		return fmt.Sprintf(`POST verify {"subjectCredentials":[{"methodId":%q,"collectedInputs":[{"name":%q,"value":%q}]}],"context":{"authnAttemptId":"{{id}}","messageId":"2","inResponseTo":"{{message}}"}}`, method, method, value)
	}
	dialecttest.Operations{
		Setup: setup("users: [{name: alice, new_pin: true}]"), Client: client,
		List: []dialecttest.Operation{{Name: "new PIN", Before: begin, Ready: func(t *testing.T, f *dialecttest.Fleet, c *dialecttest.Client) {
			t.Helper()
			code, _, err := f.Factors.Current(t.Context(), "alice-rsa")
			if err != nil {
				t.Fatal(err)
			}
			a := c.Send(t, strings.ReplaceAll(verify("SECURID", "1234CODE"), "CODE", code))
			c.Kept["message"] = a.Text("context.messageId")
		}, Do: verify("SECURID_NEWPIN", "4711"), Check: func(t *testing.T, f *dialecttest.Fleet, _ *dialecttest.Client) {
			t.Helper()
			got, err := f.Factors.Token(t.Context(), "alice")
			if err != nil || !(*got.PIN == "1234" && got.Mode == factor.TokenNewPIN || *got.PIN == "4711" && got.Mode == factor.TokenNormal) {
				t.Errorf("%+v (PIN %s), %v", got, *got.PIN, err)
			}
		}}},
	}.Try(t)
}

// drawn are identifiers that are drawn for each answer.
var drawn = []dialecttest.Mask{{Like: regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), As: "…"}}

// TestGoldenExchanges holds whole answers, octet by octet, against testdata.
func TestGoldenExchanges(t *testing.T) {
	dialecttest.Exchanges{
		Setup: setup("flavour: cloud"), Client: client,
		Show: func(a dialecttest.Answer) string {
			return dialecttest.Masked(a.Header.Get("Content-Type")+" "+strings.TrimSuffix(string(a.Body), "\n"), drawn)
		},
	}.HoldFile(t, "testdata/exchanges")
}

// FuzzBody: whatever is sent, an answer comes, and nobody gets in.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{`{"clientId":"agent1","subjectName":"alice","context":{"messageId":"1"}}`, `{"context":{"authnAttemptId":"x","messageId":"1"},"subjectCredentials":[{"methodId":"SECURID","collectedInputs":[{"name":"SECURID","value":1}]}]}`,
		`{"authnAttemptId":"x"}`, `{"authnAttemptTimeout":"10","subjectName":"alice","clientId":"agent1","context":{"messageId":"1"},"subjectCredentials":[{"methodId":"SECURID"}]}`, `[`, `{"context":null}`} {
		f.Add("initialize", seed)
		f.Add("verify", seed)
		f.Add("status", seed)
	}
	fleet := dialecttest.RunWith(f, setup())
	c := client(fleet)
	f.Fuzz(func(t *testing.T, op, body string) {
		if op != "initialize" && op != "verify" && op != "status" && op != "cancel" {
			return
		}
		req, err := http.NewRequest("POST", c.Base+"/mfa/v1_1/authn/"+op, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("client-key", "s3cret-key")
		a := c.Do(t, req)
		if a.Status != 200 && a.Status != 400 && a.Status != 413 || a.Text("attemptResponseCode") == "SUCCESS" {
			t.Errorf("%s %q: %d %s", op, body, a.Status, a.Body)
		}
	})
}

// TestSecretsAreMasked: what people type is in no journal.
func TestSecretsAreMasked(t *testing.T) {
	l := start(t)
	l.begin("alice")
	code := l.code("alice-rsa")
	l.answer("SECURID", "1234"+code)
	for _, e := range l.Journal.Tail(10) {
		e = l.Journal.Masked(e)
		for _, secret := range []string{"1234" + code, "s3cret-key"} {
			if strings.Contains(e.Request+e.RequestHead+e.Response+e.Why, secret) {
				t.Errorf("%s shows %q: %s %s", e.Op, secret, e.RequestHead, e.Request)
			}
		}
	}
}
