package step

import "errors"

// Person is who takes a walk.
type Person struct {
	Number                 int // in the company, from 0
	ID, Name               string
	Password, Email, Phone string
	// Fate is what the company demands of a login with the right password and a right code.
	// Unknown: a server outside of the fleet has its own opinion.
	Fate Fate
	// Second is the same of a login with one of their codes: MayNot if all devices that show
	// them are disabled. They still show them.
	Second Fate
	// Code draws a code of one of the person's devices: "totp", "hotp", "yubikey", or the ID of a
	// device. Each call of hotp and yubikey draws a new one. ErrNoDevice: there is no such device.
	Code func(of string) (string, error)
}

// Fate is whether the company lets a person in.
type Fate uint8

// The fates.
const (
	Unknown Fate = iota
	May
	MayNot
)

// ErrNoDevice means that a person has no device that shows such a code.
var ErrNoDevice = errors.New("the person has no such device")

// Account is what a walk asks a vault for.
type Account struct {
	ID, Name, Asset, Address string // "root@db01", "root", "db01", "10.0.0.5"
	Exclusive                bool   // one holder at a time
}
