package rsa

import "counterpart/internal/serving/dialect"

// Secrets are the places of secrets in messages: what people type, and a PIN that was made
// up for them.
func Secrets() []dialect.Place {
	return []dialect.Place{{In: dialect.InRequest, Path: "subjectCredentials.**.value"}, {In: dialect.InAnswer, Path: "**.defaultValue"}}
}
