//go:build real

package yubico_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/factor"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
	"counterpart/internal/steering/dialecttest"
)

// Released clients, unmodified, against a fleet with a running clock.

func realServer(t *testing.T, more ...string) *server {
	t.Helper()
	return &server{dialecttest.RunWith(t, dialecttest.Setup{Kinds: kinds, Seed: strings.Replace(company, "SERVER", strings.Join(more, "\n    "), 1), Running: true}), t}
}

func (s *server) api() string { return s.url("/wsapi/2.0/verify") }

// tool is a program that make tools installs.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing; make tools installs it", name)
	}
	return path
}

// output runs a client and returns what it prints.
func output(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out, errs.String())
	}
	return string(out)
}

func command(t testing.TB, name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, name, args...)
}

// python asks with a library of Python; folder is where make tools has put it, empty for
// the environment itself. The client is 1, or what stands behind the library's name.
func python(t testing.TB, folder, library, key, otp string, urls ...string) (said string, took float64) {
	t.Helper()
	interpreter, client := tool(t, "python3"), "1"
	if name, number, other := strings.Cut(library, " "); other {
		library, client = name, number
	}
	cmd := command(t, interpreter, append([]string{filepath.Join("testdata", "client.py"), library, client, key, otp}, urls...)...)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "NO_PROXY=*")
	if folder != "" {
		cmd.Env = append(cmd.Env, "PYTHONPATH="+filepath.Join(filepath.Dir(interpreter), "..", folder))
	}
	said, seconds, _ := strings.Cut(strings.TrimSpace(output(t, cmd)), "\n")
	took, err := strconv.ParseFloat(seconds, 64)
	if err != nil {
		t.Fatalf("%q %q", said, seconds)
	}
	return said, took
}

// versions are where make tools has put the two generations of Yubico's own client.
var versions = map[string]string{"1.10": "", "1.13": "yubico-client-1.13"}

func TestRealPython(t *testing.T) {
	for name, folder := range versions {
		t.Run(name, func(t *testing.T) {
			s := realServer(t)
			ask := func(key, otp, want string, urls ...string) float64 {
				t.Helper()
				if len(urls) == 0 {
					urls = []string{s.api()}
				}
				said, took := python(t, folder, "yubico_client", key, otp, urls...)
				if !strings.HasPrefix(said, want) {
					t.Errorf("%q, want %q", said, want)
				}
				return took
			}
			for _, key := range []string{secret, ""} {
				otp := s.press("alice-yubi", "")
				ask(key, otp, "True")
				ask(key, otp, "StatusCodeError")                                                      // REPLAYED_OTP
				ask(key, s.press("alice-yubi", factor.PressCorruptCRC), "Exception NO_VALID_ANSWERS") // signed by the client's key
				ask(key, s.press("alice-yubi", ""), "True", s.api(), s.api()+"/", s.api())            // 23: three addresses of one server
			}
			ask("c2VjcmV0c2VjcmV0c2VjcmV0c2U=", s.press("alice-yubi", ""), "SignatureVerificationError")
			if said, _ := python(t, folder, "yubico_client 2", secret, s.press("alice-yubi", ""), s.api()); !strings.HasPrefix(said, "SignatureVerificationError") {
				t.Errorf("an unknown client, whose refusal is signed with the empty key: %q", said) // 22
			}
			s.breaks(fault.Status, "code", "503", "op", "verify", "moment", "before")
			if otp := s.press("alice-yubi", ""); name == "1.13" { // 26: it asks once more
				ask(secret, otp, "True")
			} else {
				ask(secret, otp, "Exception NO_VALID_ANSWERS")
			}
			s.breaks(fault.Status, "code", "503", "op", "verify", "moment", "after")
			ask(secret, s.press("alice-yubi", ""), "Exception NO_VALID_ANSWERS") // what it asks then is a repeated request
			s.Faults.Set(nil)
			slow := realServer(t, "keys: [{public_id: idkfefrdhtru, verify_delay: 4s}]")
			if took := ask(secret, slow.press("alice-yubi", ""), "Exception NO_VALID_ANSWERS", slow.api()); took < 1.9 || took > 3.5 { // 24
				t.Errorf("it gave up after %.1f s", took)
			}
			fast, late := twoServers(t)
			ask(secret, late.press("alice-yubi", ""), "True", fast.api(), late.api()) // 27: BAD_OTP at once, and OK later
		})
	}
}

// twoServers are a server that refuses every OTP at once, and one that takes a second
// for a good one.
func twoServers(t *testing.T) (fast, late *server) {
	t.Helper()
	fast, late = realServer(t), realServer(t, "keys: [{public_id: idkfefrdhtru, verify_delay: 1s}]")
	if err := fast.Faults.Set([]fault.Rule{{Kind: "yubico-ksm-down"}}); err != nil {
		t.Fatal(err)
	}
	return fast, late
}

// client is libykclient's caller, compiled.
func client(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "client")
	output(t, command(t, tool(t, "gcc"), "-o", path, filepath.Join("testdata", "client.c"), "-lykclient"))
	return path
}

func TestRealLibykclient(t *testing.T) {
	s := realServer(t)
	program := client(t)
	ask := func(id, key, otp, want string, urls ...string) {
		t.Helper()
		if len(urls) == 0 {
			urls = []string{s.api()}
		}
		if said := output(t, command(t, program, append([]string{id, key, otp}, urls...)...)); !strings.HasPrefix(said, want+" ") {
			t.Errorf("%q, want %s", said, want)
		}
	}
	for _, key := range []string{secret, ""} {
		otp := s.press("alice-yubi", "")
		ask("1", key, otp, "0")
		ask("1", key, otp, "2") // REPLAYED_OTP
		ask("1", key, s.press("alice-yubi", factor.PressWrongAES), "1")
		ask("1", key, strings.ToUpper(s.press("alice-yubi", "")), "104") // 11: the answer repeats it in lower case
		ask("1", key, s.press("alice-yubi", ""), "0", s.api(), s.api())
	}
	ask("1", "c2VjcmV0c2VjcmV0c2VjcmV0c2U=", s.press("alice-yubi", ""), "107") // the answer is signed by another key
	ask("2", secret, s.press("alice-yubi", ""), "107")                         // NO_SUCH_CLIENT, signed with the empty key
	ask("2", "", s.press("alice-yubi", ""), "5")
	for kind, want := range map[[2]string]string{
		{"yubico-signature", "missing"}: "107", {"yubico-signature", "wrong"}: "107", {"yubico-echo", "nonce"}: "104", {"yubico-echo", "otp"}: "104", {"yubico-echo", "missing"}: "104",
		{"yubico-lines", "lf"}: "0", {"yubico-status", "BACKEND_ERROR"}: "7", {"yubico-status", "NOT_ENOUGH_ANSWERS"}: "8",
	} {
		s.breaks(kind[0], "as", kind[1])
		ask("1", secret, s.press("alice-yubi", ""), want)
	}
	s.breaks("yubico-lines", "as", "bare")
	if said := output(t, command(t, program, "1", secret, s.press("alice-yubi", ""), s.api())); strings.HasPrefix(said, "0 ") {
		t.Errorf("without white space after the last value: %q", said)
	}
	s.breaks(fault.Status, "code", "500", "body", "<html>broken</html>", "type", "text/html")
	ask("1", secret, s.press("alice-yubi", ""), "101")
	fast, late := twoServers(t)
	ask("1", secret, late.press("alice-yubi", ""), "1", fast.api(), late.api()) // 27: what comes first counts
}

// pam asks libpam-yubico through pamtester, with a service of its own.
func (s *server) pam(module, typed string) string {
	s.t.Helper()
	dir := s.t.TempDir()
	mapping, service := filepath.Join(dir, "keys"), filepath.Join(dir, "services")
	if err := os.Mkdir(service, 0o755); err != nil {
		s.t.Fatal(err)
	}
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	write(mapping, "alice:idkfefrdhtru\n")
	write(filepath.Join(service, "yubi"), "auth required pam_yubico.so authfile="+mapping+" "+module+"\naccount required pam_permit.so\n")
	found, err := filepath.Glob("/usr/lib/*/libpam_wrapper.so")
	if err != nil || len(found) == 0 {
		s.t.Fatal("libpam_wrapper.so is missing; make tools installs it")
	}
	cmd := command(s.t, tool(s.t, "pamtester"), "yubi", "alice", "authenticate")
	cmd.Env = append(os.Environ(), "LD_PRELOAD="+found[0], "PAM_WRAPPER=1", "PAM_WRAPPER_SERVICE_DIR="+service, "NO_PROXY=*")
	cmd.Stdin = strings.NewReader(typed + "\n")
	out, _ := cmd.CombinedOutput() // a refusal is an exit code
	return string(out)
}

func TestRealPAM(t *testing.T) {
	s := realServer(t)
	const fine, refused, away = "successfully authenticated", "Authentication failure", "cannot retrieve authentication info"
	ask := func(module, typed, want string) {
		t.Helper()
		if said := s.pam(module, typed); !strings.Contains(said, want) {
			t.Errorf("%s: %q, want %q", module, said, want)
		}
	}
	for _, key := range []string{" key=" + secret, ""} {
		for _, where := range []string{"urllist=" + s.api(), "url=" + s.api() + "?id=%d&otp=%s"} {
			module := "id=1" + key + " " + where
			otp := s.press("alice-yubi", "")
			ask(module, otp, fine)
			ask(module, otp, refused)
			ask(module, "Alice-Pass-1"+s.press("alice-yubi", ""), fine) // the last 44 characters count
			ask(module, s.press("alice-yubi", factor.PressCorruptCRC), refused)
		}
	}
	ask("id=2 key="+secret+" urllist="+s.api(), s.press("alice-yubi", ""), away)
	ask("id=1 key="+secret+" urllist=http://127.0.0.1:1/wsapi/2.0/verify", s.press("alice-yubi", ""), away)
	s.breaks("yubico-signature", "as", "missing")
	ask("id=1 urllist="+s.api(), s.press("alice-yubi", ""), away)
}

func TestRealPerl(t *testing.T) {
	s := realServer(t)
	ask := func(id, key string, want string, otps ...string) {
		t.Helper()
		cmd := command(t, tool(t, "perl"), append([]string{filepath.Join("testdata", "client.pl"), id, key, s.api()}, otps...)...)
		cmd.Env = append(os.Environ(), "no_proxy=127.0.0.1")
		if said := strings.Join(strings.Fields(output(t, cmd)), " "); said != want {
			t.Errorf("%q, want %q", said, want)
		}
	}
	a, b := s.press("alice-yubi", ""), s.press("alice-yubi", "")
	// One object sends one nonce for all of its OTPs, so that the last one again is a
	// repeated request, and one before it a replay.
	ask("1", secret, "OK OK ERR_REPLAYED_REQUEST ERR_REPLAYED_OTP", a, b, b, a)
	ask("1", secret, "ERR_BAD_OTP ERR_BAD_OTP", s.press("alice-yubi", factor.PressWrongPrivateID), "cccccccccccb"+otp1[12:])
	ask("2", secret, "ERR_NO_SUCH_CLIENT", s.press("alice-yubi", ""))
	ask("1", "c2VjcmV0c2VjcmV0c2VjcmV0c2U=", "ERR_BAD_SIGNATURE", s.press("alice-yubi", ""))
	s.breaks("yubico-signature", "as", "wrong")
	ask("1", secret, "ERR_HMAC", s.press("alice-yubi", ""))
}

// TestRealYubiOTP is 29: what django-otp-yubikey asks with.
func TestRealYubiOTP(t *testing.T) {
	s := realServer(t)
	// The clients of protocol 1 want the OTP repeated, which that protocol does not do.
	for library, x := range map[string][2]string{"YubiClient20": {s.api(), "True"}, "YubiClient11": {s.url("/wsapi/verify"), "False"}, "YubiClient10": {s.url("/wsapi/verify"), "False"}} {
		otp := s.press("alice-yubi", "")
		if said, _ := python(t, "yubiotp", library, secret, otp, x[0]); !strings.HasPrefix(said, x[1]+" ") {
			t.Errorf("%s says %q, want %q", library, said, x[1])
		}
		if last := s.Last(journal.Match{Op: "verify"}); last.Outcome != string(dialect.OK) {
			t.Errorf("%s: %+v", library, last)
		}
	}
	said, _ := python(t, "yubiotp", "YubiClient20", secret, otp1[:43], s.api())
	if !strings.HasPrefix(said, "False") {
		t.Errorf("an OTP of 43 letters: %q", said)
	}
}

// TestRealVendorsNames: clients that know nothing but the service's names reach it through
// the proxy.
func TestRealVendorsNames(t *testing.T) {
	s := realServer(t)
	proxy := s.Addr("egress/proxy")
	for _, host := range []string{"api.yubico.com", "api5.yubico.com"} {
		out := output(t, command(t, tool(t, "curl"), "-sS", "-k", "--noproxy", "", "-x", "http://"+proxy, "https://"+host+"/wsapi/2.0/verify?"+query(s.press("alice-yubi", ""))))
		if !strings.Contains(out, "status=OK") {
			t.Errorf("%s: %q", host, out)
		}
	}
	resp, err := http.Get(fmt.Sprint(s.url("/wsapi/2.0/verify?"), query(s.press("alice-yubi", ""))))
	s.says(s.read(resp, err), "OK", level)
}
