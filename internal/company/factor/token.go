package factor

import (
	"context"
	"crypto/subtle"
	"time"

	"counterpart/internal/company/cause"
)

// Token is what an authentication manager keeps of somebody's tokens beside their codes: the
// PIN that is typed before a code, what is asked for at the next login, and wrong passcodes
// in a row. One record for all systems that know passcodes, so that a new PIN is the PIN at
// each of them.
type Token struct {
	Mode TokenMode `json:"mode,omitempty"` // empty: as the seed has it
	PIN  *string   `json:"pin,omitempty"`  // nil: that of the seed
	Bad  int       `json:"bad,omitempty"`  // wrong passcodes in a row
}

// TokenMode is what a good passcode leads to.
type TokenMode string

// The modes.
const (
	TokenNormal   TokenMode = "normal"
	TokenNewPIN   TokenMode = "new_pin"        // a new PIN is to be set
	TokenNextCode TokenMode = "next_tokencode" // the code that comes next is wanted, too
)

// SeedToken says in which mode somebody's tokens are from the start. Servers call it while
// they are built.
func (b *Service) SeedToken(userID string, mode TokenMode) {
	b.regMu.Lock()
	defer b.regMu.Unlock()
	if b.modes == nil {
		b.modes = map[string]TokenMode{}
	}
	b.modes[userID] = mode
}

// Token is how somebody's tokens stand.
func (b *Service) Token(ctx context.Context, userID string) (Token, error) {
	t, _, err := b.tokens.Read(ctx, userID)
	if t.Mode == "" {
		b.regMu.RLock()
		t.Mode = b.modes[userID]
		b.regMu.RUnlock()
	}
	if t.Mode == "" {
		t.Mode = TokenNormal
	}
	if t.PIN == nil {
		pin := ""
		for _, d := range b.World.DevicesOf(userID) {
			if d.PIN != "" {
				pin = d.PIN
				break
			}
		}
		t.PIN = &pin
	}
	return t, err
}

// Passcode judges PIN and code of one text, and counts: judge uses the code up, and its
// refusals are counted as a wrong PIN's are. It returns how the tokens stood before.
func (b *Service) Passcode(ctx context.Context, userID, text string, judge func(code string) error) (Token, error) {
	t, err := b.Token(ctx, userID)
	if err != nil {
		return t, err
	}
	err = cause.Because(cause.WrongCode, "the passcode of %s does not start with the PIN", userID)
	if n := len(*t.PIN); len(text) >= n && subtle.ConstantTimeCompare([]byte(text[:n]), []byte(*t.PIN)) == 1 {
		err = judge(text[n:])
	}
	if _, refused := cause.Of(err); err != nil && refused {
		if err := b.tokens.Change(ctx, userID, func(t *Token, _ bool) error { t.Bad++; return nil }); err != nil {
			return t, err
		}
	}
	return t, err
}

// SetPIN gives somebody's tokens another PIN, which ends every mode.
func (b *Service) SetPIN(ctx context.Context, userID, pin string) error {
	return b.tokens.Put(ctx, userID, Token{Mode: TokenNormal, PIN: &pin}, time.Time{})
}

// TokenPassed forgets wrong passcodes and ends the mode that wanted the next code.
func (b *Service) TokenPassed(ctx context.Context, userID string) error {
	return b.tokens.Change(ctx, userID, func(t *Token, _ bool) error {
		t.Mode, t.Bad = TokenNormal, 0
		return nil
	})
}
