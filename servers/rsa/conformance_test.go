package rsa_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"counterpart/internal/company/factor"
	"counterpart/internal/company/state"
	"counterpart/internal/steering/dialecttest"
)

const (
	good = "200 SUCCESS CREDENTIAL_VERIFIED SUCCESS"
	bad  = "200 FAIL VERIFY_ERROR FAIL"
	next = "200 CHALLENGE AUTHENTICATION_REQUIRED SUCCESS"
	asks = "200 CHALLENGE AUTHENTICATION_REQUIRED"
)

// TestConformance is the contract's checklist (section 9 with its additions).
func TestConformance(t *testing.T) {
	list := dialecttest.Checklist(t, "testdata/checklist.txt")
	list.Run("1 a key that is missing or wrong", wrongKeys)
	list.Run("2 initialize asks for the passcode", asksForPasscode)
	list.Run("3 initialize with credentials", func(t *testing.T) {
		l := start(t)
		typed := func(code string) string {
			return `"subjectCredentials":[{"methodId":"SECURID","collectedInputs":[{"name":"SECURID","value":"` + code + `","dataType":"STRING"}]}]`
		}
		l.is(l.begin("alice", typed("1234000000")), bad)
		a := l.begin("alice", typed("1234"+l.code("alice-rsa")))
		l.is(a, good)
		if a.Text("challengeMethods.challenges") != "[]" {
			t.Errorf("challenges after the end: %s", a.Body)
		}
		l.is(l.answer("SECURID", "1234"), bad) // it is over
	})
	list.Run("4 verify, and a replay", func(t *testing.T) {
		l := start(t)
		code := "1234" + l.code("alice-rsa")
		for _, want := range []string{good, bad} {
			l.begin("alice")
			l.is(l.answer("SECURID", code), want)
		}
		for _, who := range []string{"nobody", "dave"} {
			l.is(l.begin(who), asks)
			l.is(l.answer("SECURID", l.code("dave-rsa")), bad)
		}
		l.begin("bob")
		l.is(l.answer("SECURID", l.code("bob-rsa")), bad) // without the PIN
		l.begin("bob")
		l.is(l.answer("TOKEN", l.code("bob-rsa")), bad) // a method of the cloud
	})
	list.Run("5 old messages, unknown attempts, attempts whose time is over", outOfStep)
	list.Run("6 next tokencode", nextTokencode)
	list.Run("7 new PIN", newPIN)
	list.Run("8 lock-out", lockOut)
	list.Run("9 methods of the cloud", cloudMethods)
	list.Run("10 push", push)
	list.Run("11 text messages", textMessages)
	list.Run("12 signed requests", signed)
	list.Run("13 one state with RADIUS", withRADIUS)
	list.Run("14 malformed requests and unknown paths", malformed)
	list.Run("15 cancel", cancel)
	list.Run("16 status after the end", status)
	list.Run("17 policy, level and method exclude each other", func(t *testing.T) {
		l := start(t)
		for _, two := range []string{`"assurancePolicyId":"p","assuranceLevel":"LOW"`, `"assuranceLevel":"LOW","authMethodId":"SECURID"`, `"assurancePolicyId":"p","authMethodId":"SECURID"`} {
			if a := l.begin("alice", two); a.Status != 400 {
				t.Errorf("%s: %s", two, a.Body)
			}
		}
		for _, one := range []string{`"assurancePolicyId":"p"`, `"assuranceLevel":"LOW"`, `"authMethodId":"SECURID"`} {
			l.is(l.begin("alice", one), asks)
		}
		if a := l.begin("alice", `"assuranceLevel":"NONE"`); a.Status != 400 {
			t.Errorf("%s", a.Body)
		}
	})
}

func wrongKeys(t *testing.T) {
	for flavour, status := range map[string]int{"am": 403, "cloud": 401} {
		l := start(t, "flavour: "+flavour)
		for _, who := range []string{"@none ", "@wrong "} {
			if a := l.Send(t, who+`POST initialize {"clientId":"agent1","subjectName":"alice","context":{"messageId":"1"}}`); a.Status != status {
				t.Errorf("%s: %d %s", who, a.Status, a.Body)
			}
		}
		if n := attempts(t, l); n != 0 {
			t.Errorf("%d attempts", n)
		}
		l.begin("alice")
		l.Actor = "other-key"
		l.is(l.answer("SECURID", "1234"+l.code("alice-rsa")), bad) // of another client
		l.Actor = ""
	}
	l := start(t)
	l.is(l.Send(t, `POST initialize {"clientId":"stranger","subjectName":"alice","context":{"messageId":"1"}}`), "200 FAIL VERIFY_ERROR")
	if n := attempts(t, l); n != 0 {
		t.Errorf("%d attempts of a stranger", n)
	}
}

// attempts counts what the server keeps.
func attempts(t *testing.T, l *lab) int {
	keys, err := l.Store.Table("server/rsa/attempt").Keys(t.Context(), state.Range{})
	if err != nil {
		t.Fatal(err)
	}
	return len(keys)
}

func asksForPasscode(t *testing.T) {
	l := start(t)
	a := l.begin("alice")
	l.is(a, asks)
	uuid := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	if !uuid.MatchString(l.Kept["id"]) || !uuid.MatchString(l.Kept["message"]) || a.Text("context.inResponseTo") != "c-1" {
		t.Errorf("%s", a.Body)
	}
	const want = `"challengeMethods":{"challenges":[{"methodSetId":null,"requiredMethods":[{"methodId":"SECURID","displayName":null,"priority":null,"versions":[` +
		`{"versionId":"1.0.0","methodAttributes":[],"valueRequired":true,"referenceId":null,"prompt":{"promptResourceId":"SecurID.Resource.Prompt.Passcode",` +
		`"defaultText":"Enter passcode:","formatRegex":null,"defaultValue":null,"valueBeingDefined":false,"sensitive":true,"minLength":null,"maxLength":null,"promptArgs":[]}}]}]}]}}`
	if !strings.HasSuffix(strings.TrimSpace(string(a.Body)), want) {
		t.Errorf("%s\nends not in\n%s", a.Body, want)
	}
	for name, body := range map[string]string{
		"a context that has a message only": `{"authnAttemptTimeout":180,"clientId":"agent1","subjectName":"alice","lang":"us_EN","assurancePolicyId":"p","context":{"messageId":"m"}}`,
		"everything that there is": `{"clientId":"agent1","subjectName":"alice","lang":"en_US","authnAttemptTimeout":10,"assurancePolicyId":null,"tenantId":"t","display":{},` +
			`"clientDetails":{"hostname":"h"},"sessionAttributes":[],"keepAttempt":false,"context":{"authnAttemptId":"","messageId":"m","inResponseTo":""}}`,
	} {
		if a := l.Send(t, "POST initialize "+body); a.Status != 200 || a.Text("attemptResponseCode") != "CHALLENGE" || a.Text("context.inResponseTo") != "m" {
			t.Errorf("%s: %s", name, a.Body)
		}
	}
	for _, missing := range []string{`{"subjectName":"alice","context":{"messageId":"m"}}`, `{"clientId":"agent1","context":{"messageId":"m"}}`, `{"clientId":"agent1","subjectName":"alice"}`} {
		if a := l.Send(t, "POST initialize "+missing); a.Status != 400 {
			t.Errorf("%s: %d %s", missing, a.Status, a.Body)
		}
	}
}

func outOfStep(t *testing.T) {
	l := start(t)
	right := "1234" + l.code("alice-rsa")
	l.begin("alice")
	id := l.Kept["id"]
	l.Kept["message"] = "other"
	l.is(l.answer("SECURID", right), bad)
	l.Kept["id"] = id
	l.is(l.answer("SECURID", right), bad) // the attempt has failed
	l.begin("alice")
	l.Kept["id"] = "00000000-0000-4000-8000-000000000000"
	l.is(l.answer("SECURID", right), bad)
	l.begin("alice")
	l.Clock.Advance(180 * time.Second)
	l.is(l.answer("SECURID", "1234"+l.code("alice-rsa")), bad)
	l.begin("alice", `"authnAttemptTimeout":10`)
	l.Clock.Advance(10 * time.Second)
	l.is(l.answer("SECURID", "1234"+l.code("alice-rsa")), bad)
	l.begin("alice", `"authnAttemptTimeout":9999`)
	l.Clock.Advance(179 * time.Second)
	l.is(l.answer("SECURID", "1234"+l.code("alice-rsa")), good)
}

func nextTokencode(t *testing.T) {
	l := start(t)
	wrong := func(n int) {
		for range n {
			l.begin("alice")
			l.is(l.answer("SECURID", "1234000000"), bad)
		}
	}
	wrong(2)
	l.begin("alice")
	l.is(l.answer("SECURID", "1234"+l.code("alice-rsa")), good)
	l.Clock.Advance(time.Minute)
	wrong(3)
	l.begin("alice")
	first := l.code("alice-rsa")
	a := l.answer("SECURID", "1234"+first)
	l.is(a, next)
	if a.Text("challengeMethods.challenges.0.requiredMethods.0.methodId") != "SECURID_NEXT_TOKENCODE" ||
		a.Text("challengeMethods.challenges.0.requiredMethods.0.versions.0.prompt.defaultText") != "Enter next token code:" {
		t.Errorf("%s", a.Body)
	}
	l.is(l.answer("SECURID_NEXT_TOKENCODE", first), bad) // the same code
	l.begin("alice")
	l.Clock.Advance(time.Minute)
	l.is(l.answer("SECURID", "1234"+l.code("alice-rsa")), next)
	l.Clock.Advance(time.Minute)
	second := l.code("alice-rsa")
	l.is(l.answer("SECURID_NEXT_TOKENCODE", second), good)
	l.begin("alice")
	l.is(l.answer("SECURID", "1234"+second), bad)
	l.Clock.Advance(time.Minute)
	l.begin("alice")
	l.is(l.answer("SECURID", "1234"+l.code("alice-rsa")), good) // the mode is over
	l.Clock.Advance(time.Minute)
	wrong(3)
	l.begin("alice")
	l.is(l.answer("SECURID", "1234"+l.code("alice-rsa")), next)
	l.Clock.Advance(2*time.Minute + time.Second)
	l.is(l.answer("SECURID_NEXT_TOKENCODE", l.code("alice-rsa")), bad)
	seeded := start(t, "users: [{name: alice, next_tokencode: true}]")
	seeded.begin("alice")
	seeded.is(seeded.answer("SECURID", "1234"+seeded.code("alice-rsa")), next)
	seeded.is(seeded.answer("SECURID", "1234"+seeded.code("alice-rsa")), bad) // another method than the one that is wanted
}

func newPIN(t *testing.T) {
	l := start(t, "users: [{name: alice, new_pin: true}]")
	l.begin("alice")
	a := l.answer("SECURID", "1234"+l.code("alice-rsa"))
	l.is(a, next)
	const at = "challengeMethods.challenges.0.requiredMethods.0."
	if a.Text(at+"methodId") != "SECURID_NEWPIN" || a.Text(at+"versions.0.prompt.valueBeingDefined") != "true" || a.Text(at+"versions.0.prompt.minLength") != "4" || a.Text(at+"versions.0.prompt.maxLength") != "8" {
		t.Errorf("%s", a.Body)
	}
	for _, no := range []string{"123", "123456789", "12ab", "-"} {
		l.is(l.answer("SECURID_NEWPIN", no), "200 CHALLENGE VERIFY_ERROR FAIL")
	}
	a = l.answer("SECURID_NEWPIN", "998877")
	l.is(a, next)
	if a.Text(at+"methodId") != "SECURID" {
		t.Errorf("%s", a.Body)
	}
	l.Clock.Advance(time.Minute)
	l.is(l.answer("SECURID", "998877"+l.code("alice-rsa")), good)
	l.Clock.Advance(time.Minute)
	l.begin("alice")
	l.is(l.answer("SECURID", "1234"+l.code("alice-rsa")), bad) // the old PIN
	l = start(t, "users: [{name: alice, new_pin: true}]", "policy: {pin: {alphanumeric: true}}")
	l.begin("alice")
	l.is(l.answer("SECURID", "1234"+l.code("alice-rsa")), next)
	l.is(l.answer("SECURID_NEWPIN", "12ab"), next)
	l = start(t, "users: [{name: alice, new_pin: true}]", "policy: {pin: {generated: true}}")
	l.begin("alice")
	a = l.answer("SECURID", "1234"+l.code("alice-rsa"))
	made := a.Text(at + "versions.0.prompt.defaultValue")
	l.is(l.answer("SECURID_NEWPIN", "998877"), "200 CHALLENGE VERIFY_ERROR FAIL")
	l.is(l.answer("SECURID_NEWPIN", made), next)
	l.Clock.Advance(time.Minute)
	l.is(l.answer("SECURID", made+l.code("alice-rsa")), good)
}

func lockOut(t *testing.T) {
	l := start(t, "policy: {lockout_after: 3, bad_before_next: 9, tries: 2}")
	for range 2 {
		l.begin("alice")
		l.is(l.answer("SECURID", "1234000000"), "200 CHALLENGE VERIFY_ERROR FAIL")
		l.is(l.answer("SECURID", "1234000000"), bad)
	}
	l.begin("alice")
	l.is(l.answer("SECURID", "1234"+l.code("alice-rsa")), "200 CHALLENGE VERIFY_ERROR FAIL")
	if err := l.Factors.UnlockUser(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	l.begin("alice")
	l.is(l.answer("SECURID", "1234"+l.code("alice-rsa")), good)
}

func cloudMethods(t *testing.T) {
	l := start(t, "flavour: cloud", "users: [{name: alice, methods: [APPROVE, FINGERPRINT, QRCODE, TOKEN, SECURID, SMS, EMERGENCY_TOKENCODE]}]")
	a := l.Send(t, `POST initialize {"subjectName":"alice","context":{"messageId":"1"}}`) // no agent is needed
	l.kept(a)
	var got []string
	for i := range 8 {
		at := fmt.Sprintf("challengeMethods.challenges.%d.requiredMethods.0.", i)
		got = append(got, strings.TrimSpace(a.Text(at+"methodId")+"|"+a.Text(at+"displayName")+"|"+a.Text(at+"versions.0.methodAttributes.0.name")))
		if ref, _ := a.Value(at + "versions.0.referenceId"); ref == nil {
			t.Errorf("method %d has no referenceId", i)
		}
	}
	want := "APPROVE|Approve|,FINGERPRINT|Device Biometrics|,QRCODE|QR Code|,TOKEN|Authenticate Tokencode|,SECURID|RSA SecurID|,SMS|SMS Tokencode|,VOICE|Voice Tokencode|METHOD_NOT_APPLICABLE,EMERGENCY_TOKENCODE|Emergency Tokencode|"
	if strings.Join(got, ",") != want {
		t.Errorf("%s, not %s", strings.Join(got, ","), want)
	}
	l.is(l.answer("VOICE", "-"), bad)
	l.begin("alice")
	l.is(l.answer("TOKEN", l.code("alice-rsa")), good)
	l.begin("alice")
	l.is(l.answer("TOKEN", l.code("alice-rsa")), bad)
	l.begin("alice")
	l.is(l.answer("EMERGENCY_TOKENCODE", "11112222"), good)
	l.begin("alice")
	l.is(l.answer("EMERGENCY_TOKENCODE", "11112222"), bad)
	l.Clock.Advance(time.Minute)
	l.begin("alice")
	l.is(l.answer("SECURID", "1234"+l.code("alice-rsa")), good)
	l.begin("alice")
	l.is(l.answer("TOKEN", "-"), bad)
}

func push(t *testing.T) {
	l := start(t, "flavour: cloud")
	decide := func(v factor.Verdict) {
		t.Helper()
		all, err := l.Factors.Approvals(t.Context(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			if a.State == factor.Pending {
				if _, err := l.Factors.Decide(t.Context(), a.ID, v); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	const waits = "200 IN_PROCESS AUTHENTICATION_REQUIRED IN_PROCESS"
	reference := func(a dialecttest.Answer, n int) string {
		t.Helper()
		ref := a.Text(fmt.Sprintf("challengeMethods.challenges.%d.requiredMethods.0.versions.0.referenceId", n))
		if ref == "" || a.Text(fmt.Sprintf("challengeMethods.challenges.%d.requiredMethods.0.displayName", n)) == "" {
			t.Errorf("a client cannot go on: %s", a.Body)
		}
		return ref
	}
	for n, method := range []string{"APPROVE", "FINGERPRINT", "QRCODE"} {
		l.begin("alice")
		a := l.answer(method, "-")
		for range 2 {
			l.is(a, waits)
			if value := a.Text("credentialValidationResults.0.authnAttributes.0.value"); (value != "") != (method == "QRCODE") {
				t.Errorf("%s shows %q", method, value)
			}
			a = l.answer(method, "ref:"+reference(a, n))
		}
		asked, err := l.Factors.Approvals(t.Context(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range asked {
			if shown := x.Details["QR code"]; x.State == factor.Pending && (x.Details["client"] != "agent1" || x.Details["user"] != "alice" || shown != a.Text("credentialValidationResults.0.authnAttributes.0.value")) {
				t.Errorf("the phone shows %v", x.Details)
			}
		}
		decide(factor.Verdict{State: factor.Approved})
		a = l.answer(method, "ref:"+reference(a, n))
		l.is(a, good)
		if a.Text("challengeMethods.challenges") != "[]" {
			t.Errorf("%s", a.Body)
		}
	}
	for name, end := range map[string]func(){
		"denied": func() { decide(factor.Verdict{State: factor.Denied}) }, "fraud": func() { decide(factor.Verdict{State: factor.Denied, Fraud: true}) },
		"expired": func() { decide(factor.Verdict{State: factor.Expired}) },
	} {
		l.begin("alice")
		a := l.answer("APPROVE", "-")
		end()
		a = l.answer("APPROVE", "ref:"+reference(a, 0))
		if l.is(a, bad); a.Text("challengeMethods.challenges") != "[]" {
			t.Errorf("%s: %s", name, a.Body)
		}
	}
	l.begin("alice")
	l.answer("APPROVE", "-")
	l.is(l.answer("APPROVE", "ref:00000000-0000-4000-8000-000000000000"), bad)
	l.begin("alice")
	l.answer("APPROVE", "-")
	l.Kept["message"] = "other"
	l.is(l.answer("APPROVE", "-"), bad)
	l.begin("alice")
	l.answer("APPROVE", "-")
	a := l.answer("FINGERPRINT", "-") // chosen instead: the phone asks for one thing
	all, err := l.Factors.Approvals(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, x := range all {
		if x.State == factor.Pending {
			n++
		}
	}
	if l.is(a, waits); n != 1 { // what has ended is withdrawn
		t.Errorf("%d requests wait", n)
	}
	l.begin("bob")
	l.is(l.answer("APPROVE", "-"), bad) // bob has no phone
	l.begin("alice", `"authnAttemptTimeout":10`)
	a = l.answer("APPROVE", "-")
	l.Clock.Advance(11 * time.Second)
	l.is(l.answer("APPROVE", "ref:"+reference(a, 0)), bad)
}

func textMessages(t *testing.T) {
	l := start(t, "flavour: cloud")
	l.begin("alice")
	l.is(l.answer("SMS", "-"), "200 CHALLENGE AUTHENTICATION_REQUIRED IN_PROCESS")
	sent, err := l.Factors.Outbox(t.Context(), "alice")
	if err != nil || len(sent) != 1 {
		t.Fatal(sent, err)
	}
	l.is(l.answer("SMS", sent[0].Code), good)
	l.begin("alice")
	l.is(l.answer("SMS", sent[0].Code), bad)
}

func signed(t *testing.T) {
	l := start(t, "hmac: required")
	l.Login = func(r *http.Request, actor string, body []byte) {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Access-ID", "sps")
		date := l.Clock.Now().Format(http.TimeFormat)
		header, digest := "client-key", sha512.Sum512(body)
		written := hex.EncodeToString(digest[:])
		switch actor {
		case "date":
			r.Header.Set("X-Date", date)
		case "header":
			header = "Authorization"
		case "base64":
			written = base64.StdEncoding.EncodeToString(digest[:])
		case "unsigned":
			r.Header.Set("client-key", "s3cret-key")
			r.Header.Del("X-Access-ID")
			return
		case "stranger":
			r.Header.Set("X-Access-ID", "stranger")
		case "forged":
			written = strings.Repeat("0", 128)
		}
		if actor != "date" {
			r.Header.Set("Date", date)
		}
		mac := hmac.New(sha256.New, []byte("s3cret-key"))
		mac.Write([]byte(r.Method + "\n" + written + "\n" + r.URL.Path + "\n" + date + "\nsps"))
		r.Header.Set(header, base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	for actor, want := range map[string]int{"": 200, "date": 200, "header": 200, "base64": 200, "unsigned": 403, "forged": 403, "stranger": 403} {
		l.Actor = actor
		if a := l.begin("alice"); a.Status != want {
			t.Errorf("%s: %d %s", actor, a.Status, a.Body)
		}
	}
}

// withRADIUS: wrong passcodes at RADIUS want the next tokencode here, and a new PIN that is set
// here is the PIN there.
func withRADIUS(t *testing.T) {
	l := start(t, "users: [{name: bob, new_pin: true}]")
	access := func(user, password string) radius.Code {
		t.Helper()
		p := radius.New(radius.CodeAccessRequest, []byte("testing123"))
		_ = rfc2865.UserName_SetString(p, user)
		_ = rfc2865.UserPassword_SetString(p, password)
		got, err := (&radius.Client{InsecureSkipVerify: true}).Exchange(context.Background(), p, l.Addr("radius/auth"))
		if err != nil {
			t.Fatal(err)
		}
		return got.Code
	}
	for range 3 {
		if code := access("alice", "1234000000"); code != radius.CodeAccessReject {
			t.Fatal(code)
		}
	}
	l.begin("alice")
	l.is(l.answer("SECURID", "1234"+l.code("alice-rsa")), next)
	if code := access("bob", "0000"+l.code("bob-rsa")); code != radius.CodeAccessChallenge {
		t.Errorf("RADIUS does not ask for a new PIN: %s", code)
	}
	l.Clock.Advance(time.Minute)
	l.begin("bob")
	l.is(l.answer("SECURID", "0000"+l.code("bob-rsa")), next)
	l.is(l.answer("SECURID_NEWPIN", "4711"), next)
	l.Clock.Advance(time.Minute)
	if code := access("bob", "4711"+l.code("bob-rsa")); code != radius.CodeAccessAccept {
		t.Errorf("the new PIN at RADIUS: %s", code)
	}
}

func malformed(t *testing.T) {
	l := start(t)
	for _, body := range []string{"", "{", "[]", `"x"`, `{"context":[]}`, strings.Repeat("[", 1000), `{"subjectName":` + strings.Repeat(`{"a":`, 100) + "1"} {
		for _, op := range []string{"initialize", "verify", "status", "cancel"} {
			if a := l.Send(t, "POST "+op+" "+body); a.Status != 400 {
				t.Errorf("%s %.20q: %d %s", op, body, a.Status, a.Body)
			}
		}
	}
	for line, want := range map[string]int{"POST nothing {}": 404, "POST /mfa/v1_2/authn/initialize {}": 404, "GET initialize": 405,
		`POST verify {"context":{"messageId":"1","authnAttemptId":"x"},"subjectCredentials":[]}`: 400, `POST verify {"context":{"messageId":"1"},"subjectCredentials":[{"methodId":"SECURID"}]}`: 400,
		`POST verify {"context":{"messageId":"1","authnAttemptId":"x"},"subjectCredentials":[{}]}`: 400, `POST status {}`: 400, `POST cancel {"authnAttemptId":"x","reason":"BORED"}`: 400} {
		if a := l.Send(t, line); a.Status != want {
			t.Errorf("%s: %d %s", line, a.Status, a.Body)
		}
	}
}

func cancel(t *testing.T) {
	l := start(t, "flavour: cloud")
	l.begin("alice")
	l.answer("APPROVE", "-")
	a := l.Send(t, `POST cancel {"reason":"USER_ACTION","authnAttemptId":"{{id}}"}`)
	l.is(a, "200 FAIL ATTEMPT_CANCELLED")
	if all, err := l.Factors.Approvals(t.Context(), "alice"); err != nil || all[0].State != factor.Cancelled {
		t.Errorf("the phone still asks: %+v, %v", all, err)
	}
	l.is(l.answer("TOKEN", l.code("alice-rsa")), bad)
	l.begin("alice")
	l.Send(t, `POST cancel {"authnAttemptId":"{{id}}","removeAttemptId":true}`)
	l.is(l.Send(t, `POST cancel {"authnAttemptId":"{{id}}"}`), "200 FAIL ATTEMPT_NOT_FOUND")
	l.begin("alice")
	l.is(l.Send(t, `@other-key POST cancel {"authnAttemptId":"{{id}}"}`), "200 FAIL ATTEMPT_NOT_FOUND")
	for keep, want := range map[string]string{"true": "ATTEMPT_CANCELLED", "false": "ATTEMPT_NOT_FOUND"} {
		l.begin("alice", `"keepAttempt":`+keep)
		l.Send(t, `POST cancel {"authnAttemptId":"{{id}}","reason":"TIME_OUT"}`)
		if a := l.Send(t, `POST status {"authnAttemptId":"{{id}}"}`); a.Text("attemptReasonCode") != want {
			t.Errorf("kept %s: %s", keep, a.Body)
		}
	}
}

func status(t *testing.T) {
	l := start(t)
	for keep, want := range map[string]string{"true": "SUCCESS", "false": "FAIL"} {
		l.Clock.Advance(time.Minute)
		l.begin("alice", `"keepAttempt":`+keep, `"sessionAttributes":[{"name":"n","value":"v","dataType":"STRING"}]`, `"assurancePolicyId":"p"`)
		id := l.Kept["id"]
		a := l.Send(t, `@other-key POST status {"authnAttemptId":"{{id}}"}`) // another client may look
		if a.Text("attemptResponseCode") != "CHALLENGE" || a.Text("subjectName") != "alice" || a.Text("authnPolicyId") != "p" || a.Text("sessionAttributes.0.value") != "v" || a.Text("attemptExpires") == "" {
			t.Errorf("%s", a.Body)
		}
		l.is(l.answer("SECURID", "1234"+l.code("alice-rsa")), good)
		l.Kept["id"] = id
		a = l.Send(t, `POST status {"authnAttemptId":"{{id}}"}`)
		if a.Status != 200 || a.Text("attemptResponseCode") != want || want == "SUCCESS" && a.Text("successfulMethods.0") != "SECURID" {
			t.Errorf("kept %s: %s", keep, a.Body)
		}
		l.Send(t, `POST status {"authnAttemptId":"{{id}}","removeAttemptId":true}`)
		if a := l.Send(t, `POST status {"authnAttemptId":"{{id}}"}`); a.Text("attemptResponseCode") != "FAIL" {
			t.Errorf("removed: %s", a.Body)
		}
	}
}
