package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/redis"
	"counterpart/internal/measure/process"
)

// shared measures a fleet whose state is in a Redis: reads, which are kept until they
// change, against one in memory, and checkout with checkin against two scripts that
// Redis runs for the same client at the same parallelism.
func shared(s settings) ([]row, error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, fmt.Errorf("redis-server is missing; make tools installs it")
	}
	socket := filepath.Join(s.dir, "redis.sock")
	db, err := process.Start(filepath.Join(s.dir, "redis.log"), "redis-server", "--port", "0", "--unixsocket", socket, "--dir", s.dir, "--save", "")
	if err != nil {
		return nil, err
	}
	defer db.Stop()
	if err := awaitSocket(db, socket); err != nil {
		return nil, err
	}
	reads, err := sharedReads(s, socket)
	if err != nil {
		return nil, err
	}
	writes, err := sharedWrites(s, db, socket)
	return append(reads, writes...), err
}

func awaitSocket(p *process.Process, socket string) error {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("unix", socket); err == nil {
			return c.Close()
		}
	}
	return p.Failed("redis-server does not start")
}

func sharedReads(s settings, socket string) ([]row, error) {
	seed := filepath.Join(s.dir, "vault.yaml")
	if err := os.WriteFile(seed, []byte(vaultSeed), 0o600); err != nil {
		return nil, err
	}
	var sides [2]side
	for i, state := range []string{"unix://" + socket + "?prefix=reads", "memory"} {
		p, err := fleet(s, seed, "--state", state)
		if err != nil {
			return nil, err
		}
		defer p.Stop()
		addr := p.ports["vault/http"]
		token, err := furnish(addr)
		if err != nil {
			return nil, err
		}
		sides[i] = side{p.Process, func(lasts time.Duration) (float64, error) {
			return hammerRaw(s.conns, lasts, addr, vaultCases[1].text(addr, token))
		}}
	}
	r, err := versus(s, contest{"redis: Vault KV v2 read with --state redis, against memory", 0.6, sides[0], sides[1]})
	return []row{r}, err
}

// takers is the company of the second measurement: an account for each connection.
func takers(conns int) string {
	var assets, accounts strings.Builder
	for i := range conns {
		fmt.Fprintf(&assets, "  - {name: db%d, address: 10.0.1.%d}\n", i, i+1)
		fmt.Fprintf(&accounts, "  - {name: root, asset: db%d, access: {users: [alice]}}\n", i)
	}
	return "version: 1\norganization: {name: Bench, domain: bench.test, netbios: BENCH}\nusers: [{name: alice}]\nassets:\n" + assets.String() + "accounts:\n" + accounts.String() +
		"clients: [{name: sps, secret: sps-secret}]\nservers: [{kind: native}]\n"
}

func sharedWrites(s settings, db *process.Process, socket string) ([]row, error) {
	seed := filepath.Join(s.dir, "takers.yaml")
	if err := os.WriteFile(seed, []byte(takers(s.conns)), 0o600); err != nil {
		return nil, err
	}
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{socket}, ForceSingleClient: true, DisableCache: true, AlwaysPipelining: true, PipelineMultiplex: -1,
		DialCtxFn: func(ctx context.Context, addr string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return d.DialContext(ctx, "unix", addr)
		}})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var rows []row
	var sent atomic.Int64 // scripts of the baseline
	bare := side{db, func(lasts time.Duration) (float64, error) { return hammerScripts(s.conns, lasts, client, &sent) }}
	r, err := swaps(s, socket, bare)
	if err != nil {
		return nil, err
	}
	rows = append(rows, r)
	for _, state := range []string{"unix://" + socket + "?prefix=writes", "memory"} {
		p, err := fleet(s, seed, "--state", state)
		if err != nil {
			return nil, err
		}
		defer p.Stop()
		done := 0.0
		ours := side{p.Process, func(lasts time.Duration) (float64, error) {
			rate, err := hammerTakers(s.conns, lasts, p.ports["native/http"])
			done += rate * lasts.Seconds()
			return rate, err
		}}
		c := contest{"redis: native checkout and checkin over HTTP, against two scripts", 0, ours, bare}
		if state == "memory" {
			c.work = "the same in memory"
		}
		before, err := calls(client)
		if err != nil {
			return nil, err
		}
		scripts := sent.Load()
		r, err := versus(s, c)
		if err != nil {
			return rows, err
		}
		if rows = append(rows, r); state == "memory" {
			break
		}
		after, err := calls(client)
		if err != nil {
			return nil, err
		}
		each := func(name string) float64 {
			n := float64(after[name] - before[name])
			if name != "mget" { // a script of the baseline has one GET
				n -= float64(sent.Load() - scripts)
			}
			return n / done
		}
		rows = append(rows, row{"commands of one checkout and checkin", fmt.Sprintf("%.1f scripts, %.1f GET, %.1f MGET",
			each("evalsha"), each("get"), each("mget")), "", "", "", ""})
	}
	return rows, nil
}

// swaps measures what checkout and checkin ask of the store, two updates of one record,
// without what HTTP and the records' JSON cost, which memory pays as well.
func swaps(s settings, socket string, bare side) (row, error) {
	store, err := redis.Open(context.Background(), "unix://"+socket+"?prefix=swaps", redis.Options{Clock: clock.New()})
	if err != nil {
		return row{}, err
	}
	defer store.Close()
	value := []byte(strings.Repeat("v", 400))
	table := store.Table("account")
	ours := side{bare.Process, func(lasts time.Duration) (float64, error) {
		return hammer(s.conns, lasts, func(i int, stop <-chan struct{}) (int, error) {
			key := strconv.Itoa(i)
			for n := 0; ; n++ {
				if n%2 == 0 && over(stop) {
					return n / 2, nil
				}
				err := table.Update(context.Background(), key, func(state.Record) (state.Record, error) { return state.Record{Value: value}, nil })
				if err != nil {
					return n, err
				}
			}
		})
	}}
	return versus(s, contest{"redis: two updates of the store, against two scripts", 0.5, ours, bare})
}

// leastSwap is the least that a compare-and-swap can be.
var leastSwap = rueidis.NewLuaScript(`
local was = redis.call('GET', KEYS[1]) or ''
if string.sub(was, 1, 16) ~= ARGV[1] then return was end
redis.call('SET', KEYS[1], ARGV[2])
return 1`)

func hammerScripts(conns int, lasts time.Duration, client rueidis.Client, sent *atomic.Int64) (float64, error) {
	value := strings.Repeat("v", 400)
	return hammer(conns, lasts, func(i int, stop <-chan struct{}) (int, error) {
		ctx := context.Background()
		key := []string{"bare:" + strconv.Itoa(i)}
		client.Do(ctx, client.B().Del().Key(key[0]).Build())
		was := ""
		for n := 0; ; n++ {
			if n%2 == 0 && over(stop) {
				return n / 2, nil
			}
			version := fmt.Sprintf("%016d", n)
			if won, err := leastSwap.Exec(ctx, client, key, []string{was, version + value}).AsInt64(); err != nil || won != 1 {
				return n, fmt.Errorf("a script of the baseline: %d, %v", won, err)
			}
			sent.Add(1)
			was = version
		}
	})
}

// calls is how often each command was called.
func calls(client rueidis.Client) (map[string]int64, error) {
	text, err := client.Do(context.Background(), client.B().Info().Section("commandstats").Build()).ToString()
	out := map[string]int64{}
	for _, m := range statLine.FindAllStringSubmatch(text, -1) {
		out[m[1]], _ = strconv.ParseInt(m[2], 10, 64)
	}
	return out, err
}

var statLine = regexp.MustCompile(`cmdstat_([a-z]+):calls=(\d+)`)

// hammerTakers has each connection take an account of its own and give it back.
func hammerTakers(conns int, lasts time.Duration, addr string) (float64, error) {
	return hammer(conns, lasts, func(i int, stop <-chan struct{}) (int, error) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		r := bufio.NewReader(c)
		ask := func(path string) ([]byte, error) {
			if _, err := fmt.Fprintf(c, "POST /vault/v1/%s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer sps-secret\r\nX-On-Behalf-Of: alice\r\nContent-Length: 0\r\n\r\n", path); err != nil {
				return nil, err
			}
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				return nil, err
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err == nil && resp.StatusCode/100 != 2 {
				err = fmt.Errorf("%s was answered %s: %s", path, resp.Status, text)
			}
			return text, err
		}
		for n := 0; ; n++ {
			if over(stop) {
				return n, nil
			}
			text, err := ask(fmt.Sprintf("accounts/root@db%d/checkout", i))
			if err != nil {
				return n, err
			}
			var lease struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(text, &lease); err != nil || lease.ID == "" {
				return n, fmt.Errorf("a checkout has said %s", text)
			}
			if _, err := ask("leases/" + lease.ID + "/checkin"); err != nil {
				return n, err
			}
		}
	})
}
