package yubico_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"counterpart/internal/company/factor"
	"counterpart/internal/steering/dialecttest"
)

// dvorak is an OTP as it comes from a computer with that layout.
func dvorak(otp string) string {
	return strings.Map(func(r rune) rune { return rune("jxe.uidchtnbpygk"[strings.IndexRune("cbdefghijklnrtuv", r)]) }, otp)
}

// TestConformance is the contract's checklist (section 9 with its additions). What needs
// real clients (11's last part, 21, 22, 23, 26, 27, 29) is in real_test.go.
func TestConformance(t *testing.T) {
	list := dialecttest.Checklist(t, "testdata/checklist.txt")
	list.Run("1 golden OTP and the line of the key storage module", func(t *testing.T) {
		s := start(t)
		for otp, want := range map[string]string{otp1: "OK counter=0001 low=8d40 high=0f use=00\n", otp3: "OK counter=0002 low=0010 high=00 use=00\n"} {
			if a := s.get("/wsapi/decrypt?otp=" + otp); a.body != want {
				t.Errorf("%q, want %q", a.body, want)
			}
		}
	})
	list.Run("2 golden signatures", func(t *testing.T) {
		for want, of := range map[string]map[string]string{
			"ehhpPyH9W/uL5v/1XGd52oN8yMg=": {"id": "1", "nonce": nonce1, "otp": otp1},
			"8AS3Bh8cak7kZSUgYfe6dFax+QY=": {"nonce": nonce1, "otp": otp1, "sl": "0", "status": "OK", "t": "2013-11-06T09:45:11Z0123"},
		} {
			if got := hmacOf(secret, of); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		if got := hmacOf("", map[string]string{"status": "NO_SUCH_CLIENT", "t": "2013-11-06T09:45:11Z0123"}); got != "VJdIqYtes4m9OCcR73wdn56WjY0=" {
			t.Error(got)
		}
		s := start(t)
		s.says(s.verify(otp1, "h", "ehhpPyH9W/uL5v/1XGd52oN8yMg="), "OK", level)
	})
	list.Run("3 order, line ends and signature of an answer", func(t *testing.T) {
		s := start(t)
		a := s.verify(otp1)
		s.says(a, "OK", level)
		want := "h=" + a.of["h"] + "\r\nt=2026-01-01T12:00:00Z0000\r\notp=" + otp1 + "\r\nnonce=" + nonce1 + "\r\nsl=0\r\nstatus=OK\r\n\r\n"
		if a.body != want || !a.signedBy(secret) || a.header.Get("Content-Type") != "text/plain;charset=UTF-8" {
			t.Errorf("%q with %v, want %q", a.body, a.header, want)
		}
	})
	list.Run("4 replays", func(t *testing.T) {
		s := start(t)
		s.says(s.verify(otp1), "OK", level)
		s.says(s.verify(otp1), "REPLAYED_REQUEST", echoed)
		s.says(s.verify(otp1, "nonce", nonce2), "REPLAYED_OTP", echoed)
		s.says(s.verify(otp2), "OK", level)
		s.says(s.verify(otp1), "REPLAYED_OTP", echoed) // with its own nonce, but not the last one
		if a := s.verify(otp2); !a.signedBy(secret) {
			t.Error("a replay is not signed by the client's key")
		}
	})
	list.Run("5 an unknown client", func(t *testing.T) {
		s := start(t)
		for _, id := range []string{"2", "3", "9999999999"} {
			a := s.verify(otp1, "id", id)
			if s.says(a, "NO_SUCH_CLIENT", bare); !a.signedBy("") {
				t.Error("not signed with the empty key")
			}
		}
	})
	list.Run("6 signatures of requests", func(t *testing.T) {
		s := start(t)
		a := s.verify(otp1, "h", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
		if s.says(a, "BAD_SIGNATURE", bare); !a.signedBy(secret) {
			t.Error("not signed by the client's key")
		}
		h := ""
		nonce := ""
		for i := 0; !strings.Contains(h, "+"); i++ {
			nonce = nonce1 + strings.Repeat("x", i%10) + string(rune('a'+i/10))
			h = hmacOf(secret, map[string]string{"id": "1", "otp": otp1, "nonce": nonce})
		}
		q := "/wsapi/2.0/verify?id=1&otp=" + otp1 + "&nonce=" + nonce + "&h="
		s.says(s.get(q+h), "BAD_SIGNATURE", bare) // a plus is a blank
		s.says(s.get(q+strings.ReplaceAll(h, "+", "%2B")), "OK", level)
	})
	list.Run("7 what is missing", func(t *testing.T) {
		s := start(t)
		s.says(s.verify(otp1, "nonce", ""), "MISSING_PARAMETER", bare)
		a := s.verify("", "otp", "")
		if s.says(a, "BAD_OTP", bare); !a.signedBy("") {
			t.Error("not signed with the empty key")
		}
		for _, n := range []int{1, 15, 41} {
			s.says(s.verify(otp1, "nonce", strings.Repeat("a", n)), "MISSING_PARAMETER", bare)
		}
		s.says(s.verify(otp1, "nonce", "aaaaaaaaaaaaaaaa-"), "MISSING_PARAMETER", bare)
		s.says(s.verify(otp1, "nonce", strings.Repeat("a", 16)), "OK", level)
		s.says(s.verify(otp2, "nonce", strings.Repeat("a", 40)), "OK", level)
	})
	list.Run("8 id, sl and timeout", func(t *testing.T) {
		s := start(t)
		for _, change := range [][2]string{{"id", "0"}, {"id", "abc"}, {"id", "12345678901"}, {"id", "00"}, {"id", ""}, {"id", "1x"}, {"id", "-1"},
			{"sl", "0"}, {"sl", "x"}, {"sl", "-5"}, {"timeout", "1s"}, {"timeout", "-1"}, {"timeout", "1.5"}} {
			a := s.verify(otp1, change[0], change[1])
			if s.says(a, "MISSING_PARAMETER", bare); !a.signedBy("") {
				t.Errorf("%v: not signed with the empty key", change)
			}
		}
		for _, change := range [][2]string{{"sl", "101"}, {"sl", "5x"}, {"sl", "SECURE"}, {"sl", "fast"}, {"sl", "1e2"}, {"id", "0000000001"}, {"timeout", "0"}, {"timeout", "99999999999999999999"}} {
			s.says(s.verify(s.press("alice-long", ""), change[0], change[1]), "OK", level)
		}
	})
	list.Run("9 paths and versions", func(t *testing.T) {
		s := start(t)
		old := func(path string) {
			t.Helper()
			otp := s.press("alice-long", "")
			q := "?id=1&sl=x&timeout=never&otp=" + otp
			s.says(s.get(path+q), "OK", bare)
			s.says(s.get(path+q+"&nonce="+nonce1), "REPLAYED_OTP", bare)
			s.says(s.get(path+q+"&nonce="+nonce1), "REPLAYED_OTP", bare) // never a repeated request
		}
		for _, path := range []string{"/wsapi/verify", "/wsapi/1.0/verify", "/sapi/2.0/verify", "/verify", "/wsapi/1.9/verify"} {
			old(path)
		}
		for _, path := range []string{"/wsapi/2.0/verify/", "/wsapi/2.1/verify", "/wsapi/2.0/verify", "/x/wsapi/10.0/verify", "/wsapi/1.10/verify"} {
			s.says(s.get(path+"?"+query(s.press("alice-long", ""))), "OK", level)
		}
		for _, path := range []string{"/", "/wsapi/2.0/", "/wsapi/2.0/verifyx", "/decrypt", "/wsapi/x/decrypt"} {
			if a := s.get(path + "?" + query(otp1)); a.status != http.StatusNotFound {
				t.Errorf("%s: %d %q", path, a.status, a.body)
			}
		}
	})
	list.Run("10 counters", func(t *testing.T) {
		s := start(t)
		s.says(s.verify(otp1), "OK", level)
		for otp, want := range map[string][3]string{otp2: {"1019208", "1", "1"}, otp3: {"16", "2", "0"}} {
			if otp == otp3 {
				continue // below, in its order
			}
			a := s.verify(otp, "timestamp", "1")
			s.says(a, "OK", counts)
			if got := [3]string{a.of["timestamp"], a.of["sessioncounter"], a.of["sessionuse"]}; got != want || !a.signedBy(secret) {
				t.Errorf("%v, want %v", got, want)
			}
		}
		a := s.verify(otp3, "timestamp", "01")
		if s.says(a, "OK", counts); a.of["timestamp"] != "16" || a.of["sessioncounter"] != "2" || a.of["sessionuse"] != "0" {
			t.Errorf("%q", a.body)
		}
		s.says(s.verify(s.press("alice-long", ""), "timestamp", "2"), "OK", level)
		s.says(s.get("/wsapi/verify?id=1&timestamp=1&otp="+s.press("alice-long", "")), "OK", "h,t,timestamp,sessioncounter,sessionuse,status")
	})
	list.Run("11 keyboard layouts", func(t *testing.T) {
		s := start(t)
		a := s.verify(strings.ToUpper(otp1))
		if s.says(a, "OK", level); a.of["otp"] != otp1 {
			t.Errorf("the answer repeats %q", a.of["otp"])
		}
		a = s.verify(dvorak(otp2))
		if s.says(a, "OK", level); a.of["otp"] != otp2 {
			t.Errorf("the answer repeats %q", a.of["otp"])
		}
		s.says(s.verify(strings.NewReplacer("r", "р").Replace(otp3)), "BAD_OTP", bare)
		s.says(s.verify("  "+otp3[:20]+`\`+otp3[20:]+"\t"), "OK", level)
	})
	list.Run("12 what the key storage module refuses", func(t *testing.T) {
		s := start(t, "keys: [{public_id: 0123456789abcdef, ksm_active: false}]")
		for _, otp := range []string{s.press("alice-yubi", factor.PressCorruptCRC), s.press("alice-yubi", factor.PressWrongPrivateID), s.press("alice-yubi", factor.PressWrongAES),
			"cccccccccccb" + otp1[12:], s.press("alice-long", "")} {
			a := s.verify(otp)
			if s.says(a, "BAD_OTP", bare); !a.signedBy(secret) {
				t.Errorf("%s: not signed by the client's key", otp)
			}
		}
	})
	list.Run("13 a revoked key", func(t *testing.T) {
		s := start(t)
		s.says(s.verify(otp2), "OK", level)
		if a := s.get("/wsapi/revoke?yk=idkfefrdhtru&do=disable"); a.body != "OK Processed idkfefrdhtru with disable\n" {
			t.Errorf("%q", a.body)
		}
		a := s.verify(otp3)
		if s.says(a, "BAD_OTP", bare); !a.signedBy(secret) {
			t.Error("not signed by the client's key")
		}
		if a := s.get("/wsapi/revoke?yk=idkfefrdhtru&do=enable"); a.body != "OK Processed idkfefrdhtru with enable\n" {
			t.Errorf("%q", a.body)
		}
		s.says(s.verify(otp1), "REPLAYED_OTP", echoed)
		s.says(s.verify(otp3), "OK", level)
	})
	list.Run("14 five parallel requests with one nonce", func(t *testing.T) {
		s := start(t)
		got := race(s, 5, func(int) answer { return s.verify(otp1) })
		if got["OK"] != 1 || got["REPLAYED_REQUEST"] != 4 {
			t.Errorf("%v", got)
		}
	})
	list.Run("15 fifty parallel requests with different nonces", func(t *testing.T) {
		s := start(t)
		got := race(s, 50, func(i int) answer {
			return s.verify(otp1, "nonce", nonce1+string(rune('a'+i%26))+string(rune('a'+i/26)))
		})
		if got["OK"] != 1 || got["REPLAYED_OTP"] != 49 {
			t.Errorf("%v", got)
		}
	})
	list.Run("16 session before use", func(t *testing.T) {
		s := start(t)
		first := []string{s.press("alice-long", ""), s.press("alice-long", ""), s.press("alice-long", "")}
		if _, err := s.Factors.PowerCycle(t.Context(), "alice-long"); err != nil {
			t.Fatal(err)
		}
		s.says(s.verify(first[0]), "OK", level)
		s.says(s.verify(s.press("alice-long", "")), "OK", level) // the next session, use 0
		s.says(s.verify(first[2]), "REPLAYED_OTP", echoed)       // a lower session, a higher use
	})
	list.Run("17 POST", func(t *testing.T) {
		s := start(t)
		post := func(path, otp string) answer {
			v, _ := url.ParseQuery(query(otp))
			resp, err := http.PostForm(s.url(path), v)
			return s.read(resp, err)
		}
		s.says(post("/wsapi/2.0/verify", otp1), "OK", level)
		s.says(post("/wsapi/2.0/verify?id=2&nonce="+nonce1+"&otp="+otp2, otp2), "NO_SUCH_CLIENT", bare)
		s.says(post("/wsapi/2.0/verify?x=1", otp2), "MISSING_PARAMETER", bare) // the body is not read
	})
	list.Run("18 public IDs of 0 and 16 characters", func(t *testing.T) {
		s := start(t)
		for device, length := range map[string]int{"alice-none": 32, "alice-long": 48} {
			otp := s.press(device, "")
			if a := s.verify(otp); len(otp) != length || a.of["status"] != "OK" {
				t.Errorf("%s types %q: %q", device, otp, a.body)
			}
		}
	})
	list.Run("19 the pool", func(t *testing.T) {
		s := start(t, "sync_pool:", "  - {name: a}", "  - {name: b, delay: 5s}", "  - {name: c, down: true}")
		s.says(s.verify(otp1, "sl", "30"), "OK", level)
		wait := make(chan answer)
		go func() { wait <- s.verify(otp2, "sl", "100", "timeout", "2") }()
		a := s.during(wait, 2*time.Second)
		if s.says(a, "NOT_ENOUGH_ANSWERS", level); a.of["sl"] != "33" || !a.signedBy(secret) {
			t.Errorf("%q", a.body)
		}
		s.says(s.verify(otp2, "sl", "1"), "REPLAYED_REQUEST", echoed) // the OTP is lost
		ahead := start(t, "sync_pool: [{name: a, rows: [{public_id: idkfefrdhtru, counter: 1, use: 0, nonce: other}]}]")
		ahead.says(ahead.verify(otp1), "REPLAYED_OTP", echoed) // equal, and another nonce
		a = ahead.verify(otp2)
		if ahead.says(a, "OK", level); a.of["sl"] != "100" {
			t.Errorf("%q", a.body)
		}
		ahead = start(t, "sync_pool: [{name: a, rows: [{public_id: 729434c26dce, counter: 2, use: 0}]}]")
		ahead.says(ahead.verify(otp2), "REPLAYED_OTP", echoed)
		ahead.says(ahead.verify(otp3), "REPLAYED_OTP", echoed) // the row was taken over from the peer
	})
	list.Run("20 pressing through the control port", func(t *testing.T) {
		s := start(t)
		press := func(body string) string {
			t.Helper()
			out := s.control("POST", "/yubikeys/idkfefrdhtru/press", body)["otps"].([]any)
			return out[len(out)-1].(string)
		}
		s.says(s.verify(press("")), "OK", level)
		s.says(s.verify(press(`{"count":3}`)), "OK", level)
		s.control("POST", "/yubikeys/alice-yubi/power-cycle", "")
		s.says(s.verify(press("")), "OK", level)
		s.says(s.verify(press(`{"policy":"corrupt_crc"}`)), "BAD_OTP", bare)
		row := s.control("GET", "/yubikeys/idkfefrdhtru", "")
		if row["row"].(map[string]any)["session"] != 2.0 || row["active"] != true {
			t.Errorf("%v", row)
		}
		s.control("PATCH", "/yubikeys/idkfefrdhtru", `{"session":9,"active":false}`)
		s.says(s.verify(press("")), "BAD_OTP", bare)
		s.control("PATCH", "/yubikeys/idkfefrdhtru", `{"active":true}`)
		s.says(s.verify(press("")), "REPLAYED_OTP", echoed)
		s.control("PATCH", "/yubikeys/idkfefrdhtru", `{"session":1,"use":200}`)
		s.says(s.verify(press("")), "OK", level)
	})
	list.Run("24 a key whose OTPs take long", func(t *testing.T) {
		s := start(t, "keys: [{public_id: idkfefrdhtru, verify_delay: 3s}]")
		wait := make(chan answer)
		go func() { wait <- s.verify(otp1) }()
		s.says(s.during(wait, 3*time.Second), "OK", level)
	})
	list.Run("25 imports", func(t *testing.T) {
		s := start(t, "clients_csv: |", "  # id,active,created,secret,email,notes,otp", "  7,1,1383728711,EHmo8FMxuhumBlTinC4uYL0Mgwg=,sps@example.com,,",
			"  8,0,1383728711,EHmo8FMxuhumBlTinC4uYL0Mgwg=,,,", "keys_csv: |", "  4711,cccccccccccb,609963eae7b5,c68c9df8cbfe7d2f994cb904046c7218,000000000000,2013-11-06T09:45:11,,",
			"  4712,idkfefrdhtru,609963eae7b5,c68c9df8cbfe7d2f994cb904046c7218,000000000000,,", "rows_csv: |", "  1,1383728711,1383728711,idkfefrdhtru,1,0,36160,15,"+nonce1+",",
			"  1,1383728711,1383728711,dddddddddddd,3,0,0,0,"+nonce1+",")
		s.says(s.verify(otp1, "id", "7"), "REPLAYED_REQUEST", echoed)
		s.says(s.verify(otp2, "id", "8"), "NO_SUCH_CLIENT", bare)
		s.says(s.verify(otp2, "id", "7"), "OK", level)
		s.says(s.verify("cccccccccccb"+otp1[12:], "id", "7"), "OK", level)
		s.says(s.verify(s.press("yubikey:cccccccccccb", ""), "nonce", nonce2), "REPLAYED_OTP", echoed) // session 1, use 0 once more
		s.says(s.verify(s.press("yubikey:cccccccccccb", "")), "OK", level)
		if a := s.get("/wsapi/revoke?yk=dddddddddddd&do=disable"); a.body != "OK Processed dddddddddddd with disable\n" {
			t.Errorf("%q", a.body)
		}
	})
	list.Run("28 spellings of a signature, and parameters that nobody knows", func(t *testing.T) {
		s := start(t)
		of := map[string]string{"id": "1", "otp": strings.ToUpper(otp1), "nonce": nonce1, "foo": "b r", "z": "", "é": "ü"}
		h := hmacOf(secret, map[string]string{"id": "1", "otp": strings.ToUpper(otp1), "nonce": nonce1, "foo": "b r", "z": "", "Ã©": "Ã¼"})
		q := "/wsapi/2.0/verify?foo=b+r&z=&%C3%A9=%C3%BC&id=1&otp=" + of["otp"] + "&nonce=" + nonce1 + "&h="
		s.says(s.get(q+strings.ReplaceAll(h, "+", "%2B")), "OK", level)
		s.says(s.get(q+url.QueryEscape(h)), "REPLAYED_REQUEST", echoed)
		s.says(s.get(strings.Replace(q, "foo=b+r", "foo=br", 1)+url.QueryEscape(h)), "BAD_SIGNATURE", bare)
	})
	list.Run("30 the last of two parameters", func(t *testing.T) {
		s := start(t)
		a := s.get("/wsapi/2.0/verify?otp=" + otp3 + "&" + query(otp1))
		if s.says(a, "OK", level); a.of["otp"] != otp1 {
			t.Errorf("%q", a.body)
		}
	})
}

// during lets the fleet's time pass until a request is answered, which must take d.
func (s *server) during(wait chan answer, d time.Duration) answer {
	s.t.Helper()
	began := s.Clock.Now()
	for range 1000 {
		select {
		case a := <-wait:
			if took := s.Clock.Now().Sub(began); took < d {
				s.t.Errorf("it took %s, not %s", took, d)
			}
			return a
		case <-time.After(5 * time.Millisecond): // of real time, for the request to come
			s.Clock.Advance(d / 10)
		}
	}
	s.t.Fatal("it waits for ever")
	return answer{}
}

// race counts the answers of many who ask at once.
func race(s *server, n int, ask func(i int) answer) map[string]int {
	var mu sync.Mutex
	got := map[string]int{}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			a := ask(i)
			mu.Lock()
			got[a.of["status"]]++
			mu.Unlock()
		})
	}
	all.Wait()
	return got
}
