package duo

import "counterpart/internal/serving/dialect"

// Secrets are the places of secrets in messages: passcodes and what stands where
// they may stand, bypass codes, tokens of trusted devices, what activates a phone.
// (The request is shown by this server itself, see display.)
func Secrets() []dialect.Place {
	places := dialect.Fields("passcode", "passcodes", "trusted_device_token", "bypass_codes", "skey", "secret_key", "secret",
		"activation_code", "activation_barcode", "activation_url", "installation_url")
	return append(places,
		dialect.Place{In: dialect.InRequest, Path: "**.code"}, // in an answer it is the number of a refusal
		dialect.Place{In: dialect.InRequest, Path: "**.prompt"},
		dialect.Place{In: dialect.InRequest, Path: "**.auto"},
	)
}
