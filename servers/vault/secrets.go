package vault

import (
	"counterpart/internal/serving/dialect"
)

// Secrets are the places of secrets in messages: what is kept in kv, what transit
// works on, keys, seeds, passwords, tokens. Ciphertexts, accessors and names are none.
func Secrets() []dialect.Place {
	places := dialect.Fields("client_token", "secret_id", "password", "password_hash", "last_password", "current_password", "bindpass", "private_key",
		"client_tls_key", "plaintext", "self_managed_password", "service_account_json", "connection_url", "otp", "token", "root_token", "keys_base64",
		"encoded_token", "encoded_root_token", "backup", "random_bytes", "rsa_private_key")
	request := func(op string, paths ...string) {
		for _, p := range paths {
			places = append(places, dialect.Place{Op: op, In: dialect.InRequest, Path: p})
		}
	}
	answer := func(op string, paths ...string) {
		for _, p := range paths {
			places = append(places, dialect.Place{Op: op, In: dialect.InAnswer, Path: p})
		}
	}
	for _, op := range []string{"kv.write", "kv.patch", "kv.data.write", "kv.data.patch", "cubbyhole.write", "kv.misuse.*", "system.wrapping.wrap.*"} {
		request(op, "**") // whatever the names are, they are the client's
	}
	for _, op := range []string{"kv.read", "cubbyhole.read", "system.wrapping.unwrap.*"} {
		answer(op, "data")
	}
	request("kv.data.*", "data")
	answer("kv.data.*", "data.data")
	request("token.create.*", "id")
	answer("token.lookup*", "data.id")
	request("totp.keys.*", "key", "url")
	answer("totp.keys.*", "data.url", "data.barcode")
	request("totp.code.*", "code")
	answer("totp.code.*", "data.code")
	answer("ssh.creds.*", "data.key")
	request("transit.*", "**.input")
	answer("transit.export.*", "data.keys")
	request("system.tools.hash.*", "input")
	request("system.audit-hash.*", "input")
	request("system.unseal*", "key")
	for _, op := range []string{"POST /v1/*", "PUT /v1/*", "PATCH /v1/*"} {
		request(op, "**") // what was refused before its mount was known
	}
	return places
}
