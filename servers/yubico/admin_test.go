package yubico_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
	"counterpart/internal/steering/boot"
	"counterpart/internal/steering/dialecttest"
	"counterpart/seed"
)

// TestDecryptRefuses: the key storage module's own words, and nothing is used up.
func TestDecryptRefuses(t *testing.T) {
	s := start(t, "keys: [{public_id: 0123456789abcdef, ksm_active: false}]")
	for query, want := range map[string]string{
		"": "ERR No OTP provided\n", "?otp=": "ERR No OTP provided\n", "?otp=0": "ERR No OTP provided\n", "?otp=abc": "ERR Invalid OTP format\n",
		"?otp=" + strings.ToUpper(otp1): "ERR Invalid OTP format\n", "?otp=" + strings.Repeat("c", 49): "ERR Invalid OTP format\n", "?otp=" + dvorak(otp1): "ERR Invalid OTP format\n",
		"?otp=cccccccccccb" + otp1[12:]: "ERR Unknown yubikey\n", "?otp=" + s.press("alice-long", ""): "ERR Unknown yubikey\n", "?otp=" + strings.Repeat("c", 33): "ERR Unknown yubikey\n",
		"?otp=" + otp1[:43] + "c": "ERR Corrupt OTP\n", "?otp=" + s.press("alice-yubi", factor.PressCorruptCRC): "ERR Corrupt OTP\n",
		"?otp=" + s.press("alice-yubi", factor.PressWrongPrivateID): "ERR Corrupt OTP\n", "?otp=" + otp1 + "%0a": "OK counter=0001 low=8d40 high=0f use=00\n",
	} {
		if a := s.get("/wsapi/decrypt" + query); a.body != want || a.status != 200 || a.header.Get("Content-Type") != "text/html; charset=UTF-8" {
			t.Errorf("%s: %d %q %v, want %q", query, a.status, a.body, a.header, want)
		}
	}
	resp, err := http.PostForm(s.url("/wsapi/decrypt?otp=abc"), map[string][]string{"otp": {otp1}})
	if a := s.read(resp, err); !strings.HasPrefix(a.body, "OK ") {
		t.Errorf("POST: %q", a.body)
	}
	s.breaks("yubico-ksm-down")
	if a := s.get("/wsapi/decrypt?otp=" + otp1); a.body != "ERR Database error\n" {
		t.Errorf("%q", a.body)
	}
	s.says(s.verify(otp1), "OK", level)
}

func TestRevokeAndResyncRefuse(t *testing.T) {
	s := start(t)
	for path, want := range map[string]string{
		"revoke": "Missing parameter", "revoke?yk=idkfefrdhtru": "Missing parameter", "revoke?do=enable": "Missing parameter", "revoke?yk=abc&do=enable": "Unknown yk value: abc",
		"revoke?yk=ccccccccccccccccc&do=enable": "Unknown yk value: ccccccccccccccccc", "revoke?yk=idkfefrdhtru&do=burn": "Unknown do value: burn",
		"revoke?yk=cccc&do=enable": "Unknown yubikey: cccc", "revoke?yk=idkfefrdhtru&do=disable": "Unknown yubikey: idkfefrdhtru", // never seen
		"resync": "Missing parameter", "resync?yk=abc": "Unknown yk value: abc", "resync?yk=idkfefrdhtru": "Unknown yubikey: idkfefrdhtru",
	} {
		if a := s.get("/wsapi/" + path); a.body != "ERROR "+want+"\n" || a.status != 200 || a.header.Get("Content-Type") != "text/plain;charset=UTF-8" {
			t.Errorf("%s: %d %q, want %q", path, a.status, a.body, want)
		}
	}
	s.says(s.verify(otp1), "OK", level)
	for path, want := range map[string]string{"resync?yk=idkfefrdhtru": "OK Initiated resync of idkfefrdhtru\n", "2.0/resync?yk=all": "OK Initiated resync of all\n", "revoke?yk=idkfefrdhtru&do=enable": "OK Processed idkfefrdhtru with enable\n"} {
		if a := s.get("/wsapi/" + path); a.body != want {
			t.Errorf("%s: %q", path, a.body)
		}
	}
	away := start(t, "revoke_from: [192.0.2.0/24]", "resync_from: []")
	for _, path := range []string{"revoke?yk=idkfefrdhtru&do=disable", "resync?yk=all"} {
		if a := away.get("/wsapi/" + path); a.body != "ERROR Authorization failed (logged 127.0.0.1)\n" {
			t.Errorf("%s: %q", path, a.body)
		}
	}
}

const synced = "h,t,modified,nonce,yk_publicname,yk_counter,yk_use,yk_high,yk_low,status"

func syncQuery(id string, counter, use int, nonce string) string {
	return fmt.Sprintf("/wsapi/2.0/sync?otp=%s&modified=1383728711&nonce=%s&yk_publicname=%s&yk_counter=%d&yk_use=%d&yk_high=0&yk_low=5", otp1, nonce, id, counter, use)
}

// TestSync: another server has seen an OTP, and is told what was seen here before.
func TestSync(t *testing.T) {
	s := start(t, "sync_from: [127.0.0.1]")
	a := s.get(syncQuery("idkfefrdhtru", 1, 0, nonce2))
	if s.says(a, "OK", synced); a.of["yk_counter"] != "-1" || a.of["modified"] != "-1" || a.of["nonce"] != "0000000000000000" || !a.signedBy("") {
		t.Errorf("%q", a.body)
	}
	s.says(s.verify(otp1), "REPLAYED_OTP", echoed)
	s.says(s.verify(otp1, "nonce", nonce2), "REPLAYED_REQUEST", echoed)
	s.says(s.verify(otp3), "OK", level)
	a = s.get(syncQuery("idkfefrdhtru", 1, 1, nonce2)) // lower: nothing changes
	if s.says(a, "OK", synced); a.of["yk_counter"] != "2" || a.of["nonce"] != nonce1 {
		t.Errorf("%q", a.body)
	}
	a = s.get(syncQuery("cccc", 7, 1, nonce2)) // of a key that nobody knows
	if s.says(a, "OK", synced); a.of["yk_counter"] != "-1" {
		t.Errorf("%q", a.body)
	}
	if a = s.get(syncQuery("cccc", 7, 1, nonce2)); a.of["yk_counter"] != "7" {
		t.Errorf("%q", a.body)
	}
	s.get("/wsapi/revoke?yk=cccc&do=disable")
	s.says(s.get(syncQuery("cccc", 8, 0, nonce2)), "BAD_OTP", bare)
	for _, q := range []string{"/wsapi/2.0/sync", syncQuery("", 1, 0, nonce1), syncQuery("idkfefrdhtru", -2, 0, nonce1), syncQuery("idkfefrdhtru", 1, 0, "short"), syncQuery("xyz", 1, 0, nonce1),
		strings.Replace(syncQuery("cccc", 1, 0, nonce1), "modified=1383728711", "modified=-1", 1), strings.Replace(syncQuery("cccc", 1, 0, nonce1), otp1, "abc", 1)} {
		s.says(s.get(q), "MISSING_PARAMETER", bare)
	}
	stranger := start(t)
	a = stranger.get(syncQuery("idkfefrdhtru", 1, 0, nonce2))
	if stranger.says(a, "OPERATION_NOT_ALLOWED", bare); !a.signedBy("") {
		t.Error("not signed with the empty key")
	}
	stranger.says(stranger.get("/wsapi/2.0/sync"), "MISSING_PARAMETER", bare) // before it is asked who asks
}

// TestDecisions: what somebody orders about codes is what becomes of an OTP, which is not
// used up.
func TestDecisions(t *testing.T) {
	s := start(t)
	for _, verb := range []string{"deny", "lock", "expire"} {
		s.control("POST", "/decisions", `{"verb":"`+verb+`","on":"code","device":"alice-yubi","next":1}`)
		a := s.verify(otp1)
		if s.says(a, "BAD_OTP", bare); !a.signedBy(secret) {
			t.Errorf("%s: not signed by the client's key", verb)
		}
	}
	s.control("POST", "/decisions", `{"verb":"delay","on":"code","user":"alice","after":"3s","next":1}`)
	wait := make(chan answer)
	go func() { wait <- s.verify(otp1) }()
	s.says(s.during(wait, 3*time.Second), "OK", level)
}

// TestFaults plays each fault that only this server has.
func TestFaults(t *testing.T) {
	s := start(t, "sync_pool: [{name: a}, {name: b}]")
	for _, word := range []string{"BACKEND_ERROR", "NOT_ENOUGH_ANSWERS", "BAD_OTP", "REPLAYED_OTP", "REPLAYED_REQUEST", "NO_SUCH_CLIENT", "BAD_SIGNATURE", "MISSING_PARAMETER", "OPERATION_NOT_ALLOWED"} {
		s.breaks("yubico-status", "as", word)
		a := s.verify(otp1)
		if s.says(a, word, bare); !a.signedBy(secret) {
			t.Errorf("%s: not signed by the client's key", word)
		}
	}
	s.breaks("yubico-status", "commit", "true")
	s.says(s.verify(otp1), "BACKEND_ERROR", level)
	s.says(s.verify(otp1), "REPLAYED_REQUEST", echoed)
	for as, good := range map[string]func(answer) bool{
		"wrong": func(a answer) bool { return a.of["h"] != "" && !a.signedBy(secret) }, "missing": func(a answer) bool { return a.of["h"] == "" }, "empty-key": func(a answer) bool { return a.signedBy("") },
	} {
		s.breaks("yubico-signature", "as", as)
		if a := s.verify(otp1); !good(a) {
			t.Errorf("signature %s: %q", as, a.body)
		}
	}
	for as, good := range map[string]func(answer) bool{
		"otp": func(a answer) bool { return a.of["otp"] != otp1 }, "nonce": func(a answer) bool { return a.of["nonce"] != nonce1 }, "missing": func(a answer) bool { return len(a.names) == 3 },
	} {
		s.breaks("yubico-echo", "as", as)
		if a := s.verify(otp1); !good(a) || !a.signedBy(secret) {
			t.Errorf("echo %s: %q", as, a.body)
		}
	}
	for as, good := range map[string]func(string) bool{
		"lf": func(b string) bool { return !strings.Contains(b, "\r") && strings.HasSuffix(b, "\n\n") }, "bare": func(b string) bool { return strings.HasSuffix(b, "REQUEST") },
		"twice": func(b string) bool { return strings.Count(b, "status=") == 2 },
	} {
		s.breaks("yubico-lines", "as", as)
		if a := s.verify(otp1); !good(a.body) {
			t.Errorf("lines %s: %q", as, a.body)
		}
	}
	s.breaks("yubico-ksm-down")
	s.says(s.verify(otp2), "BAD_OTP", bare)
	s.breaks("yubico-peer-down", "peer", "a")
	s.says(s.verify(otp2, "sl", "100"), "NOT_ENOUGH_ANSWERS", level)
	s.breaks("yubico-peer-ahead", "peer", "b")
	s.says(s.verify(otp3, "sl", "100"), "REPLAYED_OTP", echoed)
	s.breaks("yubico-peer-lag")
	wait := make(chan answer)
	otp := s.press("alice-long", "")
	go func() { wait <- s.verify(otp, "sl", "100") }()
	s.says(s.during(wait, time.Second), "NOT_ENOUGH_ANSWERS", level) // sync_timeout
	h := ""
	for i := 0; !strings.Contains(h, "+"); i++ {
		h = hmacOf(secret, map[string]string{"id": "1", "otp": otp, "nonce": fmt.Sprint(nonce1, i)})
		if strings.Contains(h, "+") {
			s.breaks("yubico-plus-lost")
			s.says(s.verify(otp, "nonce", fmt.Sprint(nonce1, i), "h", h), "BAD_SIGNATURE", bare)
		}
	}
	s.breaks(fault.Status, "code", "503", "op", "verify", "moment", "before")
	good := s.press("alice-long", "")
	if a := s.verify(good); a.status != 503 {
		t.Errorf("%d %q", a.status, a.body)
	}
	s.says(s.verify(good), "OK", level)
	s.breaks(fault.Status, "code", "503", "op", "verify", "moment", "after")
	good = s.press("alice-long", "")
	if a := s.verify(good); a.status != 503 {
		t.Errorf("%d %q", a.status, a.body)
	}
	s.says(s.verify(good), "REPLAYED_REQUEST", echoed)
}

// TestJournalKeepsNoOTP: neither an OTP nor a signature is shown, and the audit finds no
// key anywhere.
func TestJournalKeepsNoOTP(t *testing.T) {
	s := start(t)
	s.verify(otp1, "h", hmacOf(secret, map[string]string{"id": "1", "otp": otp1, "nonce": nonce1}))
	e := s.Last(journal.Match{Op: "verify"})
	if strings.Contains(e.Request+e.Why, otp1[12:]) || e.Actor != "alice" || e.Object != "alice-yubi" || e.Outcome != "ok" || e.Why != "session 1 use 0" {
		t.Errorf("%+v", e)
	}
	s.get("/wsapi/3/verifyx")
	if e := s.Last(journal.Match{}); e.Outcome != "unimplemented" || e.Op != "GET /wsapi/3/verifyx" {
		t.Errorf("%+v", e)
	}
}

// TestAnOutageOfTheStore is BACKEND_ERROR signed by the client's key, and a crash at any
// write leaves no OTP usable twice.
func TestAnOutageOfTheStore(t *testing.T) {
	for at := 1; at < 5; at++ {
		var crash *statetest.Crash
		f := dialecttest.RunWith(t, dialecttest.Setup{Kinds: kinds, Seed: strings.Replace(company, "SERVER", "sync_pool: [{name: a}, {name: b}]", 1), Options: func(o *boot.Options) {
			crash = statetest.Crashing(state.NewMemory(o.Clock))
			o.Store = crash
		}})
		s := &server{f, t}
		otps := []string{s.press("alice-yubi", ""), s.press("alice-yubi", "")}
		crash.At(at)
		good := map[string]int{}
		for _, otp := range otps {
			for i := range 3 {
				a := s.verify(otp, "nonce", fmt.Sprint(nonce1, i))
				if a.of["status"] == "OK" {
					good[otp]++
				}
				if a.of["status"] == "BACKEND_ERROR" {
					if !a.signedBy(secret) {
						t.Errorf("write %d: %q is not signed by the client's key", at, a.body)
					}
					crash.Heal()
				}
			}
			if good[otp] > 1 {
				t.Errorf("write %d: one OTP was good %d times", at, good[otp])
			}
		}
	}
}

// TestBadBlocks: what is wrong in the server's block is said with its place.
func TestBadBlocks(t *testing.T) {
	const own = "public_id: cccccccccccb, private_id: 609963eae7b5, aes_key: c68c9df8cbfe7d2f994cb904046c7218"
	for block, want := range map[string]string{
		"keys: [{public_id: cccccccccccb}]":                                 "needs `private_id`",
		"keys: [{public_id: idkfefrdhtru, private_id: 000000000000}]":       "another private ID",
		"keys: [{public_id: idkfefrdhtru, active: false}]":                  "alice-yubi of alice",
		"keys: [{public_id: idkfefrdhtru}, {public_id: 729434c26dce}]":      "twice",
		"keys: [{" + own + ", owner: nobody}]":                              "nobody",
		"keys: [{public_id: cccc, private_id: zz, aes_key: zz}]":            "6 octets",
		"keys_csv: \"1,cccccccccccb,609963eae7b5\"":                         "line 1 has 3 fields",
		"keys_csv: \"x,cccccccccccb,609963eae7b5,00,,,\"":                   "serial",
		"keys_csv: \"1,xyz,609963eae7b5,00,,,\"":                            "modhex",
		"keys_csv: \"1,cccccccccccb,,c68c9df8cbfe7d2f994cb904046c7218,,,\"": "missing",
		"clients_csv: \"x,1,,EHmo8FMxuhumBlTinC4uYL0Mgwg=\"":                "number of a client",
		"clients_csv: \"5,maybe,,EHmo8FMxuhumBlTinC4uYL0Mgwg=\"":            "neither 1 nor 0",
		"clients_csv: \"1,1,,EHmo8FMxuhumBlTinC4uYL0Mgwg=\"":                "two clients 1",
		"clients_csv: \"5,1,,===\"":                                         "base64",
		"rows_csv: \"1,0,0,idkfefrdhtru,x,0,0,0,n,\"":                       "number",
		"rows_csv: \"0,0,0,idkfefrdhtru,1,0,0,0,n,\"":                       "not active",
		"rows_csv: \"1,0,0,xyz,1,0,0,0,n,\"":                                "modhex",
		"revoke_from: [somewhere]":                                          "revoke_from",
		"sync_pool: [{name: a}, {name: a}]":                                 "two servers",
	} {
		err := build(strings.Replace(company, "SERVER", block, 1))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", block, err, want)
		}
	}
}

// TestFleetsOfOneStoreAgree: two fleets over one store take an OTP once.
func TestFleetsOfOneStoreAgree(t *testing.T) {
	var store state.Store
	var fleets []*server
	for range 2 {
		fleets = append(fleets, &server{dialecttest.RunWith(t, dialecttest.Setup{Kinds: kinds, Seed: strings.Replace(company, "SERVER", "", 1), Options: func(o *boot.Options) {
			if store == nil {
				store = state.NewMemory(o.Clock)
			}
			o.Store = store
		}}), t})
	}
	fleets[0].says(fleets[0].verify(otp1), "OK", level)
	fleets[1].says(fleets[1].verify(otp1), "REPLAYED_REQUEST", echoed)
	fleets[1].says(fleets[1].verify(otp1, "nonce", nonce2), "REPLAYED_OTP", echoed)
	fleets[1].says(fleets[1].verify(otp2), "OK", level)
	fleets[0].says(fleets[0].verify(otp2, "nonce", nonce2), "REPLAYED_OTP", echoed)
	if fleets[0].press("alice-long", "") == fleets[1].press("alice-long", "") {
		t.Error("one key types one OTP twice")
	}
}

// build makes a fleet of a seed, without a port.
func build(text string) error {
	c := clock.Frozen(dialecttest.Start)
	s, err := seed.Load("test.yaml", []byte(text), seed.Options{Now: c.Now()})
	if err == nil {
		_, err = boot.New(s, boot.Options{Kinds: kinds, Auto: true, Clock: c})
	}
	return err
}

// TestAnExportGoesOn: what was accepted before an export is used up after it, and the
// key types on where it was.
func TestAnExportGoesOn(t *testing.T) {
	s := start(t)
	first := s.press("alice-long", "")
	s.says(s.verify(first), "OK", level)
	text, err := s.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again := &server{dialecttest.Run(t, kinds, string(text)), t}
	again.says(again.verify(first), "REPLAYED_REQUEST", echoed)
	if next := again.press("alice-long", ""); next == first {
		t.Error("the key types the same again")
	} else {
		again.says(again.verify(next), "OK", level)
	}
}
