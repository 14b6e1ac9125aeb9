package pluginhost

import (
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
)

// The key types that SPS takes from a credential store plugin.
const (
	keyRSA = "ssh-rsa"
	keyDSA = "ssh-dss"
)

// pemColumns is the exact length of all base64 lines but the last.
const pemColumns = 64

// maxKeyBits bounds the arithmetic on a hostile key.
const maxKeyBits = 16384

var (
	oidRSA = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidDSA = asn1.ObjectIdentifier{1, 2, 840, 10040, 4, 1}
)

// CheckKey judges a private key by the guides' rules: PKCS#1 or PKCS#8 in PEM,
// 64 columns, no certificate, the declared type. Refused says why it would not
// be used.
func CheckKey(declared, text string) Key {
	k := Key{Type: declared, PEM: text}
	if declared != keyRSA && declared != keyDSA {
		k.Refused = fmt.Sprintf("type %q is neither ssh-rsa nor ssh-dss", declared)
		return k
	}
	label, der, why := readPEM(text)
	if why != "" {
		k.Refused = why
		return k
	}
	actual, print, ok := inspectKey(label, der)
	switch {
	case !ok:
		k.Refused = "its contents are no RSA or DSA private key"
	case actual != declared:
		k.Refused = fmt.Sprintf("declared as %s, but it is a key of type %s", declared, actual)
	default:
		k.Fingerprint = print
	}
	return k
}

// readPEM takes the armour off, with the box's strictness about lines.
func readPEM(text string) (label string, der []byte, why string) {
	lines := strings.Split(strings.TrimRight(text, "\r\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	label, begins := strings.CutPrefix(lines[0], "-----BEGIN ")
	label, ends := strings.CutSuffix(label, "-----")
	if !begins || !ends {
		return "", nil, "it does not start with a line -----BEGIN … PRIVATE KEY-----"
	}
	switch label {
	case "RSA PRIVATE KEY", "DSA PRIVATE KEY", "PRIVATE KEY":
	case "ENCRYPTED PRIVATE KEY":
		return "", nil, "it is encrypted"
	default:
		return "", nil, label + " is neither PKCS#1 nor PKCS#8 of an RSA or DSA key"
	}
	last := len(lines) - 1
	if lines[last] != "-----END "+label+"-----" {
		return "", nil, "its last line is not -----END " + label + "-----"
	}
	body := lines[1:last]
	if len(body) == 0 {
		return "", nil, "it is empty"
	}
	if strings.Contains(body[0], ":") {
		return "", nil, "it is encrypted, or has other headers"
	}
	for i, line := range body {
		if n := len(line); n != pemColumns && (i < len(body)-1 || n == 0 || n > pemColumns) {
			return "", nil, fmt.Sprintf("line %d has %d columns, not %d", i+2, n, pemColumns)
		}
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(body, ""))
	if err != nil {
		return "", nil, "its body is not base64"
	}
	return label, der, ""
}

// inspectKey returns a private key's type and fingerprint.
func inspectKey(label string, der []byte) (kind, print string, ok bool) {
	switch label {
	case "RSA PRIVATE KEY":
		n, ok := integers(der, 9)
		if !ok || n[0].Sign() != 0 {
			return "", "", false
		}
		return keyRSA, fingerprint(keyRSA, n[2], n[1]), true
	case "DSA PRIVATE KEY":
		n, ok := integers(der, 6)
		if !ok || n[0].Sign() != 0 {
			return "", "", false
		}
		return keyDSA, fingerprint(keyDSA, n[1:5]...), true
	case "PRIVATE KEY":
		return inspectPKCS8(der)
	}
	return "", "", false
}

func inspectPKCS8(der []byte) (kind, print string, ok bool) {
	var k struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
		Rest      asn1.RawValue `asn1:"optional,tag:0"`
	}
	rest, err := asn1.Unmarshal(der, &k)
	switch {
	case err != nil || len(rest) > 0:
		return "", "", false
	case k.Algorithm.Algorithm.Equal(oidRSA):
		return inspectKey("RSA PRIVATE KEY", k.Key)
	case k.Algorithm.Algorithm.Equal(oidDSA):
		pqg, ok := integers(k.Algorithm.Parameters.FullBytes, 3)
		x := new(big.Int)
		if rest, err := asn1.Unmarshal(k.Key, &x); !ok || err != nil || len(rest) > 0 || !small(x) || pqg[0].Sign() == 0 {
			return "", "", false
		}
		y := new(big.Int).Exp(pqg[2], x, pqg[0])
		return keyDSA, fingerprint(keyDSA, pqg[0], pqg[1], pqg[2], y), true
	}
	return "", "", false
}

func small(n *big.Int) bool { return n.Sign() >= 0 && n.BitLen() <= maxKeyBits }

// integers reads a sequence of count non-negative integers.
func integers(der []byte, count int) ([]*big.Int, bool) {
	var out []*big.Int
	rest, err := asn1.Unmarshal(der, &out)
	if err != nil || len(rest) > 0 || len(out) != count {
		return nil, false
	}
	for _, n := range out {
		if !small(n) {
			return nil, false
		}
	}
	return out, true
}

// fingerprint is the SHA-256 of the public key as SSH sends it.
func fingerprint(kind string, numbers ...*big.Int) string {
	wire := binary.BigEndian.AppendUint32(nil, uint32(len(kind)))
	wire = append(wire, kind...)
	for _, n := range numbers {
		b := n.Bytes()
		if len(b) > 0 && b[0] >= 0x80 {
			b = append([]byte{0}, b...) // the sign
		}
		wire = binary.BigEndian.AppendUint32(wire, uint32(len(b)))
		wire = append(wire, b...)
	}
	sum := sha256.Sum256(wire)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// takesKey reports whether the target accepts a key that was not refused.
func (t *Target) takesKey(k Key) bool {
	for _, have := range t.Keys {
		if have == k.Fingerprint || strings.TrimSpace(have) == strings.TrimSpace(k.PEM) {
			return true
		}
		// The target's own copy may be armoured in another way.
		if b, _ := pem.Decode([]byte(have)); b != nil {
			if _, print, ok := inspectKey(b.Type, b.Bytes); ok && print == k.Fingerprint {
				return true
			}
		}
	}
	return t.Anything
}
