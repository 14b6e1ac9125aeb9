package yubico_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/yubico"
)

// What the contract's golden vectors are of.
const (
	secret = "EHmo8FMxuhumBlTinC4uYL0Mgwg="
	otp1   = "idkfefrdhtrutjduvtcjbfeuvhehdvjjlbchtlenfgku"
	otp2   = "idkfefrdhtrulltfdldtugukdleibbbtdudblctjvikv"
	otp3   = "idkfefrdhtruughbgugddclgchhkdfkfcjufjgbvtivi"
	nonce1 = "kakakakakakakakakakakaka"
	nonce2 = "lalalalalalalalalalalala"
)

// company is the seed of most tests. SERVER stands for more of the server's block.
const company = `
version: 1
organization: {name: Acme, domain: acme.test, netbios: ACME}
users:
  - name: alice
    devices:
      - {id: alice-yubi, kind: yubikey, public_id: idkfefrdhtru, private_id: 609963eae7b5, aes_key: c68c9df8cbfe7d2f994cb904046c7218}
      - {id: alice-long, kind: yubikey, public_id: 0123456789abcdef}
      - {id: alice-none, kind: yubikey, public_id: ""}
servers:
  - kind: yubico
    clients:
      - {id: 1, secret: EHmo8FMxuhumBlTinC4uYL0Mgwg=}
      - {id: 3, secret: EHmo8FMxuhumBlTinC4uYL0Mgwg=, active: false}
    SERVER
`

var kinds = []dialect.Kind{{Name: "yubico", New: yubico.New, Settings: yubico.Settings{}, Scope: yubico.Scope, Secrets: yubico.Secrets()}}

// server is a fleet with a validation server.
type server struct {
	*dialecttest.Fleet
	t testing.TB
}

func start(t testing.TB, more ...string) *server {
	t.Helper()
	return &server{dialecttest.Run(t, kinds, strings.Replace(company, "SERVER", strings.Join(more, "\n    "), 1)), t}
}

// answer is what the protocol says.
type answer struct {
	status int
	body   string
	header http.Header
	names  []string
	of     map[string]string
}

func (s *server) url(path string) string { return "http://" + s.Addr("yubico/http") + path }

// get asks with a query as it is sent.
func (s *server) get(path string) answer {
	s.t.Helper()
	resp, err := http.Get(s.url(path))
	return s.read(resp, err)
}

func (s *server) read(resp *http.Response, err error) answer {
	s.t.Helper()
	if err != nil {
		s.t.Error(err)
		return answer{}
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	a := answer{status: resp.StatusCode, body: string(body), header: resp.Header, of: map[string]string{}}
	for line := range strings.SplitSeq(a.body, "\r\n") {
		if name, value, ok := strings.Cut(line, "="); ok {
			a.names, a.of[name] = append(a.names, name), value
		}
	}
	return a
}

// query is a request of protocol 2.0 about an OTP; pairs of a name and a value change
// it, an empty value takes a parameter away.
func query(otp string, change ...string) string {
	v := url.Values{"id": {"1"}, "otp": {otp}, "nonce": {nonce1}}
	for i := 0; i < len(change); i += 2 {
		if v.Set(change[i], change[i+1]); change[i+1] == "" {
			v.Del(change[i])
		}
	}
	return v.Encode()
}

func (s *server) verify(otp string, change ...string) answer {
	s.t.Helper()
	return s.get("/wsapi/2.0/verify?" + query(otp, change...))
}

// says holds an answer against a status and the members that it has.
func (s *server) says(a answer, status, names string) {
	s.t.Helper()
	if a.status != 200 || a.of["status"] != status || strings.Join(a.names, ",") != names {
		s.t.Errorf("%d %q, want %s with %s", a.status, a.body, status, names)
	}
}

// The members of answers.
const (
	bare   = "h,t,status"
	echoed = "h,t,otp,nonce,status"
	level  = "h,t,otp,nonce,sl,status"
	counts = "h,t,otp,nonce,sl,timestamp,sessioncounter,sessionuse,status"
)

// hmacOf is the signature over members, reckoned without the server.
func hmacOf(key string, of map[string]string) string {
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		panic(err)
	}
	var parts []string
	for name, value := range of {
		if name != "h" {
			parts = append(parts, name+"="+value)
		}
	}
	slices.Sort(parts)
	mac := hmac.New(sha1.New, raw)
	mac.Write([]byte(strings.Join(parts, "&")))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signedBy reports an answer that is signed with a key.
func (a answer) signedBy(key string) bool { return a.of["h"] == hmacOf(key, a.of) }

// press touches a key.
func (s *server) press(device, policy string) string {
	s.t.Helper()
	text, err := s.Factors.Press(s.t.Context(), device, policy)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// breaks sets a fault rule for one operation.
func (s *server) breaks(kind string, args ...string) {
	s.t.Helper()
	r := fault.Rule{Kind: kind, Times: 1, Args: map[string]string{}}
	for i := 0; i < len(args); i += 2 {
		switch args[i] {
		case "moment":
			r.Moment = fault.Moment(args[i+1])
		case "op":
			r.Op = args[i+1]
		default:
			r.Args[args[i]] = args[i+1]
		}
	}
	if err := s.Faults.Set([]fault.Rule{r}); err != nil {
		s.t.Fatal(err)
	}
}

// control asks the control port.
func (s *server) control(method, path, body string) map[string]any {
	s.t.Helper()
	req, _ := http.NewRequest(method, "http://"+s.Addr("control/http")+path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer control-token")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	out := map[string]any{}
	if err := json.Unmarshal(text, &out); err != nil || resp.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, text)
	}
	return out
}
