//go:build real

package redis_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state/redis"
	"counterpart/internal/steering/dialecttest"
)

// certificate makes one for loopback and returns its files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true}
	c, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: c}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// TestRealTLS: a certificate that is not trusted is refused, and with a list of users
// the one of the documentation's rights suffices.
func TestRealTLS(t *testing.T) {
	cert, key := certificate(t)
	s := dialecttest.Redis(t)
	port := s.Port()
	s.Kill()
	users := filepath.Join(t.TempDir(), "users.acl")
	if err := os.WriteFile(users, []byte("user default off\nuser fleet on >pass~word ~counterpart:* +@all -@dangerous +info +role\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Args = []string{"--port", "0", "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no",
		"--aclfile", users}
	s.Start()
	opened := func(url string) func() error {
		return func() error {
			_, err := redis.Open(t.Context(), url, redis.Options{Clock: clock.Frozen(day)})
			return err
		}
	}
	refuses(t, opened("rediss://fleet:pass~word@"+s.Addr), "certificate")
	refuses(t, opened("rediss://fleet:other@"+s.Addr+"?ca="+cert), "WRONGPASS")
	refuses(t, opened("rediss://fleet:pass~word@"+s.Addr+"?prefix=foreign&ca="+cert), "NOPERM")
	url := "rediss://fleet:pass~word@" + s.Addr + "?ca=" + cert
	stores := two(t, url)
	put(t, stores[0], "k", "1")
	r := get(t, stores[1], "k")
	if r.Version == nil {
		t.Error("the server does not say what changes")
	}
	put(t, stores[0], "k", "2")
	becomes(t, stores[1], "k", "2")
	if err := stores[0].Table("t").Drop(t.Context(), ""); err != nil {
		t.Error(err)
	}
}

// TestRealSentinel: the store goes where Sentinel leads, also after the master has died.
func TestRealSentinel(t *testing.T) {
	master, second := dialecttest.Redis(t), dialecttest.Redis(t)
	host, port, _ := strings.Cut(master.Addr, ":")
	second.CLI("REPLICAOF", host, port)
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor main %s %s 1\nsentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n", host, port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	free := dialecttest.Redis(t)
	free.Kill()
	sentinel := watch(t, conf)
	store := open(t, "redis+sentinel://"+free.Addr+","+sentinel+"/main", clock.Frozen(day))
	put(t, store, "k", "1")
	if _, err := redis.Open(t.Context(), "redis+sentinel://"+sentinel+"/other", redis.Options{Clock: clock.Frozen(day)}); err == nil || !strings.Contains(err.Error(), `no master "other"`) {
		t.Error(err)
	}
	for !strings.Contains(second.CLI("INFO", "replication"), "master_link_status:up") {
	}
	master.CLI("WAIT", "1", "5000")
	for !strings.Contains(dialecttest.RedisCLI(t, sentinel, "SENTINEL", "MASTER", "main"), "num-slaves\n1") {
	}
	master.Kill()
	eventually(t, func() error { return write(t.Context(), store, "k2", "2") })
	if r := get(t, store, "k"); string(r.Value) != "1" {
		t.Errorf("it is %q", r.Value)
	}
}
