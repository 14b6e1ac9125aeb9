package rsa

// Codes of an attempt and of a method (the generated client of RSA's own lists them).
const (
	success   = "SUCCESS"
	failure   = "FAIL"
	challenge = "CHALLENGE"
	inProcess = "IN_PROCESS"
)

// Reasons. Clients test for CREDENTIAL_VERIFIED, AUTHENTICATION_REQUIRED and VERIFY_ERROR; the
// others are unverified.
const (
	verified    = "CREDENTIAL_VERIFIED"
	required    = "AUTHENTICATION_REQUIRED"
	verifyError = "VERIFY_ERROR"
	cancelled   = "ATTEMPT_CANCELLED"
	noAttempt   = "ATTEMPT_NOT_FOUND"
)

// refused is the HTTP status of a client that does not prove itself, of Authentication
// Manager and of the cloud (unverified, as are their bodies).
func (s *Server) refused() int {
	if s.cloud() {
		return 401
	}
	return 403
}
