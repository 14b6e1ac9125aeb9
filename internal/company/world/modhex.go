package world

import (
	"encoding/hex"
	"strings"
)

// modhexDigits are the letters that a YubiKey types for 0 to 15, chosen because they
// are where they are on most keyboards (Yubico, "OTPs explained").
const modhexDigits = "cbdefghijklnrtuv"

// LongestPublicID is the longest public identifier of a YubiKey, in characters.
const LongestPublicID = 16

// Modhex writes octets as a YubiKey does, two letters each.
func Modhex(octets []byte) string {
	out := make([]byte, 0, 2*len(octets))
	for _, b := range octets {
		out = append(out, modhexDigits[b>>4], modhexDigits[b&15])
	}
	return string(out)
}

// ParseModhex reads what Modhex wrote; ok is false for any other text.
func ParseModhex(text string) (octets []byte, ok bool) {
	if len(text)%2 != 0 {
		return nil, false
	}
	octets = make([]byte, len(text)/2)
	for i := range len(text) {
		digit := modhexDigit(text[i])
		if digit < 0 {
			return nil, false
		}
		octets[i/2] = octets[i/2]<<4 | byte(digit)
	}
	return octets, true
}

// modhexDigit is what a letter stands for; -1 for any other.
func modhexDigit(letter byte) int {
	switch letter {
	case 'c':
		return 0
	case 'b':
		return 1
	case 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l':
		return int(letter-'d') + 2
	case 'n':
		return 11
	case 'r':
		return 12
	case 't', 'u', 'v':
		return int(letter-'t') + 13
	}
	return -1
}

// PublicID reads the public identifier of a YubiKey, 0 to 16 characters that are
// written in modhex or in hexadecimal, and returns it in modhex. What could be either
// is modhex.
func PublicID(text string) (id string, ok bool) {
	if len(text) > LongestPublicID {
		return "", false
	}
	text = strings.ToLower(text)
	if _, ok := ParseModhex(text); ok {
		return text, true
	}
	octets, err := hex.DecodeString(text)
	return Modhex(octets), err == nil
}
