//go:build real

package duo_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	duoapi "github.com/duosecurity/duo_api_golang"
	"github.com/duosecurity/duo_api_golang/authapi"

	"counterpart/servers/counterparttest"
)

// Duo's own clients, unmodified, against a fleet with a running clock. Python and
// Unix know a host name and port 443 only and come through the fleet's proxy.

func realFleet(t *testing.T) *counterparttest.Fleet {
	t.Helper()
	return counterparttest.Start(t, counterparttest.YAML(fmt.Sprintf(cast, "status_hold: 2s")), counterparttest.At(time.Now()), counterparttest.RealTime())
}

// write puts a text into a file that only its owner reads.
func write(t *testing.T, name, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// python is a running testdata/client.py.
type python struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

func runPython(t *testing.T, f *counterparttest.Fleet, path string) *python {
	t.Helper()
	tool, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is missing; make tools installs it")
	}
	proxy, port, _ := strings.Cut(f.Addr("egress/proxy"), ":")
	cmd := exec.Command(tool, "testdata/client.py", host, write(t, "ca.pem", string(f.CAPEM())), proxy, port, ikey, skey)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if path != "" {
		cmd.Env = append(cmd.Env, "PYTHONPATH="+filepath.Join(filepath.Dir(tool), "..", path))
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	return &python{t, in, bufio.NewScanner(out)}
}

func (p *python) line() string {
	p.t.Helper()
	if !p.out.Scan() {
		p.t.Fatal("duo_client is missing or broken; make tools installs it")
	}
	return p.out.Text()
}

// call is one call of the client: arguments as name and value. It returns what
// came back as JSON, or the error's text.
func (p *python) call(api, method string, args ...any) (string, time.Duration) {
	p.t.Helper()
	named := map[string]any{}
	for i := 0; i < len(args); i += 2 {
		named[args[i].(string)] = args[i+1]
	}
	text, _ := json.Marshal([]any{api, method, named})
	fmt.Fprintf(p.in, "%s\n", text)
	var got struct {
		OK    json.RawMessage
		Error string
		Took  float64
	}
	if err := json.Unmarshal([]byte(p.line()), &got); err != nil {
		p.t.Fatal(err)
	}
	if got.Error != "" {
		return got.Error, 0
	}
	return string(got.OK), time.Duration(got.Took * float64(time.Second))
}

// says demands that a call answers with all of some texts.
func (p *python) says(want []string, api, method string, args ...any) string {
	p.t.Helper()
	got, _ := p.call(api, method, args...)
	for _, w := range want {
		if !strings.Contains(got, w) {
			p.t.Errorf("%s.%s%v: %s, want %s", api, method, args, got, w)
		}
	}
	return got
}

func TestRealPythonClients(t *testing.T) {
	for _, g := range []struct{ path, version string }{{"", `["version", "4.`}, {"duo-client-5", `["version", "5.`}} {
		t.Run(g.version[len(g.version)-2:]+"x", func(t *testing.T) {
			f := realFleet(t)
			p := runPython(t, f, g.path)
			if v := p.line(); !strings.HasPrefix(v, g.version) {
				t.Fatalf("this is %s", v)
			}
			pythonFlows(t, f, p)
		})
	}
}

func pythonFlows(t *testing.T, f *counterparttest.Fleet, p *python) {
	p.says([]string{`"time": `}, "auth", "ping")
	p.says([]string{`"time": `}, "auth", "check")
	p.says([]string{"Received 400 Logo not found"}, "auth", "logo")
	p.says([]string{"Received 401 Invalid signature in request credentials"}, "wrong", "check")
	p.says([]string{"Received 401 Invalid integration key in request credentials"}, "unknown", "check")
	p.says([]string{"certificate verify failed"}, "pinned", "check")

	p.says([]string{`"result": "enroll"`, "Enroll an authentication device to proceed"}, "auth", "preauth", "username", "nobody")
	p.says([]string{`"result": "auth"`, `"mobile_otp"`, "XXX-XXX-4788", `"type": "token"`}, "auth", "preauth", "username", "alice")
	p.says([]string{`"result": "deny"`, "disabled"}, "auth", "preauth", "username", "dave")
	p.says([]string{"Received 400 Missing required request parameters (user_id or username)"}, "auth", "preauth")

	code := f.Code("alice")
	p.says([]string{`"result": "allow"`, success}, "auth", "auth", "factor", "passcode", "username", "alice", "passcode", code)
	p.says([]string{`"result": "deny"`, usedBefore}, "auth", "auth", "factor", "passcode", "username", "alice", "passcode", code)
	p.says([]string{`"result": "deny"`, incorrect}, "auth", "auth", "factor", "passcode", "username", "alice", "passcode", "000000")
	p.says([]string{`"result": "allow"`}, "auth", "auth", "factor", "push", "username", "alice", "device", "auto", "pushinfo", "from=login%20portal&domain=example.com", "type", "Tést ~*()")
	p.says([]string{`"result": "deny"`, "Login request denied."}, "auth", "auth", "factor", "push", "username", "dora", "device", "auto")
	p.says([]string{`"status": "fraud"`}, "auth", "auth", "factor", "auto", "username", "mallory", "device", "auto")
	p.says([]string{"Received 400 Invalid request parameters (no capable device)"}, "auth", "auth", "factor", "push", "username", "testautonodevice", "device", "auto")
	p.says([]string{"timed out"}, "auth", "auth", "factor", "push", "username", "tim", "device", "auto")
	p.says([]string{`"status": "sent"`}, "auth", "auth", "factor", "sms", "username", "alice", "device", "auto")

	var begun struct{ TxID string }
	json.Unmarshal([]byte(p.says(nil, "auth", "auth", "factor", "phone", "username", "alice", "device", "auto", "async_txn", true)), &begun)
	p.says([]string{`"waiting": true`, "Dialing XXX-XXX-4788..."}, "auth", "auth_status", "txid", begun.TxID)
	p.says([]string{`"waiting": true`, "Answered."}, "auth", "auth_status", "txid", begun.TxID)
	for last := ""; !strings.Contains(last, `"success": true`); {
		if last, _ = p.call("auth", "auth_status", "txid", begun.TxID); strings.Contains(last, "rror") {
			t.Fatal(last)
		}
	}
	p.says([]string{"Received 400 Invalid request parameters (txid)"}, "auth", "auth_status", "txid", "none")

	var made struct {
		UserID         string `json:"user_id"`
		ActivationCode string `json:"activation_code"`
	}
	json.Unmarshal([]byte(p.says([]string{"activation_barcode", "bypass_codes"}, "auth", "enroll", "username", "zoë", "bypass_codes", 2)), &made)
	p.says([]string{`"waiting"`}, "auth", "enroll_status", "user_id", made.UserID, "activation_code", made.ActivationCode)
	p.says([]string{"Received 400 Invalid request parameters (username)"}, "auth", "enroll", "username", "zoë")

	p.says([]string{"true"}, "old", "ping")
	p.says([]string{"true"}, "old", "check")
	p.says([]string{`"result": "auth"`, "Passcode or option"}, "old", "preauth", "username", "alice")
	p.says([]string{"true"}, "old", "auth", "username", "alice", "factor", "passcode", "passcode", "123456789")
	p.says([]string{"false"}, "old", "auth", "username", "dora", "factor", "push")
	json.Unmarshal([]byte(p.says(nil, "old", "auth", "username", "alice", "factor", "push", "async_txn", true)), &begun.TxID)
	p.says([]string{"[false, false, "}, "old", "status", "txid", begun.TxID)
	p.says([]string{"[true, true, "}, "old", "status", "txid", begun.TxID)

	f.Break(counterparttest.Fault{Kind: "rate-limited", Times: 1})
	if got, took := p.call("auth", "check"); !strings.Contains(got, `"time"`) || took < time.Second {
		t.Errorf("after a 429: %s in %v", got, took)
	}
	f.Break(counterparttest.Fault{Server: "duo", Kind: "status", Args: map[string]string{"code": "502", "body": "<html>", "type": "text/html"}, Times: 1})
	p.says([]string{"Received 502"}, "auth", "check")
	f.Break(counterparttest.Fault{Kind: "clock-off", Args: map[string]string{"by": "1h"}, Times: 1})
	p.says([]string{"Received 401 Bad request timestamp"}, "auth", "check")
}

// goClient is Duo's Go client, through the proxy too.
func goClient(f *counterparttest.Fleet, key string) *authapi.AuthApi {
	api := duoapi.NewDuoApi(ikey, key, host, "counterpart", duoapi.SetTimeout(20*time.Second), duoapi.SetTransport(func(tr *http.Transport) {
		tr.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: f.Addr("egress/proxy")})
		tr.TLSClientConfig = &tls.Config{RootCAs: f.CA()}
	}))
	return authapi.NewAuthApi(*api)
}

func TestRealGoClient(t *testing.T) {
	f := realFleet(t)
	api := goClient(f, skey)
	if r, err := api.Ping(); err != nil || r.Stat != "OK" || r.Response.Time == 0 {
		t.Errorf("ping: %+v, %v", r, err)
	}
	if r, err := api.Check(); err != nil || r.Stat != "OK" {
		t.Errorf("check: %+v, %v", r, err)
	}
	if r, err := goClient(f, strings.Repeat("B", 40)).Check(); err != nil || r.Stat != "FAIL" || r.Message == nil || *r.Message != badSig {
		t.Errorf("wrong key: %+v, %v", r, err)
	}
	if r, err := api.Logo(); err != nil || r.StatResult.Message == nil || *r.StatResult.Message != "Logo not found" {
		t.Errorf("logo: %+v, %v", r, err)
	}
	pre, err := api.Preauth(authapi.PreauthUsername("alice"), authapi.PreauthIpAddr("10.1.2.3"))
	if err != nil || pre.Response.Result != "auth" || len(pre.Response.Devices) != 2 || pre.Response.Devices[0].Number != "XXX-XXX-4788" || len(pre.Response.Devices[0].Capabilities) != 5 {
		t.Fatalf("preauth: %+v, %v", pre, err)
	}
	if r, err := api.Preauth(authapi.PreauthUsername("nobody")); err != nil || r.Response.Result != "enroll" || r.Response.Enroll_Portal_Url == "" {
		t.Errorf("unknown: %+v, %v", r, err)
	}
	code := f.Code("alice")
	for _, want := range []string{success, usedBefore} {
		if r, err := api.Auth("passcode", authapi.AuthUsername("alice"), authapi.AuthPasscode(code)); err != nil || r.Response.Status_Msg != want {
			t.Errorf("passcode: %+v, %v; want %s", r, err, want)
		}
	}
	if r, err := api.Auth("push", authapi.AuthUsername("alice"), authapi.AuthDevice(pre.Response.Devices[0].Device), authapi.AuthType("Tést"), authapi.AuthPushinfo("a=b%20c")); err != nil || r.Response.Result != "allow" {
		t.Errorf("push: %+v, %v", r, err)
	}
	if r, err := api.Auth("push", authapi.AuthUsername("testautonodevice"), authapi.AuthDevice("auto")); err != nil || r.Message_Detail == nil || *r.Message_Detail != "no capable device" {
		t.Errorf("no device: %+v, %v", r, err)
	}
	begun, err := api.Auth("push", authapi.AuthUsername("alice"), authapi.AuthDevice("auto"), authapi.AuthAsync())
	if err != nil || begun.Response.Txid == "" {
		t.Fatalf("async: %+v, %v", begun, err)
	}
	for _, want := range []string{"waiting", "allow"} {
		if r, err := api.AuthStatus(begun.Response.Txid); err != nil || r.Response.Result != want {
			t.Errorf("status: %+v, %v; want %s", r, err, want)
		}
	}
	made, err := api.Enroll(authapi.EnrollUsername("gopher"), authapi.EnrollValidSeconds(600))
	if err != nil || made.Response.User_Id == "" {
		t.Fatalf("enroll: %+v, %v", made, err)
	}
	if r, err := api.EnrollStatus(made.Response.User_Id, made.Response.Activation_Code); err != nil || r.Response != "waiting" {
		t.Errorf("enroll_status: %+v, %v", r, err)
	}
	// After a 429 it sends a POST again with its body used up, which a service
	// that checks signatures must refuse: nothing happens.
	defer f.Break(counterparttest.Fault{Kind: "rate-limited", Times: 1})()
	if r, err := api.Auth("passcode", authapi.AuthUsername("alice"), authapi.AuthPasscode("123456789")); err != nil || r.Stat != "FAIL" || *r.Message != badSig {
		t.Errorf("after a 429: %+v, %v", r, err)
	}
}

// loginDuo runs Debian's login_duo without a terminal, where it takes the default
// factor by itself, or on one, where it asks.
func loginDuo(t *testing.T, f *counterparttest.Fleet, key, user, typed string) (out string, code int) {
	t.Helper()
	const tool = "/usr/sbin/login_duo"
	if _, err := os.Stat(tool); err != nil {
		t.Fatal("login_duo is missing; make tools installs it")
	}
	conf := write(t, "login_duo.conf", "[duo]\nikey = "+ikey+"\nskey = "+key+"\nhost = "+host+"\ncafile = "+write(t, "ca.pem", string(f.CAPEM()))+
		"\nhttp_proxy = http://"+f.Addr("egress/proxy")+"\npushinfo = yes\nfailmode = secure\nprompts = 1\n")
	args := []string{tool, "-d", "-c", conf, "-f", user, "-h", "198.51.100.7", "/bin/echo", "the", "session", "starts"}
	if os.Geteuid() != 0 { // it takes a configuration of somebody's own from root only
		args = append([]string{"sudo", "-n"}, args...)
	}
	var cmd *exec.Cmd
	if typed == "" {
		cmd = exec.Command(args[0], args[1:]...)
	} else { // script gives it a terminal
		cmd = exec.Command("script", "-qec", strings.Join(args, " "), "/dev/null")
		cmd.Stdin = strings.NewReader(typed + "\n")
	}
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin"}
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(text), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(text), 0
}

func TestRealLoginDuo(t *testing.T) {
	f := realFleet(t)
	for _, tt := range []struct {
		name, key, user, typed string
		code                   int
		want                   []string
	}{
		{"default factor, held", skey, "alice", "", 0, []string{"the session starts"}},
		{"denied, held", skey, "dora", "", 1, []string{"Failed Duo login"}},
		{"unknown", skey, "nobody", "", 1, []string{"User enrollment required"}},
		{"disabled", skey, "dave", "", 1, []string{"Your account is disabled"}},
		{"bypass", skey, "robot", "", 0, []string{"the session starts"}},
		{"wrong key", strings.Repeat("B", 40), "alice", "", 1, []string{"Invalid ikey or skey"}},
		{"a push that is polled", skey, "alice", "1", 0, []string{"Duo two-factor login for alice", "1. Duo Push to XXX-XXX-4788", "Pushed a login request to your device...", success, "the session starts"}},
		{"a call that is polled", skey, "alice", "2", 0, []string{"Dialing XXX-XXX-4788...", "Answered.", success, "the session starts"}},
		{"a passcode", skey, "alice", "123456789", 0, []string{success, "the session starts"}},
		{"a wrong passcode", skey, "alice", "000000", 1, []string{"Invalid passcode, please try again."}},
		{"text messages", skey, "alice", "3", 1, []string{"New SMS passcodes sent"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, code := loginDuo(t, f, tt.key, tt.user, tt.typed)
			for _, w := range tt.want {
				if !strings.Contains(out, w) {
					t.Errorf("%q is missing in\n%s", w, out)
				}
			}
			if code != tt.code || code != 0 && strings.Contains(out, "session starts\n") {
				t.Errorf("it ended with %d, want %d:\n%s", code, tt.code, out)
			}
		})
	}
	if out, _ := loginDuo(t, f, skey, "alice", "no such option at all, and longer than a passcode"); !strings.Contains(out, "Invalid passcode") {
		t.Errorf("%s", out)
	}
}
