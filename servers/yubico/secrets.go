package yubico

import "counterpart/internal/serving/dialect"

// Secrets are the places of secrets in messages. The answer repeats an OTP that was used
// up just now.
func Secrets() []dialect.Place {
	return []dialect.Place{{In: dialect.InRequest, Path: "**.otp"}, {In: dialect.InRequest, Path: "**.h"}}
}
