package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// past is how many sessions are over before the measurement.
const past = 100_000

// sessions measures login, use and revocation after a hundred thousand sessions that
// are over, against a fleet that has had none.
func sessions(s settings) ([]row, error) {
	seed := filepath.Join(s.dir, "sessions.yaml")
	if err := os.WriteFile(seed, []byte(vaultSeed), 0o600); err != nil {
		return nil, err
	}
	var sides [2]side
	var memory [2]float64
	for i := range sides {
		p, err := fleet(s, seed)
		if err != nil {
			return nil, err
		}
		defer p.Stop()
		addr := p.ports["vault/http"]
		if i == 0 {
			if err := spend(s.conns, addr, past); err != nil {
				return nil, err
			}
		}
		sides[i] = side{p.Process, func(lasts time.Duration) (float64, error) { return hammerSessions(s.conns, lasts, addr) }}
	}
	r, err := versus(s, contest{"login, use, revoke after 100,000 sessions, against none", 1 / 1.1, sides[0], sides[1]})
	if err != nil {
		return nil, err
	}
	for i := range sides {
		if memory[i], err = mebibytes(sides[i].Process); err != nil {
			return nil, err
		}
	}
	// What stays are the latest secrets, which the journal hides and the audit looks for.
	return []row{r, {"memory after those sessions, and after the measurement alone", fmt.Sprintf("%.0f MiB", memory[0]), fmt.Sprintf("%.0f MiB", memory[1]),
		"", "≤ 100 MiB", verdict(memory[0] <= 100)}}, nil
}

// hammerSessions goes through whole sessions until the time is over.
func hammerSessions(conns int, lasts time.Duration, addr string) (float64, error) {
	var done atomic.Int64
	began := time.Now()
	err := eachConn(conns, func(c *http.Client) error {
		for time.Since(began) < lasts {
			if err := session(c, addr); err != nil {
				return err
			}
			done.Add(1)
		}
		return nil
	})
	return float64(done.Load()) / time.Since(began).Seconds(), err
}

// spend goes through n whole sessions.
func spend(conns int, addr string, n int64) error {
	var left atomic.Int64
	left.Store(n)
	return eachConn(conns, func(c *http.Client) error {
		for left.Add(-1) >= 0 {
			if err := session(c, addr); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachConn runs so many clients at once, each with a connection of its own.
func eachConn(conns int, run func(*http.Client) error) error {
	var all sync.WaitGroup
	errs := make(chan error, conns)
	for range conns {
		all.Go(func() {
			transport := &http.Transport{MaxIdleConnsPerHost: 1}
			defer transport.CloseIdleConnections()
			errs <- run(&http.Client{Transport: transport, Timeout: 10 * time.Second})
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// session is a login, a use of its token and its revocation.
func session(c *http.Client, addr string) error {
	var login struct {
		Auth struct {
			Token string `json:"client_token"`
		}
	}
	text, err := asking(c, vaultAt{addr: addr}, vaultCases[2])
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &login); err != nil {
		return err
	}
	at := vaultAt{addr, login.Auth.Token}
	if _, err := asking(c, at, vaultCase{"use", "GET", "auth/token/lookup-self", ""}); err != nil {
		return err
	}
	_, err = asking(c, at, vaultCase{"end", "POST", "auth/token/revoke-self", ""})
	return err
}

// asking sends one request of a case.
func asking(c *http.Client, at vaultAt, k vaultCase) ([]byte, error) {
	req, err := http.NewRequest(k.method, "http://"+at.addr+"/v1/"+k.path, strings.NewReader(k.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Vault-Token", at.token)
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", k.method, k.path, resp.Status, text)
	}
	return text, err
}
