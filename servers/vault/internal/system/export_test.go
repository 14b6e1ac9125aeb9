package system

import "io"

// PasswordOf makes a password by a policy's text; it is an error when the text is no
// policy.
func PasswordOf(text string, random io.Reader) (string, int, error) {
	p, err := parsePasswordPolicy(text)
	if err != nil {
		return "", 0, err
	}
	password, err := p.generate(random)
	return password, p.Length, err
}
