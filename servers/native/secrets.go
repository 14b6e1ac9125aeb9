package native

import "counterpart/internal/serving/dialect"

// Secrets are the places of secrets in messages: passwords and keys that are fetched
// or checked out, what a new device shares with its owner, codes that are typed.
func Secrets() []dialect.Place {
	return append(dialect.Fields("password", "otp", "next_otp", "codes", "pin", "secret", "uri"),
		dialect.Place{Op: "GET /vault/v1/accounts/:account/password", In: dialect.InAnswer, Path: "value"},
		dialect.Place{Op: "GET /vault/v1/accounts/:account/key", In: dialect.InAnswer, Path: "value"},
		dialect.Place{Op: "GET /otp/v1/devices/:device/qr.png", In: dialect.InAnswer, Path: "**"},
	)
}
