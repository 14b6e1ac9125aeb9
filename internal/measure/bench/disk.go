package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// remembering measures what `serve --data` costs where clients change something: against
// a fleet of the same seed that forgets.
func remembering(s settings) ([]row, error) {
	seed := filepath.Join(s.dir, "disk.yaml")
	if err := os.WriteFile(seed, []byte(vaultSeed), 0o600); err != nil {
		return nil, err
	}
	forgets, err := fleet(s, seed)
	if err != nil {
		return nil, err
	}
	defer forgets.Stop()
	var rows []row
	for _, how := range []syncing{{"interval", 0.9}, {"never", 0}, {"always", 0}} {
		more, err := how.against(s, seed, forgets)
		if rows = append(rows, more...); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// syncing is one way to write, and what it must reach.
type syncing struct {
	how string
	bar float64
}

func (x syncing) against(s settings, seed string, forgets *counterpart) (rows []row, err error) {
	p, err := fleet(s, seed, "--data", filepath.Join(s.dir, "data-"+x.how), "--sync", x.how)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	for _, c := range []struct {
		work string
		load func(addr string) func(time.Duration) (float64, error)
	}{
		{"Vault KV write and read", func(addr string) func(time.Duration) (float64, error) {
			return func(lasts time.Duration) (float64, error) {
				return hammerEach(s.conns, lasts, addr, func(conn, n int) []byte { return []byte(kvRequest(addr, conn, n)) })
			}
		}},
		{"Vault login, use, revoke", func(addr string) func(time.Duration) (float64, error) {
			return func(lasts time.Duration) (float64, error) { return hammerSessions(s.conns, lasts, addr) }
		}},
	} {
		r, err := versus(s, contest{fmt.Sprintf("--data --sync %s: %s, against memory", x.how, c.work), x.bar,
			side{p.Process, c.load(p.ports["vault/http"])}, side{forgets.Process, c.load(forgets.ports["vault/http"])}})
		if err != nil {
			return rows, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// kvRequest writes a secret and reads it, in turns, over some hundred secrets.
func kvRequest(addr string, conn, n int) string {
	c := vaultCase{"", "GET", fmt.Sprintf("secret/data/bench-%d-%d", conn, n/2%100), ""}
	if n%2 == 0 {
		c.method, c.body = "POST", fmt.Sprintf(`{"data":{"user":"root","password":"Secret-%d"}}`, n)
	}
	return c.text(addr, "root")
}
