package rsa

import (
	"slices"

	"counterpart/internal/company/world"
)

// method is a way to answer a challenge.
type method struct {
	id, display string
	kinds       []world.DeviceKind // devices that it needs one of
	prompt      string             // of its value; "" for one that has none
	text        string
	push        bool // answered on a phone
	sent        bool // the first verify sends the code, the second has it
}

// Methods that only a token's state leads to.
const (
	securID       = "SECURID"
	nextTokencode = "SECURID_NEXT_TOKENCODE"
	newPIN        = "SECURID_NEWPIN"
	qrCode        = "QRCODE"
)

// methods are those of the cloud with the names that clients match, and what Authentication
// Manager asks for besides. Texts of others than SECURID and the next tokencode are unverified.
func methods() []method {
	tokens := []world.DeviceKind{world.TOTP, world.HOTP}
	phone := []world.DeviceKind{world.Push}
	return []method{
		{id: "APPROVE", display: "Approve", kinds: phone, push: true},
		{id: "FINGERPRINT", display: "Device Biometrics", kinds: phone, push: true},
		{id: qrCode, display: "QR Code", kinds: phone, push: true},
		{id: "TOKEN", display: "Authenticate Tokencode", kinds: tokens, prompt: "SecurID.Resource.Prompt.Tokencode", text: "Enter tokencode:"},
		{id: securID, display: "RSA SecurID", kinds: tokens, prompt: "SecurID.Resource.Prompt.Passcode", text: "Enter passcode:"},
		{id: "SMS", display: "SMS Tokencode", kinds: []world.DeviceKind{world.SMS}, prompt: "SecurID.Resource.Prompt.Tokencode", text: "Enter the code that was sent:", sent: true},
		{id: "VOICE", display: "Voice Tokencode", kinds: []world.DeviceKind{world.Voice}, prompt: "SecurID.Resource.Prompt.Tokencode", text: "Enter the code that was told:", sent: true},
		{id: "EMERGENCY_TOKENCODE", display: "Emergency Tokencode", kinds: []world.DeviceKind{world.Static}, prompt: "SecurID.Resource.Prompt.Tokencode", text: "Enter emergency tokencode:"},
	}
}

// steps are what a token's state asks for.
func steps() []method {
	return []method{
		{id: nextTokencode, prompt: "SecurID.Resource.Prompt.Next.Tokencode", text: "Enter next token code:"},
		{id: newPIN, prompt: "SecurID.Resource.Prompt.New.Pin", text: "Enter new PIN:"},
	}
}

// methodIDs are the cloud's, in their order.
func methodIDs() (out []string) {
	for _, m := range methods() {
		out = append(out, m.id)
	}
	return out
}

func methodOf(id string) (method, bool) { return among(methods(), id) }

func among(list []method, id string) (method, bool) {
	i := slices.IndexFunc(list, func(m method) bool { return m.id == id })
	if i < 0 {
		return method{}, false
	}
	return list[i], true
}

// offered are the methods of a person, and whether each can be used. Of somebody unknown
// all can, as far as an answer tells.
func (s *Server) offered(a *attempt) (list []method, usable map[string]bool) {
	usable = map[string]bool{}
	if !s.cloud() {
		m, _ := methodOf(securID)
		m.display = ""
		return []method{m}, map[string]bool{securID: true}
	}
	mine := s.members[a.User].Methods
	devices := s.World.DevicesOf(a.User)
	for _, id := range s.set.Policy.Methods {
		m, _ := methodOf(id)
		list = append(list, m)
		has := slices.ContainsFunc(devices, func(d world.Device) bool { return slices.Contains(m.kinds, d.Kind) })
		usable[id] = a.User == "" || has && (len(mine) == 0 || slices.Contains(mine, id))
	}
	return list, usable
}
