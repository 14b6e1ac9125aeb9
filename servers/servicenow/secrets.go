package servicenow

import "counterpart/internal/serving/dialect"

// Secrets are the places of secrets in messages: what clients log in with, tokens,
// passwords of users. Headers are in no journal, and files are left out by upload
// and download themselves: nobody can tell what is in them.
func Secrets() []dialect.Place {
	return append(dialect.Fields("password", "user_password", "passwd", "client_secret", "access_token", "refresh_token", "id_token", "assertion", "api_key", "apikey", "token",
		"secret", "private_key", "ssh_private_key", "passphrase", "pass_phrase", "sysparm_password", "user_pin"),
		dialect.Place{Op: "oauth.token", In: dialect.InRequest, Path: "**.code"},
		// What is no JSON, XML or form is hidden where an operation has a place.
		dialect.Place{Op: "POST *attachment/*", In: dialect.InRequest, Path: "file"},
	)
}
