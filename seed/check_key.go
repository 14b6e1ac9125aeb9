package seed

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/crypto/ssh"
)

// maxKey bounds a key file.
const maxKey = 64 << 10

// bits are the sizes a generated key of each type may have; the first is the
// default.
var bits = map[string][]int{"ssh-rsa": {2048, 3072, 4096}, "ssh-ed25519": {256}, "ecdsa-sha2-nistp256": {256}}

// checkKey reads a key that is given and holds it against its type.
func (l *loader) checkKey(k *key) {
	sources := 0
	for _, name := range []string{"file", "pem", "generate"} {
		if k.At.has(name) {
			sources++
		}
	}
	if sources > 1 {
		l.report.node(k.At.n, "a key has at most one of `file`, `pem` and `generate`", "remove the others")
		return
	}
	if sizes := bits[k.Type]; k.Generate != 0 && len(sizes) > 0 {
		for _, size := range sizes {
			if size == k.Generate {
				return
			}
		}
		l.report.node(k.At.of("generate"), fmt.Sprintf("a key of type %s cannot have %d bits", k.Type, k.Generate), fmt.Sprintf("write one of %v", sizes))
		return
	}
	content, at := k.PEM, k.At.of("pem")
	if k.File != "" {
		at = k.At.of("file")
		read, err := l.readFile(k.File)
		if err != nil {
			l.report.node(at, fmt.Sprintf("the file `%s` cannot be read: %v", short(k.File), err), "paths are relative to the seed")
			return
		}
		content = string(read)
	}
	if content == "" {
		return
	}
	is := l.parse(content)
	switch {
	case is.kind == "":
		l.report.node(at, "this is not a private key in PEM without a passphrase", "`ssh-keygen -m PEM -N ''` makes one")
	case k.Type != "" && is.kind != k.Type:
		l.report.node(at, fmt.Sprintf("this is a key of type %s, not %s", is.kind, k.Type), "change `type`")
	default:
		l.pems[k] = is.pem
	}
}

// parsed is what a text of a key is: nothing, or a key without comments around it.
type parsed struct{ kind, pem string }

// parse reads a key once, however many accounts have it: that takes a millisecond.
func (l *loader) parse(content string) parsed {
	if is, ok := l.parsed[content]; ok {
		return is
	}
	var is parsed
	block, _ := pem.Decode([]byte(content))
	if private, err := ssh.ParseRawPrivateKey([]byte(content)); err == nil && block != nil {
		is = parsed{keyType(private), string(pem.EncodeToMemory(block))}
	}
	if l.parsed == nil {
		l.parsed = map[string]parsed{}
	}
	l.parsed[content] = is
	return is
}

// keyType is the name that SSH has for the kind of a private key.
func keyType(k crypto.PrivateKey) string {
	switch k := k.(type) {
	case *rsa.PrivateKey:
		return "ssh-rsa"
	case *ed25519.PrivateKey, ed25519.PrivateKey:
		return "ssh-ed25519"
	case *ecdsa.PrivateKey:
		return fmt.Sprintf("ecdsa-sha2-nistp%d", k.Curve.Params().BitSize)
	}
	return fmt.Sprintf("%T", k)
}

// readFile reads a file that the seed names, and adds it to the digest.
func (l *loader) readFile(name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, errors.New("the path leaves the seed's folder or is not in its shortest form")
	}
	if l.opt.FS == nil {
		return nil, errors.New("this seed has no folder")
	}
	if content, ok := l.files[name]; ok {
		return content, nil
	}
	f, err := l.opt.FS.Open(name)
	if err != nil {
		return nil, plainError(err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxKey+1))
	if err != nil {
		return nil, plainError(err)
	}
	if len(content) > maxKey {
		return nil, fmt.Errorf("it has more than %d octets", maxKey)
	}
	fmt.Fprintf(l.hash, "%s %d\n", name, len(content))
	l.hash.Write(content)
	if l.files == nil {
		l.files = map[string][]byte{}
	}
	l.files[name] = content
	return content, nil
}

// plainError is an error of the file system without the path, which the message
// has already.
func plainError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
