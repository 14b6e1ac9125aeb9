package ldap

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"strings"
)

// schemes are the userPassword schemes that are verified on bind (RFC 2307
// section 5.3 and OpenLDAP's pw-sha2); the salt is what follows the digest.
var schemes = map[string]func() hash.Hash{
	"SHA": sha1.New, "SSHA": sha1.New, "MD5": md5.New, "SMD5": md5.New, "SHA256": sha256.New, "SSHA256": sha256.New,
	"SHA384": sha512.New384, "SSHA384": sha512.New384, "SHA512": sha512.New, "SSHA512": sha512.New,
}

// verifyHash holds a password against "{SCHEME}base64"; hashed is false when
// stored is no hash of a known scheme, and so is the password itself.
func verifyHash(stored, password string) (ok, hashed bool) {
	if len(stored) == 0 || stored[0] != '{' {
		return false, false
	}
	name, encoded, found := strings.Cut(stored[1:], "}")
	if found && strings.EqualFold(name, "CLEARTEXT") {
		return subtle.ConstantTimeCompare([]byte(encoded), []byte(password)) == 1, true
	}
	scheme := schemes[strings.ToUpper(name)]
	if !found || scheme == nil {
		return false, false
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	h := scheme()
	salted := strings.HasPrefix(strings.ToUpper(name), "SS") || strings.EqualFold(name, "SMD5")
	if err != nil || len(raw) < h.Size() || !salted && len(raw) != h.Size() {
		return false, true
	}
	h.Write([]byte(password))
	h.Write(raw[h.Size():])
	return subtle.ConstantTimeCompare(h.Sum(nil), raw[:h.Size()]) == 1, true
}
