package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"counterpart/internal/company/clock"
	"counterpart/internal/serving/pki"
	"counterpart/internal/steering/boot"
	"counterpart/servers"
)

type caCmd struct {
	Show  caShowCmd  `cmd:"" default:"withargs" help:"Print the certificate of a seed's CA, for clients to trust."`
	Issue caIssueCmd `cmd:"" help:"Issue a certificate with its key: for a server, or for a client of RadSec, A2A and the like."`
}

// authority is the CA of a seed.
func authority(e *env, name string) (*pki.Authority, error) {
	now := clock.New()
	s, err := loadSeed(e, name, now.Now())
	if err != nil {
		return nil, err
	}
	company, err := boot.New(s, boot.Options{Kinds: servers.Table(), Clock: now})
	if err != nil {
		return nil, err
	}
	return company.PKI, nil
}

type caShowCmd struct {
	Seed string `arg:"" optional:"" default:"demo" help:"Seed file, or a ready-made one. The CA follows from its random_seed and domain."`
}

// Run does what the command is for.
func (c *caShowCmd) Run(e *env) error {
	a, err := authority(e, c.Seed)
	if err != nil {
		return err
	}
	_, err = e.out.Write(a.PEM())
	return err
}

type caIssueCmd struct {
	Name     []string `arg:"" help:"Subject, and more host names and addresses: below the organization's domain, below .test and the like, or private addresses. A client may have any name that nobody takes for a host's."`
	Client   bool     `help:"A client certificate instead of a server's."`
	Seed     string   `default:"demo" help:"Seed file, or a ready-made one, whose CA issues it."`
	Out      string   `type:"path" placeholder:"DIR" help:"Write NAME.key, NAME.crt (with the CA behind it) and NAME.p12 there, instead of printing key and certificates."`
	Password string   `default:"changeit" help:"What opens NAME.p12."`
	Force    bool     `help:"Overwrite files that are there."`
}

// Run does what the command is for.
func (c *caIssueCmd) Run(e *env) error {
	a, err := authority(e, c.Seed)
	if err != nil {
		return err
	}
	issued, err := a.Issue(pki.Request{Names: c.Name, Client: c.Client})
	if err != nil {
		return err
	}
	key, err := issued.Key()
	if err != nil {
		return err
	}
	bundle, err := issued.PKCS12(c.Password)
	if err != nil {
		return err
	}
	if c.Out == "" {
		_, err = e.out.Write(append(key, issued.Chain()...))
		return err
	}
	stem := filepath.Join(c.Out, fileName(issued.Leaf.Subject.CommonName))
	files := []file{{stem + ".key", key}, {stem + ".crt", issued.Chain()}, {stem + ".p12", bundle}}
	if err := writeAll(files, c.Force); err != nil {
		return err
	}
	for _, f := range files {
		fmt.Fprintln(e.out, f.path)
	}
	return nil
}

// fileName is a subject as it may stand in a folder.
func fileName(subject string) string {
	return strings.NewReplacer("*", "_wildcard", ":", "-", " ", "_").Replace(subject)
}

type file struct {
	path string
	text []byte
}

// writeAll writes files that only their owner reads, all of them or none that is
// new. What is there is left alone, or with force replaced in one step.
func writeAll(files []file, force bool) (err error) {
	if err := os.MkdirAll(filepath.Dir(files[0].path), 0o755); err != nil {
		return fmt.Errorf("cannot make the folder: %w", err)
	}
	var made []string
	defer func() {
		if err != nil {
			for _, path := range made {
				os.Remove(path)
			}
		}
	}()
	for _, f := range files {
		if force {
			err = replaceFile(f, 0o600)
		} else if err = createFile(f); err == nil {
			made = append(made, f.path)
		}
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s is there already; --force overwrites it", f.path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// createFile writes a file that was not there.
func createFile(f file) error {
	out, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(f.text)
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err != nil {
		os.Remove(f.path)
	}
	return err
}

// replaceFile writes a file in one step, so that a reader never sees half.
func replaceFile(f file, mode fs.FileMode) error {
	out, err := os.CreateTemp(filepath.Dir(f.path), ".new-*")
	if err != nil {
		return err
	}
	_, err = out.Write(f.text)
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Chmod(out.Name(), mode)
	}
	if err == nil {
		err = os.Rename(out.Name(), f.path)
	}
	if err != nil {
		os.Remove(out.Name())
	}
	return err
}
