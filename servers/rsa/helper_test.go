package rsa_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/radius"
	"counterpart/servers/rsa"
)

var kinds = []dialect.Kind{
	{Name: "rsa", New: rsa.New, Settings: rsa.Settings{}, Scope: rsa.Scope, Secrets: rsa.Secrets()},
	{Name: "radius", New: radius.New, Settings: radius.Settings{}, Personal: radius.Personal(), Scope: radius.Scope},
}

// company is the seed of most tests. SERVER stands for more of the server's block.
const company = `
version: 1
organization: {name: Acme, domain: acme.test, netbios: ACME}
users:
  - name: alice
    devices:
      - {id: alice-rsa, kind: totp, secret: JBSWY3DPEHPK3PXP, period: 60s, pin: "1234"}
      - {id: alice-phone, kind: push, approval: {policy: interactive}}
      - {id: alice-sms, kind: sms, address: "+1 555 0100"}
      - {id: alice-codes, kind: static, codes: ["11112222", "33334444"]}
  - {name: bob, devices: [{id: bob-rsa, kind: totp, secret: KRSXG5CTMVRXEZLU, period: 60s, pin: "0000"}]}
  - {name: dave, status: disabled, devices: [{id: dave-rsa, kind: totp, secret: KRSXG5CTMVRXEZLU, period: 60s}]}
clients: [{name: nas, secret: testing123}]
servers:
  - kind: rsa
    clients: [{access_id: sps, access_key: s3cret-key}, {access_id: other, access_key: other-key}]
    agents: [{name: agent1}]
    SERVER
  - {kind: radius, flavour: rsa, clients: [{from: 127.0.0.0/8, secret: testing123}]}
`

func setup(more ...string) dialecttest.Setup {
	return dialecttest.Setup{Kinds: kinds, Seed: strings.Replace(company, "SERVER", strings.Join(more, "\n    "), 1)}
}

// lab is a fleet with an RSA server, and one of its clients.
type lab struct {
	*dialecttest.Fleet
	*dialecttest.Client
	t *testing.T
	n int
}

func start(t *testing.T, more ...string) *lab {
	t.Helper()
	f := dialecttest.RunWith(t, setup(more...))
	return &lab{Fleet: f, Client: client(f), t: t}
}

// client sends the key of sps, or that of the actor; "none" sends none.
func client(f *dialecttest.Fleet) *dialecttest.Client {
	c := f.Client("rsa/https")
	c.Prefix = "/mfa/v1_1/authn/"
	c.Login = func(r *http.Request, actor string, _ []byte) {
		if r.Header.Get("Content-Type") == "" {
			r.Header.Set("Content-Type", "application/json")
		}
		switch actor {
		case "none":
		case "":
			r.Header.Set("client-key", "s3cret-key")
		default:
			r.Header.Set("client-key", actor)
		}
	}
	return c
}

// begin starts an attempt of somebody and keeps its context.
func (l *lab) begin(who string, more ...string) dialecttest.Answer {
	l.t.Helper()
	l.n++
	body := fmt.Sprintf(`{"clientId":"agent1","subjectName":%q,"context":{"messageId":"c-%d"}%s}`, who, l.n, strings.Join(append([]string{""}, more...), ","))
	return l.kept(l.Send(l.t, "POST initialize "+body))
}

func (l *lab) kept(a dialecttest.Answer) dialecttest.Answer {
	l.Kept["id"], l.Kept["message"] = a.Text("context.authnAttemptId"), a.Text("context.messageId")
	return a
}

// answer verifies with a method and what is typed for it; "-" for nothing, "ref:X" for a
// reference.
func (l *lab) answer(method, typed string) dialecttest.Answer {
	l.t.Helper()
	return l.kept(l.Send(l.t, "POST verify "+l.verification(method, typed)))
}

func (l *lab) verification(method, typed string) string {
	l.n++
	how := fmt.Sprintf(`"collectedInputs":[{"name":%q,"value":%q,"dataType":"STRING"}]`, method, typed)
	if ref, is := strings.CutPrefix(typed, "ref:"); is {
		how = fmt.Sprintf(`"referenceId":%q`, ref)
	} else if typed == "-" {
		how = fmt.Sprintf(`"collectedInputs":[{"name":%q}]`, method)
	}
	return fmt.Sprintf(`{"subjectCredentials":[{"methodId":%q,%s}],"context":{"authnAttemptId":"{{id}}","messageId":"c-%d","inResponseTo":"{{message}}"}}`, method, how, l.n)
}

// is holds an answer against response, reason, and of the first method's result.
func (l *lab) is(a dialecttest.Answer, want string) {
	l.t.Helper()
	got := strings.TrimSpace(fmt.Sprint(a.Status, " ", a.Text("attemptResponseCode"), " ", a.Text("attemptReasonCode"), " ", a.Text("credentialValidationResults.0.methodResponseCode")))
	if got != want {
		l.t.Errorf("%s, not %s: %s", got, want, a.Body)
	}
}

// code is what somebody's token shows now.
func (l *lab) code(device string) string {
	l.t.Helper()
	code, _, err := l.Factors.Current(l.t.Context(), device)
	if err != nil {
		l.t.Fatal(err)
	}
	return code
}
