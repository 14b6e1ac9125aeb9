package control

import (
	"errors"
	"fmt"
	"strings"
)

// shortestToken is how many characters a token has at least.
const shortestToken = 4

// CheckToken refuses what is no token, or none to rely on.
func CheckToken(token string) error {
	if err := sendable(token); err != nil {
		return err
	}
	if len(token) < shortestToken || len(token) > 1000 {
		return fmt.Errorf("the control token has %d characters; from %d to 1000 will do", len(token), shortestToken)
	}
	return nil
}

// sendable refuses what no header can carry (RFC 6750 2.1): blanks and control
// characters get lost on the way.
func sendable(token string) error {
	const printable = "letters, digits and signs of ASCII without blanks"
	switch {
	case token == "":
		return errors.New("the control token is empty; leave it away if none is wanted, or write " + printable)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the control token has a blank, a control character or one that is not of ASCII; write " + printable)
	}
	return nil
}
