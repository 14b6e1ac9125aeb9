package radius

import (
	"errors"
	"fmt"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/ids"
)

// wording is how one flavour says things: the only place where its texts are.
// Texts marked "unverified" were chosen without having seen the product say
// them; challenge.prompt of the seed replaces the most visible ones.
type wording struct {
	success       string
	otp           string // asks for a one-time code
	otpOrPush     string // asks for a code, where an empty answer starts a push
	sent          string // asks for a code that was just delivered
	password      string // asks for the password (EAP-GTC)
	denied        string // any refusal without words of its own
	refusals      map[cause.Cause]string
	mschapFailure string
	push          func(user string) string // what a push shows
	// state makes the State of a challenge; products have their own forms.
	state func(s *server, v verdict) ([]byte, verdict, error)
}

// refusal is the Reply-Message of a reject; "" sends none.
func (w wording) refusal(err error) string {
	if c, ok := cause.Of(err); ok {
		if text, own := w.refusals[c]; own {
			return text
		}
	}
	return w.denied
}

func common() wording {
	return wording{
		otp:           "Enter one-time password:",
		otpOrPush:     "Enter one-time password, or leave it empty to get a push:",
		sent:          "A code was sent to you. Enter it:",
		password:      "Password:",
		mschapFailure: "Authentication failed",
		push:          func(user string) string { return "Login of " + user },
		state: func(s *server, v verdict) ([]byte, verdict, error) {
			st, err := s.newState()
			return st, v, err
		},
	}
}

// genericWords: a reject says nothing, as RFC-minded servers do.
func genericWords() wording { return common() }

// freeradiusWords: rlm_mschap's text; everything else is silent.
func freeradiusWords() wording {
	w := common()
	w.mschapFailure = "Authentication rejected"
	return w
}

// The rounds of the rsa flavour, as they appear at the end of its States. The
// first two are quoted in RSA's articles; rsaNext is unverified.
const (
	rsaNewPIN  = "SECURID_NEWPIN"
	rsaConfirm = "SECURID_NEWPIN_CONFIRM"
	rsaWait    = "SECURID_NEWPIN_WAIT" // unverified
	rsaNext    = "SECURID_NEXTCODE"    // unverified
)

// Prompts of the rsa flavour. The third is quoted in RSA's articles, the others
// are unverified.
const (
	rsaAskPIN      = "Enter a new PIN having from 4 to 8 alphanumeric characters:"
	rsaAskAgain    = "Please re-enter new PIN:"
	rsaPINAccepted = "PIN Accepted. Wait for the token code to change, then enter the new passcode:"
	rsaAskNext     = "Wait for token to change,\nthen enter the new tokencode:"
	rsaAskSent     = "Enter the tokencode that was sent to you:"
)

// rsaWords: States look like RSA|<uuid>|<uuid>|<round>; the first UUID names the
// conversation and stays, the second changes in every round.
func rsaWords() wording {
	w := common()
	w.denied = "Access Denied" // unverified
	w.state = func(s *server, v verdict) ([]byte, verdict, error) {
		session := v.next.Data["session"]
		if session == "" {
			session = ids.UUID(s.env.Rand)
			v = v.with("session", session)
		}
		return []byte("RSA|" + session + "|" + ids.UUID(s.env.Rand) + "|" + v.next.Step), v, nil
	}
	return w
}

// duoWords: all unverified on RADIUS except the five parts of the menu.
func duoWords() wording {
	w := common()
	w.success, w.denied = "Success. Logging you in...", "Login request denied."
	w.otp = "Enter a passcode:"
	w.refusals = map[cause.Cause]string{
		cause.WrongCode:     "Incorrect passcode. Please try again.",
		cause.Replayed:      "Incorrect passcode. Please try again.",
		cause.Malformed:     "Incorrect passcode. Please try again.",
		cause.Expired:       "Login timed out.",
		cause.DeviceLocked:  "Your account has been locked out due to too many failed login attempts.",
		cause.NoDevice:      "No device is available for this factor.",
		cause.NoneDelivered: "New SMS passcodes sent.",
		cause.WrongPassword: "", // the primary authentication says nothing
		cause.UnknownUser:   "",
	}
	return w
}

const (
	duoGreeting = "Duo two-factor login for %s\n\nEnter a passcode or select one of the following options:\n\n"
	duoChoice   = "\nPasscode or option (1-%d): "
	duoEnroll   = "Please enroll at %s"
)

// npsWords: the extension's State is a GUID; the question is unverified.
func npsWords() wording {
	w := common()
	w.otp = "Enter Your Microsoft verification code"
	w.sent = w.otp
	w.state = func(s *server, v verdict) ([]byte, verdict, error) {
		return []byte(ids.UUID(s.env.Rand)), v, nil
	}
	return w
}

// oktaWords: all unverified; okta.menu of the seed replaces the first line.
func oktaWords() wording {
	w := common()
	w.otp = "Enter your verification code:"
	w.sent = "Enter the code that was sent to you:"
	w.denied = "Authentication failed"
	return w
}

const oktaMenu = "Please select a factor by entering its number:"

// contradiction is what the fault accept-with-contradiction says in an Accept.
const contradiction = "Access denied"

// mschapCode is the code of MS-CHAP-Error for a refusal (RFC 2548 section 2.1.5).
func mschapCode(err error) int {
	for _, c := range []struct {
		cause cause.Cause
		code  int
	}{
		{cause.Disabled, 647}, {cause.Locked, 647}, {cause.AccountExpired, 647},
		{cause.PasswordExpired, 648}, {cause.MustChange, 648}, {cause.NotAllowed, 649},
	} {
		if errors.Is(err, c.cause) {
			return c.code
		}
	}
	return 691
}

// masked shows the end of a phone number, as Duo's menu does.
func masked(phone string) string {
	digits := ""
	for _, r := range phone {
		if r >= '0' && r <= '9' {
			digits += string(r)
		}
	}
	return fmt.Sprintf("XXX-XXX-%s", digits[max(0, len(digits)-4):])
}
