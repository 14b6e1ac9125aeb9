package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
	"counterpart/internal/measure/process"
)

// yubico measures verify with a fresh one-time password in each request, one key for
// each connection, against a bare echo route that is sent the same.
func yubico(s settings) ([]row, error) {
	keys := make([]otps, s.conns)
	var listed strings.Builder
	for i := range keys {
		d := world.Device{ID: "bench", PublicID: world.Modhex([]byte{0, 0, 0, 0, 0, byte(i)}), PrivateID: []byte("abcdef"), AESKey: []byte("0123456789abcdef")}
		keys[i].device = d
		fmt.Fprintf(&listed, "      - {public_id: %s, private_id: %x, aes_key: \"%x\"}\n", d.PublicID, d.PrivateID, d.AESKey)
	}
	seed := filepath.Join(s.dir, "yubico.yaml")
	text := "version: 1\norganization: {name: Bench, domain: bench.test, netbios: BENCH}\nservers:\n  - kind: yubico\n    clients: [{id: 1, secret: EHmo8FMxuhumBlTinC4uYL0Mgwg=}]\n    keys:\n" + listed.String()
	if err := os.WriteFile(seed, []byte(text), 0o600); err != nil {
		return nil, err
	}
	ours, err := fleet(s, seed)
	if err != nil {
		return nil, err
	}
	defer ours.Stop()
	said := "h=jtHLjyEz3augzcsBNV8724lIqzI=\r\nt=2026-01-01T12:00:00Z0000\r\notp=cccccccccccctjduvtcjbfeuvhehdvjjlbchtlenfgku\r\nnonce=kakakakakakakakakakakaka\r\nsl=0\r\nstatus=OK\r\n\r\n"
	bare, addr, err := bare(s, "GET /wsapi/2.0/verify", said)
	if err != nil {
		return nil, err
	}
	defer bare.Stop()
	ask := func(p *process.Process, addr string) side {
		return side{p, func(lasts time.Duration) (float64, error) {
			return hammerEach(s.conns, lasts, addr, func(conn, _ int) []byte { return keys[conn].request(addr) })
		}}
	}
	r, err := versus(s, contest{"yubico: verify of a fresh OTP, against a bare echo route", 0.7, ask(ours.Process, ours.ports["yubico/http"]), ask(bare, addr)})
	return []row{r}, err
}

// otps is a YubiKey that is pressed for each request.
type otps struct {
	device  world.Device
	pressed atomic.Uint32
}

func (k *otps) request(addr string) []byte {
	n := k.pressed.Add(1)
	text, err := factor.Keystroke{PrivateID: [6]byte(k.device.PrivateID), Session: uint16(1 + n>>8), Use: uint8(n), Timestamp: n}.Typed(k.device)
	if err != nil {
		panic(err)
	}
	return fmt.Appendf(nil, "GET /wsapi/2.0/verify?id=1&otp=%s&nonce=kakakakakakakakakakakaka HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n\r\n", text, addr)
}
