package factor

import (
	"crypto/aes"
	"encoding/binary"
	"strings"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/world"
)

// OTP is a one-time password of a YubiKey as it is typed: the public ID and one block
// of AES-128 (Yubico, "OTPs explained").
type OTP struct {
	PublicID string // modhex, 0 to 16 characters
	Block    [aes.BlockSize]byte
}

// blockLetters is the length of the block in modhex.
const blockLetters = 2 * aes.BlockSize

// ParseOTP reads 32 to 48 letters of modhex in lower case. It refuses anything else
// with cause.Malformed.
func ParseOTP(text string) (OTP, error) {
	at := len(text) - blockLetters
	if at < 0 || at > world.LongestPublicID {
		return OTP{}, cause.Because(cause.Malformed, "a YubiKey types %d to %d letters, not %d", blockLetters, blockLetters+world.LongestPublicID, len(text))
	}
	octets, ok := world.ParseModhex(text[at:])
	if _, fine := world.ParseModhex(text[:at] + text[:at]); !ok || !fine { // twice, as its length may be odd
		return OTP{}, cause.Because(cause.Malformed, "what a YubiKey types is modhex in lower case")
	}
	return OTP{PublicID: text[:at], Block: [aes.BlockSize]byte(octets)}, nil
}

// Keystroke is what the block of an OTP says, once it is decrypted.
type Keystroke struct {
	PrivateID [6]byte
	Session   uint16 // counts the times that the key got power; bit 15 is of old keys' Caps Lock
	Timestamp uint32 // 24 bits, eighths of a second since some moment
	Use       uint8  // counts what was typed in the session, from 0
	Random    uint16
}

// High and Low are the two parts of a timestamp, as servers keep them.
func (k Keystroke) High() int { return int(k.Timestamp >> 16) }

// Low is the lower 16 bits of the timestamp.
func (k Keystroke) Low() int { return int(k.Timestamp & 0xffff) }

// octets are the plain text of the block: all numbers begin with their lowest octet.
func (k Keystroke) octets() (b [aes.BlockSize]byte) {
	copy(b[:], k.PrivateID[:])
	binary.LittleEndian.PutUint16(b[6:], k.Session)
	binary.LittleEndian.PutUint16(b[8:], uint16(k.Timestamp))
	b[10], b[11] = byte(k.Timestamp>>16), k.Use
	binary.LittleEndian.PutUint16(b[12:], k.Random)
	binary.LittleEndian.PutUint16(b[14:], ^crc16(b[:14]))
	return b
}

// Typed is what a key types that has the public ID and the AES key of d.
func (k Keystroke) Typed(d world.Device) (string, error) {
	return keyed(d.PublicID, d.AESKey, k.octets())
}

// keyed is what a key types that has this public ID and AES key of 16 octets.
func keyed(publicID string, key []byte, plain [aes.BlockSize]byte) (string, error) {
	c, err := aes.NewCipher(key)
	if err != nil {
		return "", err
	}
	c.Encrypt(plain[:], plain[:])
	return publicID + world.Modhex(plain[:]), nil
}

// Open decrypts the OTP with the keys of a YubiKey. What another key has typed, or
// nobody, is cause.WrongCode.
func (o OTP) Open(d world.Device) (Keystroke, error) {
	c, err := aes.NewCipher(d.AESKey)
	if err != nil {
		return Keystroke{}, cause.Because(cause.WrongCode, "%s has no AES key", d.ID)
	}
	var b [aes.BlockSize]byte
	c.Decrypt(b[:], o.Block[:])
	k := Keystroke{PrivateID: [6]byte(b[:6]), Session: binary.LittleEndian.Uint16(b[6:]), Use: b[11], Random: binary.LittleEndian.Uint16(b[12:]),
		Timestamp: uint32(b[10])<<16 | uint32(binary.LittleEndian.Uint16(b[8:]))}
	if string(b[:6]) != string(d.PrivateID) {
		return Keystroke{}, cause.Because(cause.WrongCode, "the OTP has another private ID than %s", d.ID)
	}
	if crc16(b[:]) != goodCRC {
		return Keystroke{}, cause.Because(cause.WrongCode, "the checksum of the OTP of %s is wrong", d.ID)
	}
	return k, nil
}

// goodCRC is what is left over all octets of a block whose last two are the complement
// of the checksum of the others.
const goodCRC = 0xf0b8

// crc16 is ISO 13239's: begun with 0xffff, the polynomial reflected.
func crc16(octets []byte) uint16 {
	crc := uint16(0xffff)
	for _, b := range octets {
		crc ^= uint16(b)
		for range 8 {
			low := crc & 1
			if crc >>= 1; low != 0 {
				crc ^= 0x8408
			}
		}
	}
	return crc
}

// FromDvorak is what a key typed on a computer with the Dvorak layout, in modhex; text
// that can be none of that stays as it is.
func FromDvorak(text string) string {
	const dvorak, modhex = "jxe.uidchtnbpygk", "cbdefghijklnrtuv"
	if text == "" || strings.Trim(text, dvorak) != "" {
		return text
	}
	return strings.Map(func(r rune) rune { return rune(modhex[strings.IndexRune(dvorak, r)]) }, text)
}
