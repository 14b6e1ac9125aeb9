package rsa

import (
	_ "embed" // the list

	"counterpart/internal/serving/dialect"
)

//go:embed refusals.txt
var refusals string

// Refusals are the ways in which this kind of server says no: those that its tests meet.
func Refusals() []dialect.Refusal { return dialect.ReadRefusals(refusals) }
