package wire

import "crypto/md5"

// resigned is an answer with the authenticator that it has to have (RFC 2865 section 3).
func resigned(out, request []byte, secret string) []byte {
	copy(out[4:20], request[4:20])
	sum := md5.Sum(append(append([]byte(nil), out...), secret...))
	copy(out[4:20], sum[:])
	return out
}

// chapOf is the answer to a challenge (RFC 2865 section 5.3).
func chapOf(id byte, password string, challenge []byte) []byte {
	sum := md5.Sum(append(append([]byte{id}, password...), challenge...))
	return append([]byte{id}, sum[:]...)
}
