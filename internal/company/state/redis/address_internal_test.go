package redis

import (
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	for url, want := range map[string]string{
		"redis://host":                                        "tcp host:6379 / 0 counterpart",
		"redis://host:7000/3?prefix=a.b":                      "tcp host:7000 / 3 a.b",
		"redis://user:p%40ss@[::1]:7000":                      "tcp [::1]:7000 user/p@ss 0 counterpart",
		"redis://:secret@host":                                "tcp host:6379 /secret 0 counterpart",
		"rediss://host/1":                                     "tcp host:6379 / 1 counterpart tls",
		"unix:///run/redis.sock?db=2&prefix=x":                "unix /run/redis.sock / 2 x",
		"redis+sentinel://u:p@a,b:1,c/main/4":                 "tcp a:26379,b:1,c:26379 u/p 4 counterpart main",
		"rediss+sentinel://a/main":                            "tcp a:26379 / 0 counterpart main tls",
		"redis://":                                            "! names no host",
		"host:6379":                                           "! no scheme",
		"http://host":                                         `! the scheme "http"`,
		"redis://host:0":                                      `! the port "0"`,
		"redis://host:99999":                                  `! the port "99999"`,
		"redis://host:x":                                      `! the port "x"`,
		"redis://host/x":                                      `! the database "x"`,
		"redis://host/-1":                                     `! the database "-1"`,
		"redis://a,b":                                         "! several hosts",
		"redis://host?prefix=a:b":                             `! the prefix "a:b"`,
		"redis://host?prefix=":                                `! the prefix ""`,
		"redis://host?prefix=a&prefix=b":                      "! more than once",
		"redis://host?ca=x":                                   `! the parameter "ca"`,
		"rediss://host?ca=/nowhere":                           "! names CA certificates",
		"redis://host?pool=3":                                 `! the parameter "pool"`,
		"redis://us%er:secret@host":                           "! not escaped",
		"unix://relative":                                     "! absolute path",
		"redis+sentinel://a":                                  "! the master",
		"redis://host?prefix=" + strings.Repeat("a", 101):     "! up to 100",
		"redis://user:secret@host:1:2/0":                      "! in brackets",
		"redis+sentinel://a/main?prefix=%zz":                  "! cannot be read",
		"redis+sentinel://:secret@a:1,b:2/m?prefix=one&ca=no": `! the parameter "ca"`,
	} {
		a, err := parse(url)
		got := ""
		if err != nil {
			got = err.Error()
			if strings.Contains(got, "secret") {
				t.Errorf("%s: the password is told: %v", url, err)
			}
			if text, ok := strings.CutPrefix(want, "! "); !ok || !strings.Contains(got, text) {
				t.Errorf("%s: %v", url, err)
			}
			continue
		}
		if got = shown(a); got != want {
			t.Errorf("%s is %q, want %q", url, got, want)
		}
	}
}

func shown(a *address) string {
	out := []string{a.network, strings.Join(a.addrs, ","), a.user + "/" + a.password, string(rune('0' + a.db)), a.prefix}
	if a.master != "" {
		out = append(out, a.master)
	}
	if a.tls != nil {
		out = append(out, "tls")
	}
	return strings.Join(out, " ")
}

func FuzzAddress(f *testing.F) {
	f.Add("redis+sentinel://u:p@a,b:1/main/4?prefix=x")
	f.Add("unix:///a?db=1")
	f.Fuzz(func(t *testing.T, url string) {
		if strings.Contains(url, "ca=") { // it would be a file
			return
		}
		a, err := parse(url)
		if err == nil && (len(a.addrs) == 0 || a.prefix == "" || a.db < 0) {
			t.Errorf("%q is %+v", url, a)
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add("0123456789012345\x00\x00\x00\x00\x00\x00\x00\x01value")
	f.Add("0123456789012345\x00\x00\x00\x00\x00\x00\x00u")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := decode(text)
		if err != nil || r.version == "" || !r.expires.IsZero() && r.expires.UnixNano() <= 0 {
			return
		}
		if again := r.encode(); again != text {
			t.Errorf("%q came back as %q", text, again)
		}
	})
}
