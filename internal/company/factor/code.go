package factor

import (
	"encoding/base32"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/world"
)

var algorithms = map[string]otp.Algorithm{
	"": otp.AlgorithmSHA1, "SHA1": otp.AlgorithmSHA1, "SHA256": otp.AlgorithmSHA256, "SHA512": otp.AlgorithmSHA512,
}

// Base32 is the form in which secrets are typed into authenticator apps: RFC
// 4648 without padding.
func Base32(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// digitsOf is the length of a device's codes, 6 by default.
func digitsOf(d world.Device) int {
	if d.Digits == 0 {
		return 6
	}
	return d.Digits
}

// periodOf is the length of a TOTP step, 30 s by default (RFC 6238 section 4.1).
func periodOf(d world.Device) time.Duration {
	if d.Period == 0 {
		return 30 * time.Second
	}
	return d.Period
}

// CodeAt is the code of a device at a counter (RFC 4226 section 5.3) or time
// step (RFC 6238 section 4.2).
func CodeAt(d world.Device, counter uint64) (string, error) {
	algorithm, ok := algorithms[strings.ToUpper(d.Algorithm)]
	if !ok {
		return "", cause.Because(cause.BadInput, "device %s has the unknown algorithm %q", d.ID, d.Algorithm)
	}
	return hotp.GenerateCodeCustom(Base32(d.Secret), counter, hotp.ValidateOpts{Digits: otp.Digits(digitsOf(d)), Algorithm: algorithm})
}

// Step is the TOTP step of t, with T0 = 0.
func Step(d world.Device, t time.Time) int64 {
	period := int64(periodOf(d) / time.Second)
	s := t.Unix()
	if s < 0 { // round down, also before 1970
		s -= period - 1
	}
	return s / period
}

// wellFormed trims ASCII space and demands exactly n digits.
func wellFormed(code string, n int) (string, error) {
	code = strings.Trim(code, " ")
	if len(code) != n || strings.Trim(code, "0123456789") != "" {
		return "", cause.Because(cause.Malformed, "a code of %d digits is wanted", n)
	}
	return code, nil
}
